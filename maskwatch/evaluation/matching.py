"""Which found face is which true one, and how large faces are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from maskwatch.core.geometry import covered_share, iou
from maskwatch.core.records import Box, Face
from maskwatch.datasets.faces import FOUND_IOU


@dataclass(frozen=True, slots=True)
class Matching:
    """What was found, best first, and beside each face the place of its true one; None: a false alarm."""

    found: tuple[Face, ...]
    truths: tuple[int | None, ...]

    def of(self, truth: int) -> Face | None:
        """The found face that is this true one."""
        return self.found[self.truths.index(truth)] if truth in self.truths else None


def match(found: Sequence[Face], truths: Sequence[Box], unclear: Sequence[Box] = ()) -> Matching:
    """Match found with true faces: each found one in turn, the highest score first, takes the unmatched true one that it overlaps most.

    The overlap must be an IoU of at least 0.4; a true face is matched once, so a second box on it is a
    false alarm. Leaving out the faces under some score changes nothing for the others. A found face that is no
    true one, and of whose area 0.4 or more lies in an `unclear` region, counts as neither hit nor false alarm: with
    equal boxes this needs a little less overlap than a hit does.
    """
    free = set(range(len(truths)))
    pairs: list[tuple[Face, int | None]] = []
    for face in sorted(found, key=lambda face: face.score, reverse=True):
        best = max(sorted(free), key=lambda place: iou(face.box, truths[place]), default=None)
        if best is not None and iou(face.box, truths[best]) < FOUND_IOU:
            best = None
        free.discard(-1 if best is None else best)
        if best is not None or all(covered_share(face.box, place) < FOUND_IOU for place in unclear):
            pairs.append((face, best))
    return Matching(tuple(face for face, _ in pairs), tuple(place for _, place in pairs))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Faces of a size; `above_px` belongs to the bucket below, and `to_px` to this one."""

    name: str
    above_px: float
    to_px: float


# the edges themselves, 16 and 32 px, belong to the middle
BUCKETS = (
    Bucket("under 16 px", -inf, 16 - 1e-6),
    Bucket("16 to 32 px", 16 - 1e-6, 32 + 1e-6),
    Bucket("over 32 px", 32 + 1e-6, inf),
)
SIZE = "the width of its box"


def side_px(box: Box) -> float:
    """A face's size: the width of its box, as labelled; the height depends on whether hair and chin are in it."""
    return box.width
