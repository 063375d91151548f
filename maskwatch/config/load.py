"""The configuration: strict YAML to records. Every problem is told with its line and key."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.config.credentials import variables
from maskwatch.config.sections import CameraConfig, Defaults, Globals
from maskwatch.config.wording import dotted, wording
from maskwatch.config.yaml_document import (
    CONTROL,
    Key,
    Tree,
    TreeError,
    holds,
    overridden,
    printable,
    read,
    text_of,
)
from maskwatch.console.settings import ConsoleSettings
from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import ConfigError
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import STOCK
from maskwatch.drift.settings import DriftSettings
from maskwatch.events.settings import EventSettings
from maskwatch.fleet.settings import FleetSettings
from maskwatch.learning.settings import LearnSettings
from maskwatch.models.settings import ModelsSettings
from maskwatch.platform.paths import BASE, Base
from maskwatch.plugins import Kinds
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.sources.registry import A_PIPE, why_missing
from maskwatch.web.settings import WebSettings

VARIABLE = re.compile(r"\{(MASKWATCH_\w+)\}")
CAMERA_NAME = r"\w[\w .-]{0,63}"
SECRET = frozenset(
    {"source", "token", "url", "urls", "store", "secret", "password"}
)  # what stands there is never shown
SINKS = "sinks"  # of alerts, wherever they are named
ADDRESSES = {
    "events.url": ("events", "url"),
    "console.store": ("console", "store"),
    "fleet.address": ("fleet", "address"),
}
"""Used apart from their section: of the shared database by who writes there, and who shows it; of a fleet's registry."""
EVERYTHING = frozenset({*Globals.model_fields, "source", SINKS, *ADDRESSES} - {"cameras"})
WEIGHTS = frozenset({"detect", "classify"})  # sections that name a file of weights
KEPT = frozenset(
    {"queue", "models", "learn", "drift", "events", "console"}
)  # sections that name a folder, also where they are not written

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    """`defaults` serves a source that is no camera of the configuration, in a replay say."""

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
    """The JSON Schema of a file's sections; of the cameras it tells nothing."""
    return Globals.model_json_schema()


def default() -> Config:
    """What holds without a file: no cameras, and folders in the working directory."""
    return parse("", "defaults", {})


def load(path: Path, uses: Collection[str] = EVERYTHING) -> Config:
    """Read a file; `{MASKWATCH_NAME}` in it is replaced from systemd's credentials or the environment.

    Relative paths become absolute ones (see `platform/paths.py`). `uses` are the sections that the caller uses, `source`
    those of the cameras, `sinks` those of alerts, those of `ADDRESSES` that alone. The others are read too, for what is wrong in them, but left at their defaults, and a variable
    that is missing there is no problem.

    Raises `ConfigError` with a line for every problem: the file, the line, the key. A file of weights that
    is not there is one, and so is that there are no cameras when their sources are used. Footage that is not
    there is none: the other cameras must be watched.
    """
    reading = _reading(path, variables(), uses)
    config = reading.config(weights=WEIGHTS & set(uses), need_cameras="source" in uses)
    for warning in reading.base.warnings if reading.base else []:
        log.warning("%s", warning)
    return config


def parse(text: str, name: str, environment: Mapping[str, str]) -> Config:
    """Like `load`, of a text, and without asking for files; `name` stands for the file in errors."""
    return _Reading(text, name, environment).config()


def check(path: Path) -> int:
    """`load` where nobody knows the passwords: a value with `{MASKWATCH_NAME}` in it is taken on trust.

    Returns how many cameras there are.
    """
    return check_text(text_of(path), path)


def check_text(text: str, path: Path) -> int:
    """`check` of a text that is to stand in that file."""
    config = _Reading(text, str(path), {}, (), Base.of(path)).config(weights=WEIGHTS, need_cameras=True)
    return len(config.cameras)


def used_variables(path: Path, uses: Collection[str]) -> dict[str, str]:
    """Those of `{MASKWATCH_NAME}` that stand in the sections `uses` of a file, with their values."""
    names = _reading(path, {}, uses).variables()
    return {name: value for name, value in variables().items() if name in names}


def missing_footage(path: Path) -> list[str]:
    """A line for every camera of a file that `load` takes whose footage is not there."""
    reading = _reading(path, variables(), EVERYTHING)
    return reading.missing(reading.config())


