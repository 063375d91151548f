"""The motion gate: where one camera's picture changed since it was last looked at.

Frames are compared as small pictures of cells, each the mean of its pixels. A cell's neighbourhood is taken
off first, so that a lamp or a cloud, which changes a whole neighbourhood alike, is no motion; and a
difference counts from a multiple of what the camera's noise does to all cells.
`core.selection` compares frames in another sense, and says there why.
"""

import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import enclosing_box, expanded, overlaps
from maskwatch.core.records import Box, Face, Frame, Rgb
from maskwatch.detect.settings import MotionSettings

CELLS_ACROSS = 160  # of the longer side of the frame: 12 px at 1080p, half of the smallest face
NEIGHBOURHOOD = 15  # cells
# grey levels (0..255) by which a moved cell differs at least: compression alone causes up to 9
MIN_DIFFERENCE = 10.0
OVER_NOISE = 6.0  # and as many times the median difference of all cells,
MAX_DIFFERENCE = 25.0  # but no more: where everything changed, the median is no noise
MARGIN = 3  # cells of room around what moved
FACE_MARGIN = 0.5  # of a face's side, around a face
SIDES_PX = (192, 288, 432, 648, 972, 1458)  # of an area, a square: few sizes, as each costs time and memory
WORTH_IT = 0.5  # of the frame: above, the whole frame is looked at

Floats = NDArray[np.float32]


class MotionGate:
    """A `Gate` for one camera, which remembers what it let be looked at: it is asked once for each frame, in order.

    Time is the frames' own (`frame.at`), in seconds. Another size of the frame, and a clock that is set back,
    are looked at everywhere. `camera` only decides when the first look everywhere is due.
    """

    def __init__(self, camera: str, settings: MotionSettings) -> None:
        self._full_s = settings.full_s
        # the first time sooner, each camera at another moment: so that not all are due together
        self._due_s = settings.full_s * (0.25 + 0.75 * zlib.crc32(camera.encode()) / 2**32)
        self._before: Floats | None = None  # each cell as it was when it was last looked at
        self._full_at = 0.0
        self._size = (0, 0)
        self.moved: tuple[Box, ...] = ()
        """See `SupportsMoved`; none at a first look."""

    def changed(self, frame: Frame, faces: Sequence[Face]) -> tuple[Box, ...] | None:
        now = _cells(frame.rgb)
        if self._before is None or self._size != frame.size:
            self.moved = ()
            self._look_everywhere(frame, now)
            return None
        groups = _groups(_moved(now, self._before))
        side = _cell_px(frame.rgb)
        grown = [Box(*(v * side for v in group)) for group in groups]
        self.moved = tuple(_without_room(area, MARGIN * side, frame.size) for area in grown)
        if not 0 <= frame.at - self._full_at < self._due_s:
            self._look_everywhere(frame, now)
            return None
        areas = self._areas(frame, grown, faces)
        if sum(area.width * area.height for area in areas) > WORTH_IT * frame.size[0] * frame.size[1]:
            self._look_everywhere(frame, now)
            return None
        self._remember(frame, areas, now)
        return areas

    def _look_everywhere(self, frame: Frame, now: Floats) -> None:
        if self._before is not None:
            self._due_s = self._full_s
        self._before, self._full_at, self._size = now, frame.at, frame.size

    def _remember(self, frame: Frame, areas: tuple[Box, ...], now: Floats) -> None:
        assert self._before is not None
        side = _cell_px(frame.rgb)
        for area in areas:
            x1, y1, x2, y2 = (int(v) for v in area)
            inside = np.s_[-(-y1 // side) : y2 // side, -(-x1 // side) : x2 // side]
            self._before[inside] = now[inside]

    def _areas(self, frame: Frame, areas: list[Box], faces: Sequence[Face]) -> tuple[Box, ...]:
        """What moved, with room around it and every face that it touches, in few rectangles."""
        people = [expanded(face.box, FACE_MARGIN) for face in faces]
        areas = _joined(areas, people)
        while True:  # what was fitted may overlap and be joined, and then has another size
            fitted = [_fitted(frame, area) for area in areas]
            areas = _merged(fitted)
            if len(areas) == len(fitted):
                return tuple(fitted)


def _cell_px(rgb: Rgb) -> int:
    height, width = rgb.shape[:2]
    return int(max(4, max(height, width) // CELLS_ACROSS))


def _cells(rgb: Rgb) -> Floats:
    """The frame as cells `(rows, columns, 3)`, each less the mean of its neighbourhood."""
    side = _cell_px(rgb)
    size = -(-rgb.shape[1] // side), -(-rgb.shape[0] // side)
    step = max(1, side // 4)
    sparse = cv2.resize(
        rgb, (size[0] * side // step, size[1] * side // step), interpolation=cv2.INTER_NEAREST
    )
    cells = cv2.resize(sparse, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cells - cv2.blur(cells, (NEIGHBOURHOOD, NEIGHBOURHOOD)), np.float32)


def _moved(now: Floats, before: Floats) -> NDArray[np.uint8]:
    """1 for every cell that differs by more than noise does, and has a neighbour that does."""
    difference = np.abs(now - before).max(axis=2)
    bound = min(max(MIN_DIFFERENCE, OVER_NOISE * float(np.median(difference))), MAX_DIFFERENCE)
    differs = (difference > bound).astype(np.uint8)
    company = cv2.boxFilter(differs, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(differs * (company > 1), np.uint8)


def _groups(moved: NDArray[np.uint8]) -> list[Box]:
    """What moved together, in cells, with `MARGIN` of room."""
    if not moved.any():
        return []
    grown = cv2.dilate(moved, np.ones((2 * MARGIN + 1,) * 2, np.uint8))
    _, _, groups, _ = cv2.connectedComponentsWithStats(grown)
    return [Box(x, y, x + w, y + h) for x, y, w, h, _ in groups[1:].tolist()]


def _without_room(area: Box, margin_px: float, size: tuple[int, int]) -> Box:
    """As far as cells differ, which is up to half a neighbourhood more than what moved; at the frame's edge there is no room."""
    width, height = size
    return Box(
        0 if area.x1 <= 0 else area.x1 + margin_px,
        0 if area.y1 <= 0 else area.y1 + margin_px,
        width if area.x2 >= width else area.x2 - margin_px,
        height if area.y2 >= height else area.y2 - margin_px,
    )


def _fitted(frame: Frame, area: Box) -> Box:
    """A square of one of the usual sides about an area, as far as the frame reaches."""
    longer = max(area.width, area.height)
    side = next((s for s in SIDES_PX if s >= longer), max(frame.size))
    corner, far = [], []
    for centre, length in zip(area.centre, frame.size, strict=True):
        start = min(max(0, int(centre - side / 2)), max(0, length - side))
        corner.append(start)
        far.append(min(start + side, length))
    return Box(*corner, *far)


def _joined(areas: list[Box], people: list[Box]) -> list[Box]:
    """The areas, each grown about every face that it touches, and those that then overlap as one."""
    areas = _merged(areas)
    while True:
        grown = []
        for area in areas:
            whole = area
            for person in people:
                whole = enclosing_box(whole, person) if overlaps(whole, person) else whole
            grown.append(whole)
        grown = _merged(grown)
        if grown == areas:
            return areas
        areas = grown


def _merged(areas: list[Box]) -> list[Box]:
    """Those that overlap as one, until none do."""
    result: list[Box] = []
    for area in areas:
        whole = area
        while touching := [other for other in result if overlaps(whole, other)]:
            for other in touching:
                result.remove(other)
                whole = enclosing_box(whole, other)
        result.append(whole)
    return result
