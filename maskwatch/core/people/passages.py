"""Who passed one camera: over which line and which way, or just out of view."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from maskwatch.core.geometry import names_at
from maskwatch.core.people.lines import Crossing, Line
from maskwatch.core.people.unassessed import Unassessed
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Direction, Face, FrameReport, Label, Passage, Person, Polygon

MIN_SIGHTINGS = 2  # a person was found in so many frames,
MIN_AGE_S = 0.15  # and followed for so long; two frames at 25 a second are not enough


@dataclass(slots=True, eq=False)
class _Walk:
    """A track on its way: what is known of it so far."""

    track: Track
    crossings: dict[str, Crossing]
    label: Label = Label.UNKNOWN
    sightings: int = 0
    zones: set[str] = field(default_factory=set)
    has_crossed: bool = False

    @property
    def is_somebody(self) -> bool:
        known = self.track.confirmed and self.sightings >= MIN_SIGHTINGS
        return known and self.track.seen_at - self.track.since >= MIN_AGE_S


class Passages:
    """Reports each person who crosses a line, or who leaves the view without having crossed one.

    A person's point is the middle of her face. `zones` are polygons by name: where there are some, only people inside one
    count (`Person.counted`), and only they can leave the view. `min_face_px`, the smallest face that is looked for, gives the
    size of a person: movement of that size without a face is a passage without a track. None: movement is ignored.
    """

    def __init__(
        self,
        *,
        zones: Mapping[str, Polygon] = MappingProxyType({}),
        lines: Mapping[str, Line] = MappingProxyType({}),
        min_face_px: float | None = None,
    ) -> None:
        self._zones = zones
        self._lines = lines
        self._walks: dict[int, _Walk] = {}
        self._before: frozenset[Face] = frozenset()
        self._unassessed = None if min_face_px is None else Unassessed(min_face_px, zones, lines)

    def update(
        self, report: FrameReport, tracks: Sequence[Track], labels: Mapping[int, Label]
    ) -> tuple[FrameReport, tuple[Passage, ...]]:
        """The report with its persons' zones, and who passed. To be called with each report of a camera, in order.

        `tracks` are the tracker's, `labels` are their verdicts by number.
        """
        living = {track.number for track in tracks}
        ended = [self._walks.pop(number) for number in list(self._walks) if number not in living]
        passages = [passage for walk in ended for passage in self._ended(report.camera, walk)]
        for track in tracks:
            passages += self._went_on(track, report, labels.get(track.number, Label.UNKNOWN))
        self._before = frozenset(report.faces)
        passages += self._without_a_face(report)
        if self._zones and report.persons is not None:
            report = replace(report, persons=tuple(self._placed(person, report) for person in report.persons))
        return report, tuple(passages)

    def _went_on(self, track: Track, report: FrameReport, label: Label) -> Iterable[Passage]:
        """The lines that a track crosses now. A place where a hidden face is only expected does not count."""
        walk = self._walks.get(track.number)
        if walk is None:
            crossings = {name: Crossing(line) for name, line in self._lines.items()}
            walk = self._walks[track.number] = _Walk(track, crossings)
        walk.track, walk.label = track, label
        if track.face is None and track.seen_at != report.at:
            return
        if track.face is not None and report.faces[track.face] not in self._before:
            walk.sightings += 1  # one that the gate carried on was not looked at again
        walk.zones.update(names_at(self._zones, track.box.centre, report.size))
        for name, crossing in walk.crossings.items():
            crossing.step(track.box.centre, report.size)
            direction = crossing.crossed(_side_px(track.box)) if walk.is_somebody else None
            if direction is not None:
                yield _passage(report.camera, report.at, walk, direction, name)

    def _ended(self, camera: str, walk: _Walk) -> Iterable[Passage]:
        """The passages of a track that has ended; they happened when it was last seen."""
        if not walk.is_somebody:
            return
        at = walk.track.seen_at
        for name, crossing in walk.crossings.items():
            direction = crossing.ended(_side_px(walk.track.box))
            if direction is not None:
                yield _passage(camera, at, walk, direction, name)
        if not walk.has_crossed and (walk.zones or not self._zones):
            yield _passage(camera, at, walk, Direction.GONE, None)

    def _without_a_face(self, report: FrameReport) -> Iterable[Passage]:
        if self._unassessed is None:
            return
        faces = [walk.track.box for walk in self._walks.values() if walk.is_somebody]
        for mover in self._unassessed.update(report, faces):
            line, direction = mover.crossed()
            if line is not None or mover.zones or not self._zones:
                zones = tuple(sorted(mover.zones))
                yield Passage(report.camera, mover.at, None, Label.UNKNOWN, direction, line, zones)

    def _placed(self, person: Person, report: FrameReport) -> Person:
        zones = names_at(self._zones, person.box.centre, report.size)
        return replace(person, zones=zones, counted=bool(zones))


def _side_px(box: Box) -> float:
    return max(box.width, box.height)


def _passage(camera: str, at: float, walk: _Walk, direction: Direction, line: str | None) -> Passage:
    walk.has_crossed = True
    return Passage(camera, at, walk.track.number, walk.label, direction, line, tuple(sorted(walk.zones)))
