"""`moved_unseen`: movement of a person's size in which no face was seen for longer than a second."""

from collections.abc import Iterable
from dataclasses import dataclass

from maskwatch.core.geometry import overlaps
from maskwatch.core.person_size import PersonSize, has_face, with_room
from maskwatch.core.records import Box, FrameReport

UNSEEN_S = 1.0
CALM_S = 2.0  # without movement for so long, the next one is another


@dataclass(slots=True, eq=False)
class Movement:
    """Something that moves: where, when it last did, and since when no face was seen there."""

    box: Box
    at: float
    since: float
    queued: bool = False

    def is_unseen(self, at: float) -> bool:
        """Whether no face was seen in it for long enough, and it was not queued since it began."""
        return not self.queued and at - self.since > UNSEEN_S


class Movements:
    """Follows what moves in one camera's view. `min_face_px` is the smallest face that is looked for."""

    def __init__(self, min_face_px: float) -> None:
        self._person = PersonSize(min_face_px)
        self._all: list[Movement] = []

    def reset(self) -> None:
        """Start again, for another view."""
        self._all = []

    def update(self, report: FrameReport) -> list[Movement]:
        """What moves now, had no face for longer than `UNSEEN_S`, and was not queued."""
        before = [each for each in self._all if 0 <= report.at - each.at <= CALM_S]
        now = [_followed(box, report, before) for box in report.moved if self._person.fits(box, report.size)]
        ended = [each for each in before if not any(_goes_on(each, then.box) for then in now)]
        self._all = ended + now
        return [each for each in now if each.is_unseen(report.at)]


def _followed(box: Box, report: FrameReport, before: Iterable[Movement]) -> Movement:
    """The movement at `box`, which continues all of those `before` that it touches: two people who meet become one."""
    same = [each for each in before if _goes_on(each, box)]
    since = min((each.since for each in same), default=report.at)
    if has_face(box, (face.box for face in report.faces)):
        since = report.at
    return Movement(box, report.at, since, any(each.queued for each in same))


def _goes_on(before: Movement, box: Box) -> bool:
    return overlaps(with_room(before.box), box)
