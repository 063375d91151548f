"""`gap`: a face that was followed is missing in a frame or more, and is seen again near by soon after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.core.selection.known_faces import KnownFace
from maskwatch.core.selection.scene import APART_IOU

GAP_S = 8.0  # a longer absence is not the detector's fault: people turn round and come back
FOLLOWED = 2  # analysed frames in a row, so that a face that flickers starts no gap


@dataclass(slots=True, eq=False)
class _Sighting:
    """When and where a face was last seen, and in how many frames in a row."""

    known: KnownFace
    face: Face
    at: float
    in_a_row: int = 1
    queued: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Gapped:
    """A frame in a gap; `report` suggests the faces where they should have been."""

    frame: Frame
    report: FrameReport
    returned: tuple[_Sighting, ...]

    def note_queued(self) -> None:
        """Remember its faces: each is queued for one gap only."""
        for each in self.returned:
            each.queued = True


class Gap:
    """Keeps at most one frame: the first one in which a followed face is missing."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again, for another view."""
        self._sightings: list[_Sighting] = []
        self._held: tuple[Frame, FrameReport] | None = None
        self._missing: list[_Sighting] = []

    def update(self, report: FrameReport, known: Sequence[KnownFace]) -> Gapped | None:
        """The kept frame, when a face that it lacks is in this `report` again. `known` are the report's faces."""
        seen = {id(each): face for face, each in zip(report.faces, known, strict=True)}
        self._missing = [each for each in self._missing if 0 <= report.at - each.at <= GAP_S]
        back = [each for each in self._missing if id(each.known) in seen]
        found = None
        if back and self._held is not None:
            frame, then = self._held
            faces = [_between(each, seen[id(each.known)], then.at, report.at) for each in back]
            found = Gapped(frame, suggesting(then, faces), tuple(back))
        if found is not None:
            self._missing = []
        if not self._missing:
            self._held = None
        return found

    def remember(
        self, frame: Frame, report: FrameReport, known: Sequence[KnownFace], *, queued: bool
    ) -> None:
        """To be called after `update` with the same report; a `queued` frame is not kept."""
        seen = {id(each): face for face, each in zip(report.faces, known, strict=True)}
        broken = [
            each
            for each in self._sightings
            if id(each.known) not in seen and each.in_a_row >= FOLLOWED and not each.queued
        ]
        for each in self._sightings:
            if id(each.known) in seen:
                each.face, each.at = seen[id(each.known)], report.at
                each.in_a_row += 1
            else:
                each.in_a_row = 0
        before = {id(each.known) for each in self._sightings}
        new = [
            _Sighting(each, face, report.at)
            for face, each in zip(report.faces, known, strict=True)
            if id(each) not in before
        ]
        self._sightings = [each for each in self._sightings if 0 <= report.at - each.at <= GAP_S] + new
        if self._held is None and broken and not queued:
            self._held, self._missing = (frame, report), broken


def suggesting(report: FrameReport, faces: Sequence[Face]) -> FrameReport:
    """The report with these faces as near misses, in place of near misses that overlap them."""
    others = [
        each for each in report.near_misses if all(iou(each.box, face.box) < APART_IOU for face in faces)
    ]
    return replace(report, near_misses=(*faces, *others))


def _between(before: _Sighting, after: Face, at: float, until: float) -> Face:
    """Where the face should have been at `at`, by linear interpolation; its score is the lower of the two."""
    share = (at - before.at) / (until - before.at)
    box = Box(*(a + (b - a) * share for a, b in zip(before.face.box, after.box, strict=True)))
    return Face(box, min(before.face.score, after.score))
