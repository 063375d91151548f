"""What a network of the cascade should say of a box: how well it fits a true face, and how to move it there.

Boxes `(N, 4)` float32: x1, y1, x2, y2 in pixels.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from maskwatch.detect.boxes import pairwise_iou

Floats = NDArray[np.float32]

EMPTY = 1e-6  # px²: no box that is learnt from is so small
POSITIVE_IOU, PART_IOU, NEGATIVE_IOU = 0.6, 0.4, 0.3
"""From the first on a box shows a face, from the second on a part of one; under the third it shows none.

Zhang et al. 2016 (arXiv:1604.02878) take 0.65 against the true box. The cascade's boxes are squares, which a
narrow face cannot fill so far, so a box counts by the larger of its overlaps with the face and its square.
"""


def fit(boxes: Floats, truths: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The best overlap (0..1) of each box with a truth, and which truth that is (0 where there is none)."""
    if not len(truths):
        return np.zeros(len(boxes), np.float32), np.zeros(len(boxes), np.int64)
    overlap = np.maximum(iou(boxes, truths), iou(boxes, squares(truths)))
    which = overlap.argmax(axis=1)
    return overlap[np.arange(len(boxes)), which], which


def unsure(boxes: Floats, unclear: Floats) -> NDArray[np.bool_]:
    """Which boxes `(N, 4)` lie so far in one of the unclear places `(M, 4)` that they cannot be said to show no face."""
    if not len(unclear):
        return np.zeros(len(boxes), np.bool_)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    inside = _intersection(boxes, unclear).max(axis=1) / np.maximum(area, EMPTY)
    return np.asarray(inside >= NEGATIVE_IOU, np.bool_)


def offsets(boxes: Floats, truths: Floats, extra: float) -> Floats:
    """What moves each box `(N, 4)` to its truth `(N, 4)`, the inverse of `detect.boxes.shifted`."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    return np.asarray((truths - boxes) / np.concatenate([sides, sides], axis=1), np.float32)


def squares(boxes: Floats) -> Floats:
    """The smallest squares around the boxes, about the same centres."""
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def iou(one: Floats, other: Floats) -> Floats:
    """`detect.boxes.pairwise_iou` of arrays: `(N, 4)` and `(M, 4)` to `(N, M)`."""
    return np.asarray(pairwise_iou(torch.from_numpy(one), torch.from_numpy(other)).numpy(), np.float32)


def _intersection(one: Floats, other: Floats) -> Floats:
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2), np.float32)
