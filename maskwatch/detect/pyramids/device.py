"""The pyramid where the networks are, by torch: frames go up once as uint8, and nothing comes back.

All levels lie on one sheet, so that P-Net runs once for the whole batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from maskwatch.detect.boxes import STRIDE
from maskwatch.detect.pyramids.levels import Level, Sheet, cells, levels
from maskwatch.detect.pyramids.sampling import steps, touches

KEPT_PLANS = 64  # sizes of frames: a camera's own, and those of the areas that the motion gate gives


@dataclass(frozen=True, slots=True, eq=False)
class SheetPlan:
    """What is the same for all frames of one size, on the device.

    `places` `(1 + L, 5)` int64 are the frame and its levels: width, height, first pixel, pixels a row, pixels a frame; pixels
    of levels are counted on their sheet. Of P-Net's map over the sheet `level_of` `(rows, columns)` int64 is the level of
    each cell, -1 between levels; `corners` `(L, 2)` int64 are the row and column where each begins, `scales` `(L,)` float32.
    """

    levels: tuple[Level, ...]
    width: int
    height: int
    places: Tensor
    level_of: Tensor
    corners: Tensor
    scales: Tensor


@lru_cache(KEPT_PLANS)
def plan(width: int, height: int, min_face_px: float, device: torch.device) -> SheetPlan:
    """The plan for frames of this size; each is made once, which stops the device."""
    placed, across, down = packed(levels(width, height, min_face_px))
    rows, columns = cells(Level(1.0, across, down)) if placed else (0, 0)
    level_of = torch.full((rows, columns), -1)
    places = [(width, height, 0, width, width * height)]
    for number, level in enumerate(placed):
        top, left = level.top // STRIDE, level.left // STRIDE
        extent = cells(level)
        level_of[top : top + extent[0], left : left + extent[1]] = number
        places.append((level.width, level.height, level.top * across + level.left, across, across * down))
    corners = [(level.top // STRIDE, level.left // STRIDE) for level in placed]
    return SheetPlan(
        placed,
        across,
        down,
        torch.tensor(places).to(device),
        level_of.to(device),
        torch.tensor(corners).to(device),
        torch.tensor([level.scale for level in placed]).to(device),
    )


class DevicePyramid:
    """A `Pyramid`: each level from the one above, bilinearly, as the host's; not rounded in between.

    `frames` `(N, H, W, 3)` uint8 are one at least, on the device. Sheets are uint8, crops float32.
    """

    def __init__(self, frames: Tensor, min_face_px: float) -> None:
        count, height, width, _ = frames.shape
        self.plan = plan(width, height, min_face_px, frames.device)
        self._size = (width, height)
        size = (count, self.plan.height, self.plan.width, 3)
        self._sheet = torch.zeros(size, dtype=torch.uint8, device=frames.device)
        image = frames.permute(0, 3, 1, 2).float()
        for level in self.plan.levels:
            image = interpolate(image, (level.height, level.width), mode="bilinear", align_corners=False)
            # an odd side is one more pixel to P-Net's pooling, which rounds up
            even = pad(image, (0, level.width % 2, 0, level.height % 2), mode="replicate")
            place = self._sheet[:, level.top :, level.left :][:, : even.shape[2], : even.shape[3]]
            place.copy_(even.round().permute(0, 2, 3, 1))

        # frames and sheets as one row of pixels: every sample of every crop is a place in it
        self._pixels = torch.cat([frames.reshape(-1, 3), self._sheet.reshape(-1, 3)])
        self._sheets_from = count * height * width

    def sheets(self) -> list[Sheet]:
        return [Sheet(self._sheet, self.plan.levels)] if self.plan.levels else []

    def touches(self, boxes: Tensor) -> Tensor:
        return touches(boxes, *self._size)

    def cut(self, frame: Tensor, boxes: Tensor, side_px: int) -> Tensor:
        level, start, step = steps(boxes, self.plan.places[:, :2], side_px)
        widths, heights, base, stride, each = self.plan.places[level].unbind(1)
        base = base + (level > 0) * self._sheets_from + frame.clamp(min=0) * each
        x, right, x_share = _between(start[:, 0], step[:, 0], widths, side_px)
        y, below, y_share = _between(start[:, 1], step[:, 1], heights, side_px)
        base = base[:, None, None]
        upper, lower = (base + (row * stride[:, None])[:, :, None] for row in (y, below))
        first, second = x[:, None, :], right[:, None, :]
        x_share, y_share = x_share[:, None, :, None], y_share[:, :, None, None]
        pixels = self._pixels
        above = torch.lerp(pixels[upper + first].float(), pixels[upper + second].float(), x_share)
        under = torch.lerp(pixels[lower + first].float(), pixels[lower + second].float(), x_share)
        return torch.lerp(above, under, y_share)


def _between(start: Tensor, step: Tensor, length: Tensor, side_px: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two pixels `(K, side_px)` about each sample along an axis, and how near it is to the second (0..1)."""
    samples = start[:, None] + step[:, None] * torch.arange(side_px, device=start.device)
    last = (length - 1)[:, None]
    samples = torch.minimum(samples.clamp(min=0), last.float())
    first = samples.floor().long()
    return first, torch.minimum(first + 1, last), samples - first


def packed(whole: Sequence[Level]) -> tuple[tuple[Level, ...], int, int]:
    """The levels on one sheet, none over another, and the sheet's width and height in pixels.

    Shelf packing, first fit; levels come largest first. Without levels all is 0.
    """
    width = max((_even(level.width) for level in whole), default=0)
    shelves: list[list[int]] = []  # top, height, filled up to
    placed = []
    for level in whole:
        across, down = _even(level.width), _even(level.height)
        shelf = next((s for s in shelves if s[1] >= down and s[2] + across <= width), None)
        if shelf is None:
            shelf = [sum(s[1] for s in shelves), down, 0]
            shelves.append(shelf)
        placed.append(Level(level.scale, level.width, level.height, left=shelf[2], top=shelf[0]))
        shelf[2] += across
    return tuple(placed), width, sum(s[1] for s in shelves)


def _even(length: int) -> int:
    return length + length % 2
