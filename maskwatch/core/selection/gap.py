"""`gap`: a face that was followed is missing in a frame or more, and is seen again near by soon after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.core.selection.known_faces import KnownFace
from maskwatch.core.selection.scene import APART_IOU

GAP_S = 8.0  # a longer absence is none of the detector's: people turn round and come back
FOLLOWED = 2  # analysed frames in a row, so that a flicker is no face that breaks off


@dataclass(slots=True, eq=False)
class _Sighting:
    """When and where a track's face was last seen, and in how many frames in a row."""

    track: KnownFace
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
        """Each track is queued for one gap."""
        for each in self.returned:
            each.queued = True


class Gap:
    """Keeps at most one frame: the first after a followed face broke off."""

    def __init__(self) -> None:
        self._sightings: list[_Sighting] = []
        self._held: tuple[Frame, FrameReport] | None = None
        self._missing: list[_Sighting] = []

    def forget(self) -> None:
        """The view is another."""
        self.__init__()  # type: ignore[misc]

    def update(self, report: FrameReport, tracks: Sequence[KnownFace]) -> Gapped | None:
        """The frame that is kept, when a face that it lacks is in this `report` again. `tracks` are of its faces."""
        seen = {id(track): face for face, track in zip(report.faces, tracks, strict=True)}
        self._missing = [each for each in self._missing if 0 <= report.at - each.at <= GAP_S]
        back = [each for each in self._missing if id(each.track) in seen]
        found = None
        if back and self._held is not None:
            frame, then = self._held
            faces = [_between(each, seen[id(each.track)], then.at, report.at) for each in back]
            found = Gapped(frame, suggesting(then, faces), tuple(back))
        if found is not None:
            self._missing = []
        if not self._missing:
            self._held = None
        return found

    def remember(
        self, frame: Frame, report: FrameReport, tracks: Sequence[KnownFace], *, queued: bool
    ) -> None:
        """To be called after `update` with the same report; a frame that is `queued` already is not kept."""
        seen = {id(track): face for face, track in zip(report.faces, tracks, strict=True)}
        known = {id(each.track): each for each in self._sightings}
        broken = [
            each
            for each in self._sightings
            if id(each.track) not in seen and each.in_a_row >= FOLLOWED and not each.queued
        ]
        for key, face in seen.items():
            if key in known:
                known[key].face, known[key].at = face, report.at
                known[key].in_a_row += 1
        new = [
            _Sighting(t, f, report.at)
            for f, t in zip(report.faces, tracks, strict=True)
            if id(t) not in known
        ]
        for each in self._sightings:
            if id(each.track) not in seen:
                each.in_a_row = 0
        self._sightings = [e for e in self._sightings if 0 <= report.at - e.at <= GAP_S] + new
        if self._held is None and broken and not queued:
            self._held, self._missing = (frame, report), broken


def suggesting(report: FrameReport, faces: Sequence[Face]) -> FrameReport:
    """The report with these as near misses, in the place of those that mean the same."""
    others = [
        each for each in report.near_misses if all(iou(each.box, face.box) < APART_IOU for face in faces)
    ]
    return replace(report, near_misses=(*faces, *others))


def _between(before: _Sighting, after: Face, at: float, until: float) -> Face:
    """Where the face should have been; its score is the lower of the two."""
    share = (at - before.at) / (until - before.at)
    box = Box(*(a + (b - a) * share for a, b in zip(before.face.box, after.box, strict=True)))
    return Face(box, min(before.face.score, after.score))
