"""Box arithmetic of the cascade, on the device where the boxes are.

Boxes are `(N, 4)` float32: x1, y1, x2, y2 in pixels of the frame, counted from 1 and inclusive as in the
published code (Zhang et al. 2016, and facenet-pytorch's `detect_face.py` after it), so that a box from 1 to 12 is
12 pixels wide. Every function gives new tensors on the device of its arguments and changes none.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from maskwatch.detect.single_thread import strictly_lower

STRIDE, WINDOW_PX = 2, 12  # P-Net's
ROWS = 1024  # of a table of overlaps at once: bounds the memory
ROUNDS = 8  # of a suppression before it is asked whether it is settled


def windows(cells: Tensor, scales: Tensor, *, whole_pixels: bool) -> Tensor:
    """P-Net's window behind each cell: boxes `(N, 4)` in the frame, 12 / scale pixels wide.

    `cells` `(N, 2)` int64 are row and column in P-Net's map over a level, `scales` `(N,)` that level's size over
    the frame's (see `detect.pyramids.levels`). With `whole_pixels` corners are rounded down, as published.
    """
    corner = cells.flip(1) * STRIDE
    # float32 division as published: in float64, 3 / 0.6 falls on the other side of a whole pixel
    boxes = torch.cat([corner + 1, corner + WINDOW_PX], dim=1).float() / scales[:, None].float()
    return boxes.floor() if whole_pixels else boxes


def shifted(boxes: Tensor, offsets: Tensor, extra: float) -> Tensor:
    """Bounding-box regression: boxes `(N, 4)` moved by the networks' offsets `(N, 4)` of x1, y1, x2, y2.

    Offsets are in units of the box's width and height, to which `extra` pixels are added: 1 counts them
    inclusively, which the published code does after R- and O-Net, and not after P-Net.
    """
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + offsets * torch.cat([sides, sides], dim=1)


def mirrored_offsets(offsets: Tensor) -> Tensor:
    """Offsets `(N, 4)` that were asked for in a crop flipped left to right, for the crop as it is."""
    x1, y1, x2, y2 = offsets.unbind(1)
    return torch.stack([-x2, y1, -x1, y2], dim=1)


def squared(boxes: Tensor) -> Tensor:
    """The smallest squares around the boxes, about the same centres: `(N, 4)`, not cut at the frame."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + sides / 2 - side / 2
    return torch.cat([corner, corner + side], dim=1)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each box of `a` `(..., N, 4)` with each of `b` `(..., M, 4)`: `(..., N, M)`, 0..1.

    For many boxes at once, where they are; `core.geometry.iou` is the same of two records, for code that may not
    load torch. Coordinates are points, not inclusive pixels. NaN between two boxes without an area.
    """
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    area, others = ((each[..., 2:] - each[..., :2]).prod(dim=-1) for each in (a, b))
    return overlap / (area[..., :, None] + others[..., None, :] - overlap)


def nms(boxes: Tensor, scores: Tensor, groups: Tensor, iou: float) -> Tensor:
    """Greedy non-maximum suppression within each group: indices `(K,)` int64 of the kept, best first.

    A box goes when its intersection over union with a better one of its group, which stays, is above `iou` (0..1).
    `boxes` `(N, 4)`, `scores` `(N,)` (the higher, the better), `groups` `(N,)` int64, not negative: boxes of two
    groups never suppress each other. Areas are not counted inclusively here: x2 - x1 is the width.
    """
    if not len(boxes):
        return torch.empty(0, dtype=torch.int64, device=boxes.device)
    return (_nms_host if boxes.device.type == "cpu" else nms_on_device)(boxes, scores, groups, iou)


def _nms_host(boxes: Tensor, scores: Tensor, groups: Tensor, iou: float) -> Tensor:
    rectangles = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1).double().numpy()
    # OpenCV's type stubs ask for lists; it takes arrays
    kept = cv2.dnn.NMSBoxesBatched(rectangles, scores.numpy(), groups.int().numpy(), 0.0, iou)  # type: ignore[arg-type]
    return torch.from_numpy(np.asarray(kept, np.int64).reshape(-1))


def nms_on_device(boxes: Tensor, scores: Tensor, groups: Tensor, iou: float) -> Tensor:
    """`nms` without leaving the device: all boxes at once, in a few rounds instead of box by box.

    Memory grows with the square of their number.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    among = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    stays = settled_at_last(rivals(boxes[order], groups[order], pairwise_iou, iou), among)
    return order[stays]


def nms_by_smaller(boxes: Tensor, scores: Tensor, groups: Tensor, share: float) -> Tensor:
    """Like `nms`, but by the intersection's share of the smaller box: one face inside another goes.

    A box goes when that share is above `share` (0..1); areas are counted inclusively (the published code's
    `Min`).
    """
    order = torch.argsort(scores, descending=True, stable=True)
    among = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    return order[settled_at_last(rivals(boxes[order], groups[order], share_of_smaller, share), among)]


def share_of_smaller(a: Tensor, b: Tensor) -> Tensor:
    """The intersection's share of the smaller of two boxes: `a` `(N, 4)`, `b` `(M, 4)` to `(N, M)`; pixels counted inclusively."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = (high - low + 1).clamp(min=0).prod(dim=-1)
    area, others = ((each[:, 2:] - each[:, :2] + 1).prod(dim=-1) for each in (a, b))
    return overlap / torch.minimum(area[:, None], others[None])


def rivals(
    boxes: Tensor, groups: Tensor, overlap: Callable[[Tensor, Tensor], Tensor], bound: float
) -> Tensor:
    """Which boxes `(N, 4)`, best first, would suppress which: `[worse, better]`, `(N, N)` bool.

    Those of one group of which the `overlap` (0..1, of two lists of boxes, as `pairwise_iou`) is above `bound`.
    """
    rows = [
        (overlap(some, boxes) > bound) & (own[:, None] == groups)
        for some, own in zip(torch.split(boxes, ROWS), torch.split(groups, ROWS), strict=True)
    ]
    whole = rows[0] if len(rows) == 1 else torch.cat(rows)
    return strictly_lower(whole)


def settled(rivals: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Who stays, `(N,)` bool, of those `among` which the suppression is; and whether that is settled, a number.

    The device is not waited for. Who stays depends only on better ones: each round settles at least one more, and all
    whose chain of better rivals is shorter than `ROUNDS`.
    """
    stays, before = among, among
    for _ in range(ROUNDS):
        before, stays = stays, _next(rivals, among, stays)
    return stays, (stays == before).all()


def settled_at_last(rivals: Tensor, among: Tensor) -> Tensor:
    """As `settled`, with as many rounds as it takes; asks the device after each."""
    stays = among
    while not torch.equal(following := _next(rivals, among, stays), stays):
        stays = following
    return stays


def _next(rivals: Tensor, among: Tensor, stays: Tensor) -> Tensor:
    return among & ~(rivals & stays).any(dim=1)