def written_secrets(path: Path) -> list[str]:
    """The keys of a file, with their lines, whose values hold a password themselves and name no variable for it.

    Raises `ConfigError` for a file that cannot be read.
    """
    tree = _tree(text_of(path), str(path))
    found = []
    for key, line in sorted(tree.lines.items(), key=lambda each: each[1]):
        name = next((part for part in reversed(key) if isinstance(part, str)), "")
        written = tree.at(key)
        if name in {*SECRET, "address"} and isinstance(written, str) and not VARIABLE.search(written):
            is_address = name in {"source", "address", "url", "urls", "store"} or "://" in written
            if not is_address or re.search(r"://[^/]*:[^/]*@", written):
                found.append(f"line {line}, {dotted(key)}")
    return found


def _reading(path: Path, environment: Mapping[str, str], uses: Collection[str]) -> "_Reading":
    return _Reading(text_of(path), str(path), environment, uses, Base.of(path))


def _tree(text: str, name: str) -> Tree:
    try:
        return read(text)
    except TreeError as e:
        raise ConfigError(f"{name}:{e.line}: {printable(str(e))}") from e


class _Reading:
    """One text being read: collects the problems, so that all are told at once.

    Of a section that nobody uses, a value for which the environment has nothing is no problem.
    """

    def __init__(
        self,
        text: str,
        name: str,
        environment: Mapping[str, str],
        uses: Collection[str] = EVERYTHING,
        base: Base | None = None,
    ) -> None:
        self.base = base
        self._name = name
        self._uses = uses
        self._environment = environment
        self._problems: list[tuple[int, str]] = []
        self._tree = _tree(text, name)
        for line, key, first in self._tree.twice:
            self._problem(key, f"duplicate key (first in line {first})", line)

    def config(self, *, weights: Collection[str] = (), need_cameras: bool = False) -> Config:
        """`weights` are the sections whose files have to be there."""
        whole = self._filled(self._tree.value, ())
        if not isinstance(whole, dict):
            raise ConfigError(f"{self._name}: must hold keys and values")
        written = whole.get("cameras", {})
        cameras = written if isinstance(written, dict) else {}
        self._find_problems(whole, cameras)
        self._require_different(cameras)
        if need_cameras and written == {}:
            self._problem(("cameras",), "there is none to watch")
        for prefix in [(), *(("cameras", name) for name in cameras)]:
            self._require_weights(prefix, weights)
        if self._problems:
            raise ConfigError("\n".join(problem for _, problem in sorted(set(self._problems))))
        try:
            return self._made(whole, cameras)
        except ValidationError as e:  # nothing that is wrong may end in a camera less
            raise ConfigError(f"{self._name}: cannot be used: {dotted(e.errors()[0]['loc'])}") from e

    def variables(self) -> set[str]:
        """That stand in the sections that are used and are not in the environment."""
        return set(self._unknown(self._tree.value, ()))

    def _unknown(self, value: Any, key: Key) -> Iterator[str]:
        if isinstance(value, dict | list):
            for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self._unknown(inner, (*key, part))
        elif isinstance(value, str) and not self._trusts(key):
            yield from (name for name in VARIABLE.findall(value) if name not in self._environment)

    def missing(self, config: Config) -> list[str]:
        for name, camera in config.cameras.items():
            if why := why_missing(camera.source):
                self._problem(("cameras", name, "source"), why)
        return [problem for _, problem in sorted(self._problems)]

    def _find_problems(self, whole: dict[str, Any], cameras: dict[str, Any]) -> None:
        """Those of all values; what is wrong with an inherited one is told where it stands alone."""
        shared = self._errors(Globals, whole)
        for error in shared:
            self._tell(error, ())
        told = {error["loc"] for error in shared}
        for name, own in cameras.items():
            prefix = ("cameras", name)
            if not re.fullmatch(CAMERA_NAME, name):
                self._problem(prefix, "a camera's name is letters, digits, space, _ . - (at most 64)")
            if not isinstance(own, dict):
                self._problem(prefix, "must hold keys and values, source at least")
                continue
            for error in self._errors(CameraConfig, overridden(_inherited(whole), own)):
                if error["loc"] not in told or holds(own, error["loc"]):
                    self._tell(error, prefix)

    def _made(self, whole: dict[str, Any], cameras: dict[str, Any]) -> Config:
        """The records, of the used sections alone. Raises `ValidationError` for one that cannot be."""
        used = {key: value for key, value in whole.items() if key in self._uses}
        for address, (name, url) in ADDRESSES.items():
            if address not in self._uses and isinstance(used.get(name), dict):
                used[name] = {key: value for key, value in used[name].items() if key != url}
        known = {}
        for name, own in cameras.items():
            values = {key: value for key, value in own.items() if key in self._uses}
            if "source" not in self._uses:  # nobody opens it: a variable in it may be unknown
                written = own["source"]
                values["source"] = Address(written if isinstance(written, str) else "")
            known[name] = self._validated(CameraConfig, overridden(_inherited(used), values))
        shared = self._validated(Globals, {section: {} for section in KEPT & set(self._uses)} | used)
        return Config(
            known,
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

    def _validated(self, model: type[Any], data: Any) -> Any:
        return model.model_validate(data, context={BASE: self.base})

    def _errors(self, model: type[Any], data: Any) -> list[ErrorDetails]:
        try:
            model.model_validate(data)
        except ValidationError as e:
            return e.errors(include_url=False)
        return []

    def _require_different(self, cameras: dict[str, Any]) -> None:
        """A camera that stands there twice is a door that nobody watches. Footage may be shown twice."""
        first: dict[str, str] = {}
        for name, own in cameras.items():
            source = own.get("source") if isinstance(own, dict) else None
            source = source.get("address") if isinstance(source, dict) else source
            place = _place(source) if isinstance(source, str) else None
            if place is not None and first.setdefault(place, name) != name:
                self._problem(("cameras", name, "source"), f"is that of {first[place]}, too")

    def _require_weights(self, prefix: Key, sections: Collection[str]) -> None:
        registries: dict[str, Kinds[Any, Any]] = {"detect": DETECTORS, "classify": CLASSIFIERS}
        for section in sections:
            key = (*prefix, section, "weights")
            written = self._tree.at(key)
            if not isinstance(written, str) or (section, written) == ("detect", STOCK) or self._trusts(key):
                continue
            kind = self._tree.at((*prefix, section, "kind")) or self._tree.at((section, "kind"))
            if kind and kind not in [name for name, _ in registries[section].own()]:
                continue  # what another package means by weights need not be a file
            name = self._filled(written, key)
            path = Path(self.base.beside(name) if self.base else name)
            try:
                with path.open("rb"):
                    pass
            except (OSError, ValueError) as e:
                why = (e.strerror if isinstance(e, OSError) else None) or "cannot be read"
                # a value from the environment is never shown
                self._problem(key, f"{why}: {written if VARIABLE.search(written) else path}")

    def _filled(self, value: Any, key: Key) -> Any:
        """The tree with `{MASKWATCH_NAME}` replaced from the environment."""
        if isinstance(value, dict):
            return {k: self._filled(v, (*key, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self._filled(v, (*key, place)) for place, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        for variable in VARIABLE.findall(value):
            if variable not in self._environment and not self._trusts(key):
                self._problem(key, f"the environment has no {variable}, nor do systemd's credentials")
        value = VARIABLE.sub(lambda m: self._environment.get(m[1], m[0]), value)
        if CONTROL.search(value):
            self._problem(key, "holds a control character")
        return value

    def _tell(self, error: ErrorDetails, prefix: Key) -> None:
        key = (*prefix, *error["loc"])
        if error["type"] == "extra_forbidden" or not self._trusts(key):
            self._problem(key, wording(error, key, self._tree, hidden=bool(SECRET & set(key))))

    def _trusts(self, key: Key) -> bool:
        """Whether a value depends on a variable that the environment does not have, in a section that nobody uses."""
        written = self._tree.at(key)
        if not isinstance(written, str) or set(VARIABLE.findall(written)) <= self._environment.keys():
            return False
        section = key[2:] if key[:1] == ("cameras",) else key
        if SINKS in section and SINKS not in self._uses:
            return True
        for address, place in ADDRESSES.items():
            if section == place:
                return address not in self._uses
        return bool(section) and section[0] not in self._uses

    def _problem(self, key: Key, text: str, line: int | None = None) -> None:
        line = self._tree.line(key) if line is None else line
        self._problems.append((line, f"{self._name}{f':{line}' if line else ''}: {dotted(key)}: {text}"))


def _place(source: str) -> str | None:
    """What two addresses of one camera have in common; None for footage."""
    text = re.sub(r"^/dev/video(?=\d+$)", "usb:", source)
    if A_PIPE.fullmatch(text):
        return "stdin:"
    return redacted(text) if "://" in text or text.startswith("usb:") else None


def _inherited(whole: dict[str, Any]) -> dict[str, Any]:
    """The global values that a camera starts from."""
    result = {key: value for key, value in whole.items() if key in Defaults.model_fields}
    if isinstance(result.get("queue"), dict):
        own = SelectionSettings.model_fields
        result["queue"] = {key: value for key, value in result["queue"].items() if key in own}
    return result
