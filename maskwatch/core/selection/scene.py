"""Two frames of a camera compared: is it the same scene, and did the picture change where a face was?

Unlike the motion gate (`detect.motion`), a lighting change counts as a new scene, because the models may judge it
otherwise. So each compares frames in its own way: here by the mean difference over the frame or a face's place; in the
gate by single cells that moved since each was last inspected, which takes OpenCV, and the core has none.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, FrameReport, Rgb

SAME_SCENE = 12.0  # grey levels (0..255): a larger mean difference is another scene
GRID = 160  # points across the longer side, by which scenes are compared
APART_IOU = 0.2  # faces that overlap less are two

Grid = NDArray[np.int16]


def grid(rgb: Rgb) -> Grid:
    """The green channel at points as far apart in both directions: enough to tell a scene from another."""
    step = max(1, ceil(max(rgb.shape[:2]) / GRID))
    return np.asarray(rgb[::step, ::step, 1], np.int16)


def is_steady(before: Grid, after: Grid) -> bool:
    """Whether two frames show the same scene in the same light."""
    return before.shape == after.shape and float(np.abs(after - before).mean()) <= SAME_SCENE


def is_missing(face: Face, report: FrameReport, before: Grid, after: Grid) -> bool:
    """Whether a report has no such face although the picture is the same before and after where it was."""
    if any(iou(face.box, other.box) >= APART_IOU for other in report.faces):
        return False
    place = _place(face.box, report.size, before.shape[:2])
    return float(np.abs(after[place] - before[place]).mean()) <= SAME_SCENE


def _place(box: Box, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where a box lies in a grid, and a point around it."""
    per_x, per_y = shape[1] / size[0], shape[0] / size[1]
    x1, x2 = (min(max(0, int(v * per_x)), shape[1] - 1) for v in (box.x1, box.x2))
    y1, y2 = (min(max(0, int(v * per_y)), shape[0] - 1) for v in (box.y1, box.y2))
    return slice(max(0, y1 - 1), y2 + 2), slice(max(0, x1 - 1), x2 + 2)
