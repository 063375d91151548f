"""Reports of `bench card` beside each other."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.core.errors import ConfigError

SCHEMA = 2  # of a report; 1, of earlier releases, says nothing of it and has fewer figures
SETTING = ("machine", "device", "frames", "min_face_px")  # what must be alike for figures to be comparable
NO_FIGURES = {"schema", "load", "min_face_px"}


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of two reports, by its place in them."""

    name: str
    before: float
    now: float

    @property
    def ratio(self) -> float | None:
        """The new value divided by the old; None where the old is 0."""
        return self.now / self.before if self.before else None


def read_report(path: Path) -> dict[str, Any]:
    """A report that `bench card` wrote. Raises `ConfigError`, naming the file."""
    try:
        report = json.loads(path.read_text())
        schema = report.get("schema", 1)
        if "from_memory" not in report or schema not in range(1, SCHEMA + 1):
            raise ConfigError(f"{path}: is no report of bench card that this release reads (schema {schema})")
    except (OSError, ValueError, AttributeError) as e:
        raise ConfigError(f"{path}: cannot be read as a report of bench card: {e}") from e
    return dict(report)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The figures that both have, in the order of the second."""
    old = dict(_figures(before))
    return [Change(name, old[name], value) for name, value in _figures(now) if name in old]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How the two measurements differ in their conditions, as text."""
    return [
        f"{key}: {before.get(key)}, then {now.get(key)}" for key in SETTING if before.get(key) != now.get(key)
    ]


def _figures(report: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    for key, value in report.items():
        name = f"{place}, {key}" if place else key
        if isinstance(value, Mapping):
            yield from _figures(value, name)
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in NO_FIGURES:
            yield name, float(value)
