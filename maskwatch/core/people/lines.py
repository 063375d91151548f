"""Lines that people cross: which way somebody went over one."""

from dataclasses import dataclass
from enum import StrEnum
from math import hypot

from maskwatch.core.records import Direction

Point = tuple[float, float]

MARGIN = 0.5  # of a face's longer side, beyond the line: somebody nearer to it may still turn round;
MARGIN_AT_END = 0.25  # for somebody who is gone, this is enough


class Side(StrEnum):
    """A side of a line in the picture, seen from its start along it."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Line:
    """From `start` to `end`, x and y as shares (0..1) of the frame; crossing it towards the side `leaving` is leaving."""

    start: Point
    end: Point
    leaving: Side = Side.RIGHT


class Crossing:
    """One person and one line: follows her point, and reports a crossing once.

    Only the segment can be crossed; passing one of its ends is no crossing. Steps back and forth cancel out, and a crossing
    is reported only beyond a margin. After one direction only the other can follow, so that for one line `leaving` minus
    `entering` is -1, 0 or 1.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._point: Point | None = None
        self._distance_px = 0.0
        # crossings of the segment since the last report: those to the right minus those to the left
        self._through = 0
        self._reported: Direction | None = None

    def step(self, point: Point, size: tuple[int, int]) -> None:
        """Note that she is at `point`, in pixels of a frame with that width and height."""
        here = point[0] / size[0], point[1] / size[1]
        there_px, here_px = self._distances(self._point or here, here, size)
        if (there_px >= 0) != (here_px >= 0) and self._meets(here, there_px / (there_px - here_px), size):
            self._through += 1 if here_px >= 0 else -1
        self._point, self._distance_px = here, here_px

    def crossed(self, face_px: float) -> Direction | None:
        """The direction, once she is beyond the line by `MARGIN` of her face, whose longer side is `face_px`; else None."""
        return self._report() if abs(self._distance_px) >= MARGIN * face_px else None

    def ended(self, face_px: float) -> Direction | None:
        """The direction, if she was last seen beyond the line by `MARGIN_AT_END` of her face; else None."""
        return self._report() if abs(self._distance_px) >= MARGIN_AT_END * face_px else None

    def _report(self) -> Direction | None:
        through, self._through = self._through, 0
        if through == 0 or (through > 0) != (self._distance_px >= 0):
            return None
        leaves = (through > 0) == (self._line.leaving is Side.RIGHT)
        direction = Direction.LEAVING if leaves else Direction.ENTERING
        if direction is self._reported:
            return None
        self._reported = direction
        return direction

    def _distances(self, there: Point, here: Point, size: tuple[int, int]) -> tuple[float, float]:
        """The signed distances in pixels of two points from the infinite line; positive on its right (y points down)."""
        (x1, y1), (x2, y2) = _px(self._line.start, size), _px(self._line.end, size)
        dx, dy = x2 - x1, y2 - y1
        length = hypot(dx, dy)
        first, second = (
            (dx * (y - y1) - dy * (x - x1)) / length for x, y in (_px(there, size), _px(here, size))
        )
        return first, second

    def _meets(self, here: Point, share: float, size: tuple[int, int]) -> bool:
        """Whether the point at `share` (0..1) of the way from the last point to `here` lies within the segment."""
        assert self._point is not None
        (x1, y1), (x2, y2) = _px(self._line.start, size), _px(self._line.end, size)
        (px, py), (qx, qy) = _px(self._point, size), _px(here, size)
        x, y = px + share * (qx - px), py + share * (qy - py)
        dx, dy = x2 - x1, y2 - y1
        return 0 <= (x - x1) * dx + (y - y1) * dy <= dx * dx + dy * dy


def _px(point: Point, size: tuple[int, int]) -> Point:
    return point[0] * size[0], point[1] * size[1]
