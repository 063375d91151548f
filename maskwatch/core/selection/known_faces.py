"""Which faces of one frame are those of the frame before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from maskwatch.core.geometry import SAME_FACE_IOU, iou
from maskwatch.core.records import Box, Face

NEXT_S = 1.0  # within this time a face may have moved by its own side,
SIZES = (2 / 3, 3 / 2)  # and have become this much smaller or larger
FORGET_S = 60.0  # a face that was not seen for so long counts as another one
SIMILAR = 0.2  # two probabilities this near are the same prediction


@dataclass(slots=True, eq=False)
class KnownFace:
    """A face while it stays in view. `queued_predictions` are the predictions with which it was queued."""

    box: Box
    seen_at: float
    queued_predictions: list[Face] = field(default_factory=list)

    def already_queued(self, face: Face) -> bool:
        """Whether it was queued with a prediction like this one."""
        return any(_is_similar(face, before) for before in self.queued_predictions)


class KnownFaces:
    """The faces of one camera, matched by place and size. Time is the frames' own, in seconds."""

    def __init__(self) -> None:
        self._known: list[KnownFace] = []

    def reset(self) -> None:
        """Start again, for another view."""
        self._known = []

    def update(self, at: float, faces: Sequence[Face]) -> list[KnownFace]:
        """Which known face each of `faces` is, in the same order; the best fit first, each known face once."""
        self._known = [known for known in self._known if 0 <= at - known.seen_at < FORGET_S]
        fits = [
            (fit, number, known)
            for number, face in enumerate(faces)
            for known in self._known
            if (fit := _fit(face.box, known, at)) > 0
        ]
        found: dict[int, KnownFace] = {}
        taken: set[int] = set()
        for _, number, known in sorted(fits, key=lambda each: -each[0]):
            if number not in found and id(known) not in taken:
                found[number] = known
                taken.add(id(known))
        return [self._seen(found.get(number), face, at) for number, face in enumerate(faces)]

    def _seen(self, known: KnownFace | None, face: Face, at: float) -> KnownFace:
        if known is None:
            known = KnownFace(face.box, at)
            self._known.append(known)
        known.box, known.seen_at = face.box, at
        return known


def _fit(box: Box, known: KnownFace, at: float) -> float:
    """How well a box continues a known face, 0..2; 0: it does not."""
    overlap = iou(box, known.box)
    if overlap >= SAME_FACE_IOU:
        return 1 + overlap
    side, before = max(box.width, box.height), max(known.box.width, known.box.height)
    if at - known.seen_at > NEXT_S or before <= 0 or not SIZES[0] <= side / before <= SIZES[1]:
        return 0.0
    (x, y), (u, v) = box.centre, known.box.centre
    return max(0.0, 1 - max(abs(x - u), abs(y - v)) / side)


def _is_similar(face: Face, before: Face) -> bool:
    if abs(face.score - before.score) > SIMILAR:
        return False
    if face.protected is None or before.protected is None:
        return face.protected is before.protected
    return abs(face.protected - before.protected) <= SIMILAR
