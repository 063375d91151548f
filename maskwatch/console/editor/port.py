"""The port through which the settings page reads and changes the configuration, which is a layer above the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from maskwatch.console.editor.draft import Place, Thresholds
from maskwatch.core.privacy import Privacy
from maskwatch.core.what_if import Bounds, WhatIf


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """A camera's places and thresholds, its own or those of all cameras, and what of it may be shown."""

    places: tuple[Place, ...]
    thresholds: Thresholds
    privacy: Privacy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The configuration as it is in the file now; `digest` identifies this state of the file.

    `why_read_only` is why the page cannot save it, None when it can; `can_undo`: the last change was saved by the page.
    """

    cameras: Mapping[str, CameraSettings]
    digest: str
    why_read_only: str | None
    can_undo: bool


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A change of one camera's settings, or with `for_all` of all cameras'. `digest` is that of the file that was shown."""

    camera: str
    places: tuple[Place, ...]
    thresholds: Thresholds
    digest: str
    for_all: bool = False


class Prepared(Protocol):
    """A change that was checked and not yet written: the lines that differ, without secrets, and the keys."""

    @property
    def removed(self) -> tuple[str, ...]:
        """Lines of the file now."""
        ...

    @property
    def added(self) -> tuple[str, ...]:
        """Lines of the changed file."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that change, as in the configuration, their parts joined by dots."""
        ...


class SettingsEditor(Protocol):
    """Reads and changes the configuration file. Each method may block, and raises `ConfigError` with key and line."""

    def read(self) -> Snapshot:
        """The present state of the file."""
        ...

    def prepare(self, change: SettingsChange) -> Prepared:
        """Check a change without writing it."""
        ...

    def save(self, prepared: Prepared) -> str:
        """Write a change; returns the digest of the new file."""
        ...

    def undo(self) -> str:
        """Write the version before the last change; returns its digest."""
        ...

    def bounds(self, camera: str, places: tuple[Place, ...], thresholds: Thresholds) -> Bounds:
        """The bounds by which faces would be found and judged."""
        ...

    def what_if(
        self, camera: str, places: tuple[Place, ...], thresholds: Thresholds, *, live: bool
    ) -> WhatIf:
        """To judge recorded reports anew; `live`: their times are Unix times, so schedules apply."""
        ...

    def recorded_at(self, camera: str) -> float | None:
        """The lowest score of a face that the detector reports now, None where it is not known."""
        ...
