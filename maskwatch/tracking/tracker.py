"""The tracker: boxes that move evenly, matched to faces by overlap and nearness."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.core.geometry import iou
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Face

SAME_FACE_IOU = 0.3
LOST_S = 2.0  # a track whose face is hidden for longer is over
NEXT_S = 1.0  # so soon after, a face may have moved by its own side,
SIZES = (2 / 3, 3 / 2)  # and be so much smaller or larger


@dataclass(slots=True, eq=False)
class _Followed:
    number: int
    box: Box
    since: float
    seen_at: float
    face: int | None = None


class FaceTracker:
    """A `Tracker`. Time is the frames' own, in seconds; a clock that goes back ends no track."""

    def __init__(self) -> None:
        self._all: list[_Followed] = []
        self._count = 0

    def reset(self) -> None:
        """All tracks are over; numbers go on."""
        self._all = []

    def update(self, at: float, faces: Sequence[Face], near_misses: Sequence[Face] = ()) -> tuple[Track, ...]:
        """As the port says; the best fit goes first, and near misses after all faces."""
        self._all = [each for each in self._all if at - each.seen_at <= LOST_S]
        for each in self._all:
            each.face = None
        fits = [
            (fit, number, each)
            for number, face in enumerate((*faces, *near_misses))
            for each in self._all
            if (fit := _fit(face.box, each, at)) > 0
        ]
        taken: set[int] = set()
        for _, number, each in sorted(fits, key=lambda fit: (fit[1] >= len(faces), -fit[0])):
            if number in taken or each.seen_at == at:
                continue
            taken.add(number)
            each.box, each.seen_at = (*faces, *near_misses)[number].box, at
            each.face = number if number < len(faces) else None
        for number, face in enumerate(faces):
            if number not in taken:
                self._count += 1
                self._all.append(_Followed(self._count, face.box, at, at, number))
        return tuple(Track(e.number, e.box, e.since, e.seen_at, e.face) for e in self._all)


def _fit(box: Box, track: _Followed, at: float) -> float:
    """How well a face continues a track, 0..2; 0: it does not."""
    overlap = iou(box, track.box)
    if overlap >= SAME_FACE_IOU:
        return 1 + overlap
    side, before = max(box.width, box.height), max(track.box.width, track.box.height)
    if at - track.seen_at > NEXT_S or before <= 0 or not SIZES[0] <= side / before <= SIZES[1]:
        return 0.0
    (x, y), (u, v) = box.centre, track.box.centre
    return max(0.0, 1 - max(abs(x - u), abs(y - v)) / side)
