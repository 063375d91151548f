"""People who are followed, and who passed."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from maskwatch.core.records.faces import Label
from maskwatch.core.records.images import Box


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in view, followed from frame to frame, and the verdict on her: `label`.

    `track` numbers the people of one camera in one run, from 1; it says nothing of who she is. `protected` is the
    probability (0..1) that she wears a mask, of all that was seen of her so far, None while nothing was. `age_s` is how
    long she has been followed, `face` the place of her face in the report's `faces`, None while it is hidden: then
    `box` is where it is expected, in pixels. `zones` are those of the camera that she stands in; `counted` is False
    where the camera has zones and she stands in none: then she is shown, and not counted.
    """

    track: int
    box: Box
    label: Label = Label.UNKNOWN
    protected: float | None = None
    age_s: float = 0.0
    face: int | None = None
    zones: tuple[str, ...] = ()
    counted: bool = True


class Direction(StrEnum):
    """How somebody passed: over a line towards one of its sides, or just out of view."""

    LEAVING = "leaving"
    ENTERING = "entering"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody crossed a line of the camera or left the view, with the verdict on her at that time.

    `track` is hers (see `Person`), None where something of a person's size moved by and no face was seen. `line` is the
    name of the line, None for who left the view; `zones` are those that she was in, sorted. `at` is on the frames' clock.
    """

    camera: str
    at: float
    track: int | None
    label: Label
    direction: Direction
    line: str | None = None
    zones: tuple[str, ...] = ()


class PassageKind(NamedTuple):
    """What passages are counted by: as in `Passage`."""

    zones: tuple[str, ...]
    line: str | None
    direction: Direction
    label: Label


@dataclass(frozen=True, slots=True)
class PassageCounts:
    """How many passed a camera, by kind: since it is watched, in the last minute and hour, and on this local day.

    All but `total` are by the frames' own clock.
    """

    total: dict[PassageKind, int] = field(default_factory=dict)
    minute: dict[PassageKind, int] = field(default_factory=dict)
    hour: dict[PassageKind, int] = field(default_factory=dict)
    today: dict[PassageKind, int] = field(default_factory=dict)
