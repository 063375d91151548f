"""What the page asks of the configuration, which lies above it: whoever makes the console gives it something that fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from maskwatch.console.editor.draft import Numbers, Place
from maskwatch.core.privacy import Privacy
from maskwatch.core.what_if import Bounds, WhatIf


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """A camera's places and numbers, its own or those of all cameras, and what of it may be shown."""

    places: tuple[Place, ...]
    numbers: Numbers
    privacy: Privacy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The configuration as its file has it now; `digest` tells it from any other.

    `why_read_only` is why it cannot be saved from here, None when it can; `can_undo`: the last change was saved from here.
    """

    cameras: Mapping[str, CameraSettings]
    digest: str
    why_read_only: str | None
    can_undo: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a camera, whose file had the `digest` then; with `for_all` it is to hold for all cameras."""

    camera: str
    places: tuple[Place, ...]
    numbers: Numbers
    digest: str
    for_all: bool = False


class Prepared(Protocol):
    """A change that was checked: the lines that go and come, without secrets, and the keys that change."""

    @property
    def removed(self) -> tuple[str, ...]:
        """Lines as they are."""
        ...

    @property
    def added(self) -> tuple[str, ...]:
        """Lines as they would be."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Each as the configuration has it, its parts joined by dots."""
        ...


class Settings(Protocol):
    """Reads and changes the configuration's file. Each method may take a while, and raises `ConfigError` with the key and line."""

    def read(self) -> Snapshot:
        """What the file says now."""
        ...

    def prepare(self, wish: Wish) -> Prepared:
        """Check it, and write nothing."""
        ...

    def save(self, prepared: Prepared) -> str:
        """Write it; returns the digest of the new file."""
        ...

    def undo(self) -> str:
        """Write the version before; returns its digest."""
        ...

    def bounds(self, camera: str, places: tuple[Place, ...], numbers: Numbers) -> Bounds:
        """By what faces would be found and judged."""
        ...

    def what_if(self, camera: str, places: tuple[Place, ...], numbers: Numbers, *, live: bool) -> WhatIf:
        """To go through recorded reports by these; `live` tells that their time is Unix time, so that schedules hold."""
        ...

    def recorded_at(self, camera: str) -> float | None:
        """The detector's score from which on a face is one now, None where nobody knows."""
        ...
