"""Loads the configuration: strict YAML to records, every problem with its line and key."""

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.config.credentials import variables
from maskwatch.config.reader import EVERYTHING, SECRET, VARIABLE, Reader, read_tree
from maskwatch.config.sections import CameraConfig, Defaults, Globals
from maskwatch.config.wording import dotted
from maskwatch.config.yaml_document import text_of
from maskwatch.console.settings import ConsoleSettings
from maskwatch.drift.settings import DriftSettings
from maskwatch.events.settings import EventSettings
from maskwatch.fleet.settings import FleetSettings
from maskwatch.learning.settings import LearnSettings
from maskwatch.models.settings import ModelsSettings
from maskwatch.platform.paths import Base
from maskwatch.samples.settings import QueueSettings
from maskwatch.web.settings import WebSettings

WEIGHTS = frozenset({"detect", "classify"})  # sections that name a file of weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `defaults` holds for a source that is no camera of it, in a replay for example."""

    cameras: dict[str, CameraConfig]
    defaults: Defaults
    queue: QueueSettings
    device: str
    web: WebSettings
    models: ModelsSettings
    fleet: FleetSettings
    learn: LearnSettings
    drift: DriftSettings
    console: ConsoleSettings
    events: EventSettings


def file_schema() -> dict[str, Any]:
    """The JSON Schema of all sections of a file except the cameras."""
    return Globals.model_json_schema()


def default() -> Config:
    """The configuration without a file: no cameras, and folders in the working directory."""
    return parse("", "defaults", {})


def load(path: Path, uses: Collection[str] = EVERYTHING) -> Config:
    """Read a file; `{MASKWATCH_NAME}` in it is replaced from systemd's credentials or the environment.

    Relative paths become absolute ones (see `platform/paths.py`). `uses` names the sections that the caller uses; besides
    sections, `source` means the cameras' sources, `sinks` those of alerts, and the keys of `ADDRESSES` themselves. The
    other sections are checked too, but left at their defaults, and a variable that is missing there is no problem.

    Raises `ConfigError` with a line for every problem: file, line and key. A missing file of weights is a problem, and so
    are no cameras when their sources are used. Missing footage is none, as the other cameras must be watched.
    """
    reader = _reader(path, variables(), uses)
    config = _config(reader.sections(weights=WEIGHTS & set(uses), need_cameras="source" in uses))
    for warning in reader.base.warnings if reader.base else []:
        log.warning("%s", warning)
    return config


def parse(text: str, name: str, environment: Mapping[str, str]) -> Config:
    """Like `load`, of a text, without checking for files; `name` stands for the file in errors."""
    return _config(Reader(text, name, environment).sections())


def check(path: Path) -> int:
    """Check a file without the passwords: a value with `{MASKWATCH_NAME}` in it is taken unchecked.

    Returns the number of cameras. Raises `ConfigError` as `load` does.
    """
    return check_text(text_of(path), path)


def check_text(text: str, path: Path) -> int:
    """`check` of a text that is to be written to that file."""
    cameras, _ = Reader(text, str(path), {}, (), Base.of(path)).sections(weights=WEIGHTS, need_cameras=True)
    return len(cameras)


def used_variables(path: Path, uses: Collection[str]) -> dict[str, str]:
    """The variables `{MASKWATCH_NAME}` in the sections `uses` of a file, with their values."""
    names = _reader(path, {}, uses).missing_variables()
    return {name: value for name, value in variables().items() if name in names}


def missing_footage(path: Path) -> list[str]:
    """A line for every camera whose footage does not exist, of a file that `load` accepts."""
    reader = _reader(path, variables(), EVERYTHING)
    cameras, _ = reader.sections()
    return reader.missing_footage(cameras)


def written_secrets(path: Path) -> list[str]:
    """The keys of a file, with their lines, whose values contain a password in place of a variable.

    Raises `ConfigError` for a file that cannot be read.
    """
    tree = read_tree(text_of(path), str(path))
    found = []
    for key, line in sorted(tree.lines.items(), key=lambda each: each[1]):
        name = next((part for part in reversed(key) if isinstance(part, str)), "")
        written = tree.at(key)
        if name in {*SECRET, "address"} and isinstance(written, str) and not VARIABLE.search(written):
            is_address = name in {"source", "address", "url", "urls", "store"} or "://" in written
            if not is_address or re.search(r"://[^/]*:[^/]*@", written):
                found.append(f"line {line}, {dotted(key)}")
    return found


def _reader(path: Path, environment: Mapping[str, str], uses: Collection[str]) -> Reader:
    return Reader(text_of(path), str(path), environment, uses, Base.of(path))


def _config(sections: tuple[dict[str, CameraConfig], Globals]) -> Config:
    cameras, shared = sections
    return Config(
        cameras,
        shared,
        shared.queue,
        shared.device,
        shared.web,
        shared.models,
        shared.fleet,
        shared.learn,
        shared.drift,
        shared.console,
        shared.events,
    )
