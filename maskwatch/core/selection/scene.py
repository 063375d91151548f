"""Compares two frames of a camera: the same scene, the same view, and whether the picture changed where a face was.

Unlike the motion gate (`detect.motion`), a lighting change counts as a new scene, because the models may judge it
otherwise. So each compares frames in its own way: here by the mean difference over the frame or a face's place; in the
gate by single cells that moved since each was last inspected, which takes OpenCV, and the core has none.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Frame, FrameReport

SAME_SCENE = 12.0  # grey levels (0..255): a larger mean difference is another scene
SAME_VIEW = 0.35
"""The correlation of two grids from which on the camera still looks at the same place. In six clips people who come
near leave 0.63 of it from frame to frame at 5 frames a second, and 0.42 at one a second; of fifteen pairs of places
eleven never reach 0.35."""
GRID = 160  # points across the longer side, by which scenes are compared
APART_IOU = 0.2  # faces that overlap less are two

Grid = NDArray[np.int16]


def grid(frame: Frame) -> Grid:
    """The green channel at a grid of points with equal spacing: enough to tell scenes apart."""
    if frame.grid is None:
        step = max(1, ceil(max(frame.size) / GRID))
        object.__setattr__(frame, "grid", np.asarray(frame.rgb[::step, ::step, 1], np.int16))
    assert frame.grid is not None
    return frame.grid


def is_steady(before: Grid, after: Grid) -> bool:
    """Whether two frames show the same scene in the same light."""
    return before.shape == after.shape and float(np.abs(after - before).mean()) <= SAME_SCENE


def is_another_view(before: Grid, after: Grid) -> bool:
    """Whether the camera's view changed: by more than other light, or people who come near, change a picture."""
    if is_steady(before, after):
        return False
    if before.shape != after.shape:
        return True
    one, other = before - before.mean(), after - after.mean()
    spread = float(np.sqrt((one**2).mean() * (other**2).mean()))
    return float((one * other).mean()) < SAME_VIEW * spread


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
