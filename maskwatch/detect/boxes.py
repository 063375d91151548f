"""Box arithmetic of the cascade, in NumPy.

Boxes are `(N, 4)` float32: x1, y1, x2, y2 in pixels of the frame, counted from 1 and inclusive as in the
published code, so that a box from 1 to 12 is 12 pixels wide.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

STRIDE, WINDOW_PX = 2, 12


def windows(cells: Ints, scale: float, *, whole_pixels: bool) -> Floats:
    """P-Net's window behind each cell `(N, 2)` (row, column) of a level at `scale`."""
    corner = cells[:, ::-1] * STRIDE
    # float32 division as published: in float64, 3 / 0.6 falls on the other side of a whole pixel
    at_level = np.concatenate([corner + 1, corner + WINDOW_PX], axis=1).astype(np.float32)
    boxes: Floats = at_level / np.float32(scale)
    return np.floor(boxes) if whole_pixels else boxes


def shifted(boxes: Floats, offsets: Floats, extra: float) -> Floats:
    """Boxes moved by the networks' offsets, which are in units of the side; `extra` is added to the side."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    moved: Floats = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return moved


def squared(boxes: Floats) -> Floats:
    """The smallest squares around the boxes, about the same centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides / 2 - side / 2
    return np.concatenate([corner, corner + side], axis=1)


def nms(boxes: Floats, scores: Floats, groups: Ints, iou: float) -> Ints:
    """Greedy non-maximum suppression within each group: indices of the kept, best first.

    A box goes when its intersection over union with a better one of its group is above `iou`.
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
    # OpenCV's type stubs ask for lists; it takes arrays
    kept = cv2.dnn.NMSBoxesBatched(rectangles, scores, groups.astype(np.int32), 0.0, iou)  # type: ignore[arg-type]
    return np.asarray(kept, np.int64).reshape(-1)


def nms_by_smaller(boxes: Floats, scores: Floats, groups: Ints, share: float) -> Ints:
    """Like `nms`, but by the intersection's share of the smaller box: one face inside another goes."""
    kept: list[int] = []
    area = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    for i in np.argsort(-scores, kind="stable"):
        rivals = np.array([k for k in kept if groups[k] == groups[i]], np.int64)
        low = np.maximum(boxes[rivals, :2], boxes[i, :2])
        high = np.minimum(boxes[rivals, 2:], boxes[i, 2:])
        overlap = np.prod(np.maximum(0, high - low + 1), axis=1)
        if not np.any(overlap / np.minimum(area[rivals], area[i]) > share):
            kept.append(int(i))
    return np.array(kept, np.int64)
