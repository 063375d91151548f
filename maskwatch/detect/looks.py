"""O-Net's further looks at a face that it has found: mirrored, by O-Net as it was before its training, and upright.

O-Net knows upright faces best, and tells where the eyes are. So the crop of a head that leans is turned first, until the
eyes are level.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from maskwatch.detect import boxes
from maskwatch.detect.backends.folded import Backend
from maskwatch.detect.candidates import Candidates
from maskwatch.detect.pyramids.device import DevicePyramid
from maskwatch.detect.pyramids.levels import Pyramid
from maskwatch.detect.single_thread import log_sigmoid, mirrored

ONET_PX = 48  # side of its crops
WIDE_PX = 68  # of the crop that they are turned in: a square's diagonal
SUREST = 1e-6  # how near to 0 and 1 a probability may come, so that its log-odds are finite
# Measured on the validation splits: from 5 degrees on a few more leaning faces are found and a few upright ones lost, from
# 15 on fewer of both. Where the eyes are said to stand one over the other, it is no face that leans.
LEANS_FROM, LEANS_TO = math.radians(10), math.radians(60)


def roll(across: Tensor) -> Tensor:
    """How far each head leans, from the line through its eyes.

    `across` `(N, 2)` is x and y from the left eye to the right one, as in the picture. Returns radians `(N,)`, positive
    clockwise, and 0 where that is too little or too much to be turned.
    """
    angle = torch.atan2(across[:, 1], across[:, 0])
    return torch.where((angle.abs() >= LEANS_FROM) & (angle.abs() <= LEANS_TO), angle, 0.0)


def judged_again(
    backend: Backend, pyramid: Pyramid, found: Candidates, crops: Tensor, power: float
) -> Candidates:
    """The candidates with the mean log-odds of all looks, and the box that the mirrored one gives.

    `found` are squares, `crops` `(N, 48, 48, 3)` theirs. `power` is that of O-Net's probability in the combined one.
    """
    crops = _upright(pyramid, found, crops)
    values = backend.onet(mirrored(crops))
    before = found.scores.logit(eps=SUREST)
    answers, offsets = [before, values[:, 0].clone()], values[:, 1:5].clone()
    if backend.old_onet is not None:
        answers.append(backend.old_onet(crops)[:, 0])
    mean = torch.stack(answers).mean(dim=0)
    logs = found.logs + power * (log_sigmoid(mean) - log_sigmoid(before))
    moved = boxes.shifted(found.boxes, boxes.mirrored_offsets(offsets), extra=1)
    return replace(
        found, boxes=_turned_back(found.boxes, moved, found.roll), scores=mean.sigmoid(), logs=logs
    )


def _upright(pyramid: Pyramid, found: Candidates, crops: Tensor) -> Tensor:
    """The crops, those of leaning heads cut anew; on a card all of them are, so that nothing waits for it."""
    if isinstance(pyramid, DevicePyramid):
        return turned(pyramid.cut(found.frame, _wider(found.boxes), WIDE_PX), found.roll)
    rows = found.roll.nonzero()[:, 0]
    if not len(rows):
        return crops
    wide = pyramid.cut(found.frame[rows], _wider(found.boxes[rows]), WIDE_PX)
    crops = crops.clone()
    crops[rows] = turned(wide, found.roll[rows]).round().to(crops.dtype)
    return crops


def _wider(squares: Tensor) -> Tensor:
    """Squares `(N, 4)` (see `detect.boxes`) that are to `WIDE_PX` what the given ones are to `ONET_PX`."""
    centre = (squares[:, :2] + squares[:, 2:]) / 2
    half = (squares[:, 2:] - squares[:, :2] + 1) / 2 * (WIDE_PX / ONET_PX)
    return torch.cat([centre - half + 0.5, centre + half - 0.5], dim=1)


def turned(wide: Tensor, angle: Tensor) -> Tensor:
    """The middle of crops `(N, 68, 68, 3)`, turned counter-clockwise by `angle` `(N,)` radians: `(N, 48, 48, 3)` float32."""
    share, none = ONET_PX / WIDE_PX, torch.zeros_like(angle)
    cos, sin = angle.cos() * share, angle.sin() * share
    rows = [torch.stack([cos, -sin, none], dim=1), torch.stack([sin, cos, none], dim=1)]
    grid = affine_grid(torch.stack(rows, dim=1), [len(wide), 3, ONET_PX, ONET_PX], align_corners=False)
    pixels = wide.permute(0, 3, 1, 2).float()
    return grid_sample(pixels, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)


def _turned_back(squares: Tensor, moved: Tensor, angle: Tensor) -> Tensor:
    """Where boxes `moved` within turned squares lie in the frame: `(N, 4)`, of the same sizes about turned centres."""
    pivot, centre = ((each[:, :2] + each[:, 2:]) / 2 for each in (squares, moved))
    x, y = (centre - pivot).unbind(1)
    cos, sin = angle.cos(), angle.sin()
    shift = torch.stack([x * (cos - 1) - y * sin, x * sin + y * (cos - 1)], dim=1)
    return moved + torch.cat([shift, shift], dim=1)
