"""Movement of a person's size in which no face is seen: people who could not be judged, each counted once."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from maskwatch.core.geometry import covered_share, enclosing_box, names_at, overlaps
from maskwatch.core.people.lines import Crossing, Line, Point
from maskwatch.core.person_size import MAX_SHARE, WIDE, PersonSize, has_face, with_room
from maskwatch.core.records import Box, Direction, FrameReport, Polygon

UNSEEN_S = 1.0  # movement for a shorter time is not counted
CALM_S = 2.0  # without movement for so long, somebody on the way out of view is gone,
REST_S = 10.0  # and anybody else: she may stand still, or be hidden
OWN_WIDTHS = 1.0  # how far somebody must come, in widths: a curtain moves, too, and stays where it is
RECENT_S = 1.0
TOWARDS = 0.25  # of its width towards an edge, within `RECENT_S`: on the way out
# share of the smallest person's area: less movement is the picture's noise, not somebody who stands
STIRRING = 0.1
HEAD = 0.15  # of its height, from above: where a face would be


@dataclass(slots=True, eq=False)
class Mover:
    """Something that moved as one: where, when it last moved, and how far it came from its start, in its own widths."""

    box: Box
    start: Point
    since: float
    at: float
    crossings: dict[str, Crossing]
    far: float = 0.0
    has_face: bool = False
    zones: set[str] = field(default_factory=set)
    trail: deque[tuple[float, Box]] = field(default_factory=deque)

    @property
    def head(self) -> Point:
        """Where her face would be, in pixels."""
        return self.box.centre[0], self.box.y1 + HEAD * self.box.height

    def go_on(self, box: Box, report: FrameReport) -> None:
        """It moved to `box`."""
        self.box = box
        (x, y), (u, v) = box.centre, self.start
        self.far = max(self.far, max(abs(x - u), abs(y - v)) / box.width)
        self.trail.append((report.at, box))
        while self.trail[0][0] < report.at - RECENT_S:
            self.trail.popleft()
        for crossing in self.crossings.values():
            crossing.step(self.head, report.size)

    def crossed(self) -> tuple[str | None, Direction]:
        """The line that it crossed between its start and its end, and in which direction; None for no line."""
        for name, crossing in self.crossings.items():
            direction = crossing.ended(self.box.width / WIDE)
            if direction is not None:
                return name, direction
        return None, Direction.GONE

    def is_over(self, report: FrameReport) -> bool:
        """Whether it has ended, as nothing moved for long enough; also when the clock was set back."""
        calm_s = report.at - self.at
        return not 0 <= calm_s <= (CALM_S if self._is_on_its_way_out(report.size) else REST_S)

    @property
    def is_somebody(self) -> bool:
        """Whether it is to be counted: it had no face, and did not stay where it was."""
        return not self.has_face and self.at - self.since > UNSEEN_S and self.far >= OWN_WIDTHS

    def _is_on_its_way_out(self, size: tuple[int, int]) -> bool:
        """Whether it moved towards an edge, and as much again takes it there."""
        (x, y), (u, v) = self.box.centre, self.trail[0][1].centre
        right, down = x - u, y - v
        edges = (
            (-right, self.box.x1),
            (-down, self.box.y1),
            (right, size[0] - self.box.x2),
            (down, size[1] - self.box.y2),
        )
        return any(moved >= max(TOWARDS * self.box.width, left_px) for moved, left_px in edges)


class Unassessed:
    """Follows what the motion gate reports as moved in one camera's view; without the gate nothing is counted.

    Two people who walk close together count once, and somebody close to a person whose face is seen does not count.
    """

    def __init__(self, min_face_px: float, zones: Mapping[str, Polygon], lines: Mapping[str, Line]) -> None:
        self._person = PersonSize(min_face_px)
        self._zones = zones
        self._lines = lines
        self._all: list[Mover] = []

    def update(self, report: FrameReport, faces: Iterable[Box]) -> list[Mover]:
        """The movers that have ended since the last report and are to be counted; `faces` are those of followed people."""
        over = [each for each in self._all if each.is_over(report)]
        self._all = [each for each in self._all if each not in over]
        width, height = report.size
        parts = [box for box in report.moved if box.width * box.height <= MAX_SHARE * width * height]
        own: dict[int, list[Box]] = {}
        for part in parts:
            before = self._before(part)
            if before is not None:
                own.setdefault(id(before), []).append(part)
            elif self._person.fits(part, report.size):
                self._all.append(self._begun(part, report))
        faces = list(faces)
        for each in self._all:
            mine = own.get(id(each), [])
            if sum(box.width * box.height for box in mine) >= STIRRING * self._person.least_area:
                each.at = report.at
                whole = reduce(enclosing_box, mine)
                if self._person.fits(whole, report.size):
                    self._go_on(each, whole, report)
            each.has_face = each.has_face or has_face(each.box, faces)
        return [each for each in over if each.is_somebody]

    def _before(self, part: Box) -> Mover | None:
        """The mover that it belongs to: the one that it overlaps most."""
        near = [each for each in self._all if overlaps(with_room(each.box), part)]
        return max(near, key=lambda each: covered_share(part, with_room(each.box)), default=None)

    def _begun(self, box: Box, report: FrameReport) -> Mover:
        crossings = {name: Crossing(line) for name, line in self._lines.items()}
        mover = Mover(box, box.centre, report.at, report.at, crossings)
        self._go_on(mover, box, report)
        return mover

    def _go_on(self, mover: Mover, box: Box, report: FrameReport) -> None:
        mover.go_on(box, report)
        mover.zones.update(names_at(self._zones, mover.head, report.size))
