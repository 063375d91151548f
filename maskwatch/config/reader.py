"""Reads the text of a configuration: variables filled in, sections validated, every problem with its line and key."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from maskwatch.classify.registry import CLASSIFIERS
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
)
from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import ConfigError
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import STOCK
from maskwatch.platform.paths import BASE, Base
from maskwatch.plugins import Kinds
from maskwatch.samples.settings import SelectionSettings
from maskwatch.sources.registry import A_PIPE, why_missing

VARIABLE = re.compile(r"\{(MASKWATCH_\w+)\}")
CAMERA_NAME = r"\w[\w .-]{0,63}"
SECRET = frozenset({"source", "token", "url", "urls", "store", "secret", "password"})
"""Keys whose values are never shown."""
SINKS = "sinks"  # of alerts, wherever they are named
ADDRESSES = {
    "events.url": ("events", "url"),
    "console.store": ("console", "store"),
    "fleet.address": ("fleet", "address"),
}
"""Keys that are used apart from their section: by the service that writes, the console that shows, a fleet's member."""
EVERYTHING = frozenset({*Globals.model_fields, "source", SINKS, *ADDRESSES} - {"cameras"})
STATE_SECTIONS = frozenset({"queue", "models", "learn", "drift", "events", "console"})
"""Sections that name a folder, also where they are not written."""


def read_tree(text: str, name: str) -> Tree:
    """The text as a tree with line numbers. Raises `ConfigError`, which begins with `name` and the line."""
    try:
        return read(text)
    except TreeError as e:
        raise ConfigError(f"{name}:{e.line}: {printable(str(e))}") from e


class Reader:
    """Reads one text, and collects its problems, so that all of them are reported at once.

    `name` stands for the file in errors, `base` is what relative paths are relative to. In sections that are not in `uses`
    a variable that the environment lacks is no problem.
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
        self._tree = read_tree(text, name)
        for line, key, first in self._tree.duplicates:
            self._problem(key, f"duplicate key (first in line {first})", line)

    def sections(
        self, *, weights: Collection[str] = (), need_cameras: bool = False
    ) -> tuple[dict[str, CameraConfig], Globals]:
        """The cameras by name, and all sections. `weights` are the sections whose files of weights must exist.

        Raises `ConfigError` with a line for every problem.
        """
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
            return self._validated_sections(whole, cameras)
        except ValidationError as e:  # never go on with a camera less
            raise ConfigError(f"{self._name}: cannot be used: {dotted(e.errors()[0]['loc'])}") from e

    def missing_variables(self) -> set[str]:
        """The variables in the sections that are used which the environment lacks."""
        return set(self._unknown(self._tree.value, ()))

    def _unknown(self, value: Any, key: Key) -> Iterator[str]:
        if isinstance(value, dict | list):
            for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self._unknown(inner, (*key, part))
        elif isinstance(value, str) and not self._trusts(key):
            yield from (name for name in VARIABLE.findall(value) if name not in self._environment)

    def missing_footage(self, cameras: Mapping[str, CameraConfig]) -> list[str]:
        """A line for every camera whose footage does not exist."""
        for name, camera in cameras.items():
            if why := why_missing(camera.source):
                self._problem(("cameras", name, "source"), why)
        return [problem for _, problem in sorted(self._problems)]

    def _find_problems(self, whole: dict[str, Any], cameras: dict[str, Any]) -> None:
        """Collect the problems of all values; that of an inherited value is reported once, where it is written."""
        shared = self._errors(Globals, whole)
        for error in shared:
            self._report(error, ())
        reported = {error["loc"] for error in shared}
        for name, own in cameras.items():
            prefix = ("cameras", name)
            if not re.fullmatch(CAMERA_NAME, name):
                self._problem(prefix, "a camera's name is letters, digits, space, _ . - (at most 64)")
            if not isinstance(own, dict):
                self._problem(prefix, "must hold keys and values, source at least")
                continue
            for error in self._errors(CameraConfig, overridden(_inherited(whole), own)):
                if error["loc"] not in reported or holds(own, error["loc"]):
                    self._report(error, prefix)

    def _validated_sections(
        self, whole: dict[str, Any], cameras: dict[str, Any]
    ) -> tuple[dict[str, CameraConfig], Globals]:
        """The records of the sections that are used; the others have their defaults. Raises `ValidationError`."""
        used = {key: value for key, value in whole.items() if key in self._uses}
        for address, (name, url) in ADDRESSES.items():
            if address not in self._uses and isinstance(used.get(name), dict):
                used[name] = {key: value for key, value in used[name].items() if key != url}
        known = {}
        for name, own in cameras.items():
            values = {key: value for key, value in own.items() if key in self._uses}
            if "source" not in self._uses:  # it is not opened, and a variable in it may be unknown
                written = own["source"]
                values["source"] = Address(written if isinstance(written, str) else "")
            known[name] = self._validated(CameraConfig, overridden(_inherited(used), values))
        shared = self._validated(
            Globals, {section: {} for section in STATE_SECTIONS & set(self._uses)} | used
        )
        return known, shared

    def _validated(self, model: type[Any], data: Any) -> Any:
        return model.model_validate(data, context={BASE: self.base})

    def _errors(self, model: type[Any], data: Any) -> list[ErrorDetails]:
        try:
            model.model_validate(data)
        except ValidationError as e:
            return e.errors(include_url=False)
        return []

    def _require_different(self, cameras: dict[str, Any]) -> None:
        """Two cameras with one address are a mistake: another camera is not watched. Footage may be named twice."""
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
        """The value with each `{MASKWATCH_NAME}` replaced from the environment."""
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

    def _report(self, error: ErrorDetails, prefix: Key) -> None:
        key = (*prefix, *error["loc"])
        if error["type"] == "extra_forbidden" or not self._trusts(key):
            self._problem(key, wording(error, key, self._tree, hidden=bool(SECRET & set(key))))

    def _trusts(self, key: Key) -> bool:
        """Whether a value is taken unchecked: it has a variable that the environment lacks, in a section that is not used."""
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
    """The global values that a camera inherits."""
    result = {key: value for key, value in whole.items() if key in Defaults.model_fields}
    if isinstance(result.get("queue"), dict):
        own = SelectionSettings.model_fields
        result["queue"] = {key: value for key, value in result["queue"].items() if key in own}
    return result
