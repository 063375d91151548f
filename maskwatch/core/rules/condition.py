"""The condition that a rule checks on each frame, and the people whom it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from maskwatch.core.records import AlertKind, Direction, FrameReport, Label, Passage

PASSED_S = 5.0
"""For so long after crossing a line somebody counts. People leave in groups, which are judged together."""

WHOLE = frozenset({0})
"""In place of tracks, which are numbered from 1: a condition on all people together."""

NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition finds in one frame.

    Attributes:
        people: for the alert; so are `unprotected`, `protected_ratio` and `tracks`.
        holding: the tracks of people for whom the condition holds.
        lasting: those for whom an alert goes on.
        over: those for whom it is over; of all others it is unknown.

    A condition on all people together has `WHOLE` or `NOBODY` in the last three.

    """

    people: int
    unprotected: int
    protected_ratio: float | None
    tracks: tuple[int, ...]
    holding: frozenset[int] = NOBODY
    lasting: frozenset[int] = NOBODY
    over: frozenset[int] = NOBODY


class Condition(Protocol):
    """A condition on one camera's people; `kind` is that of its alerts."""

    kind: AlertKind

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        """What it finds in this frame; to be called with each report of the camera, in order."""
        ...


class When(StrEnum):
    """Whom a rule is about: people in view, or people who just crossed a line of the camera."""

    IN_VIEW = "in_view"
    LEAVING = "leaving"
    ENTERING = "entering"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a rule is about. `track` is 0 where nobody is followed."""

    track: int
    label: Label


class Subjects:
    """Picks the subjects of each frame: people in view, or people who crossed a line in one direction within `passed_s`.

    With the latter count those who crossed up to `passed_s` before the first of them, so that a group is judged as a whole
    until its last member's time is over. Somebody who crosses back does not count. `zone` is the name of the zone that people
    must be in; None: anywhere.
    """

    def __init__(
        self, when: When = When.IN_VIEW, *, zone: str | None = None, passed_s: float = PASSED_S
    ) -> None:
        self._direction = None if when is When.IN_VIEW else Direction(when.value)
        self._zone = zone
        self._passed_s = passed_s
        self._passed: dict[int, Passage] = {}  # the last of each track

    def update(self, report: FrameReport, passages: Sequence[Passage]) -> list[Subject]:
        """The subjects of this frame; to be called with each report, in order."""
        if self._direction is None:
            return self._in_view(report)
        self._passed |= {p.track: p for p in passages if p.track is not None and p.line is not None}
        self._passed = {
            track: p for track, p in self._passed.items() if 0 <= report.at - p.at <= 2 * self._passed_s
        }
        way = {
            track: p
            for track, p in self._passed.items()
            if p.direction is self._direction and self._is_within(p.zones)
        }
        first = min((p.at for p in way.values() if report.at - p.at <= self._passed_s), default=None)
        if first is None:
            return []
        return [Subject(track, p.label) for track, p in way.items() if p.at >= first - self._passed_s]

    def _in_view(self, report: FrameReport) -> list[Subject]:
        if report.persons is None:
            return [] if self._zone else [Subject(0, face.label) for face in report.faces]
        return [
            Subject(person.track, person.label) for person in report.counted if self._is_within(person.zones)
        ]

    def _is_within(self, zones: tuple[str, ...]) -> bool:
        return self._zone is None or self._zone in zones


@dataclass(frozen=True, slots=True)
class Tally:
    """How many subjects could be assessed, how many of these wear no mask (`bare`: their tracks), and the protected ratio."""

    assessed: int
    unprotected: int
    protected_ratio: float | None
    bare: tuple[int, ...]

    @classmethod
    def of(cls, subjects: Sequence[Subject]) -> "Tally":
        """Count these subjects."""
        protected = sum(each.label is Label.PROTECTED for each in subjects)
        unprotected = sum(each.label is Label.UNPROTECTED for each in subjects)
        assessed = protected + unprotected
        bare = tuple(each.track for each in subjects if each.label is Label.UNPROTECTED and each.track)
        return cls(assessed, unprotected, protected / assessed if assessed else None, bare)
