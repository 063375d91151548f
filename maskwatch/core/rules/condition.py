"""What a rule asks of each frame, and the people whom it asks about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from maskwatch.core.records import AlertKind, Direction, FrameReport, Label, Passage

PASSED_S = 5.0
"""Who crossed a line just now: so long ago at most. People leave in groups, which are to be judged as one."""

WHOLE = frozenset({0})
"""What holds for all together rather than for the people of some tracks, which count from 1."""

NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition makes of one frame.

    `holding` are the tracks of those for whom it holds, `lasting` those for whom an alert is not over, `over` those for
    whom it is; for all others nobody can tell. A condition on all together gives `WHOLE`, or nobody. `people`,
    `unprotected`, `protected_ratio` and `tracks` are for the alert.
    """

    people: int
    unprotected: int
    protected_ratio: float | None
    tracks: tuple[int, ...]
    holding: frozenset[int] = NOBODY
    lasting: frozenset[int] = NOBODY
    over: frozenset[int] = NOBODY


class Condition(Protocol):
    """Of one camera; `kind` is that of its alerts."""

    kind: AlertKind

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        """What it makes of this frame; to be called with each report of the camera, in order."""
        ...


class When(StrEnum):
    """Whom a rule asks about: who is in view, or who crossed a line of the camera just now."""

    IN_VIEW = "in_view"
    LEAVING = "leaving"
    ENTERING = "entering"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a rule asks about. `track` is 0 where nobody is followed."""

    track: int
    label: Label


class Subjects:
    """Picks them from each frame: those in view, or those who crossed a line in one direction in the last `passed_s`.

    To these belong who crossed up to `passed_s` before the first of them, so that nobody of a group is left to stand for
    it when the others' time is over. Who crosses back meanwhile is none. `zone` is the name of the camera's that they have to be in, None for anywhere.
    """

    def __init__(
        self, when: When = When.IN_VIEW, *, zone: str | None = None, passed_s: float = PASSED_S
    ) -> None:
        self._direction = None if when is When.IN_VIEW else Direction(when.value)
        self._zone = zone
        self._passed_s = passed_s
        self._passed: dict[int, Passage] = {}  # the last of each track

    def update(self, report: FrameReport, passages: Sequence[Passage]) -> list[Subject]:
        """Those of this frame; to be called with each, in order."""
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
    """How many of them could be assessed, how many of these wear no mask, and the ratio (0..1) of the others."""

    assessed: int
    unprotected: int
    protected_ratio: float | None
    bare: tuple[int, ...]

    @classmethod
    def of(cls, subjects: Sequence[Subject]) -> "Tally":
        """Counted; `bare` are the tracks of those who wear no mask."""
        protected = sum(each.label is Label.PROTECTED for each in subjects)
        unprotected = sum(each.label is Label.UNPROTECTED for each in subjects)
        assessed = protected + unprotected
        bare = tuple(each.track for each in subjects if each.label is Label.UNPROTECTED and each.track)
        return cls(assessed, unprotected, protected / assessed if assessed else None, bare)
