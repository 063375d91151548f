"""Which faces of one frame are those of the frame before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face

SAME_FACE_IOU = 0.4
NEXT_S = 1.0  # so soon after, a face may have moved by its own side,
SIZES = (2 / 3, 3 / 2)  # and be so much smaller or larger
FORGET_S = 60.0  # what was not seen for so long is another face when it comes again
SIMILAR = 0.2  # two probabilities this near are no news


@dataclass(slots=True, eq=False)
class KnownFace:
    """A face as long as it stays in view. `queued_predictions` are the predictions with which it was queued."""

    box: Box
    seen_at: float
    queued_predictions: list[Face] = field(default_factory=list)

    def already_queued(self, face: Face) -> bool:
        """Whether it was queued with a prediction like this one."""
        return any(_is_similar(face, before) for before in self.queued_predictions)


class KnownFaces:
    """The faces of one camera. Time is the frames' own, in seconds."""

    def __init__(self) -> None:
        self._tracks: list[KnownFace] = []

    def clear(self) -> None:
        """The view is another."""
        self._tracks = []

    def update(self, at: float, faces: Sequence[Face]) -> list[KnownFace]:
        """The track of each face, in the same order; the best fit goes first, and no track has two faces."""
        self._tracks = [track for track in self._tracks if 0 <= at - track.seen_at < FORGET_S]
        fits = [
            (fit, number, track)
            for number, face in enumerate(faces)
            for track in self._tracks
            if (fit := _fit(face.box, track, at)) > 0
        ]
        found: dict[int, KnownFace] = {}
        taken: set[int] = set()
        for _, number, track in sorted(fits, key=lambda each: -each[0]):
            if number not in found and id(track) not in taken:
                found[number] = track
                taken.add(id(track))
        return [self._followed(found.get(number), face, at) for number, face in enumerate(faces)]

    def _followed(self, track: KnownFace | None, face: Face, at: float) -> KnownFace:
        if track is None:
            track = KnownFace(face.box, at)
            self._tracks.append(track)
        track.box, track.seen_at = face.box, at
        return track


def _fit(box: Box, track: KnownFace, at: float) -> float:
    """How well a face continues a track, 0..2; 0: it does not."""
    overlap = iou(box, track.box)
    if overlap >= SAME_FACE_IOU:
        return 1 + overlap
    side, before = max(box.width, box.height), max(track.box.width, track.box.height)
    if at - track.seen_at > NEXT_S or before <= 0 or not SIZES[0] <= side / before <= SIZES[1]:
        return 0.0
    (x, y), (u, v) = box.centre, track.box.centre
    return max(0.0, 1 - max(abs(x - u), abs(y - v)) / side)


def _is_similar(face: Face, before: Face) -> bool:
    if abs(face.score - before.score) > SIMILAR:
        return False
    if face.protected is None or before.protected is None:
        return face.protected is before.protected
    return abs(face.protected - before.protected) <= SIMILAR
