"""The pyramid where the networks are, by torch: frames go up once as uint8, and nothing comes back.

All levels lie on one sheet, so that P-Net runs once for the whole batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from maskwatch.core.records import Rgb
from maskwatch.detect.pyramids.levels import Level, Sheet, levels
from maskwatch.detect.pyramids.sampling import steps


class DevicePyramid:
    """A `Pyramid`: each level from the one above, bilinearly, as the host's; not rounded in between.

    `frames` are one at least, all of one size. Sheets are uint8, crops float32.
    """

    def __init__(self, frames: Sequence[Rgb], min_face_px: float, device: torch.device) -> None:
        self._frames = torch.from_numpy(np.stack(frames)).to(device, non_blocking=True)
        count, height, width, _ = self._frames.shape
        self._levels, across, down = packed(levels(width, height, min_face_px))
        self._sheet = torch.zeros((count, down, across, 3), dtype=torch.uint8, device=device)
        image = self._frames.permute(0, 3, 1, 2).float()
        for level in self._levels:
            image = interpolate(image, (level.height, level.width), mode="bilinear", align_corners=False)
            # an odd side is one more pixel to P-Net's pooling, which rounds up
            even = pad(image, (0, level.width % 2, 0, level.height % 2), mode="replicate")
            place = self._sheet[:, level.top :, level.left :][:, : even.shape[2], : even.shape[3]]
            place.copy_(even.round().permute(0, 2, 3, 1))

        # frames and sheets as one row of pixels: every sample of every crop is a place in it
        self._pixels = torch.cat([self._frames.reshape(-1, 3), self._sheet.reshape(-1, 3)])

    def sheets(self) -> list[Sheet]:
        return [Sheet(self._sheet, self._levels)] if self._levels else []

    def cut(self, frame: Tensor, boxes: Tensor, side_px: int) -> tuple[Tensor, Tensor]:
        count, height, width, _ = self._frames.shape
        sheet_height, sheet_width = self._sheet.shape[1:3]
        device = self._frames.device
        sheets_from = count * height * width
        places = [(width, height, 0, width, height * width)]
        for level in self._levels:
            corner = sheets_from + level.top * sheet_width + level.left
            places.append((level.width, level.height, corner, sheet_width, sheet_height * sheet_width))
        table = torch.tensor(places, device=device)
        rows, level_of, start, step = steps(boxes, table[:, :2], side_px)
        widths, heights, base, stride, each = table[level_of].unbind(1)
        x, right, x_share = _between(start[:, 0], step[:, 0], widths, side_px)
        y, below, y_share = _between(start[:, 1], step[:, 1], heights, side_px)
        base = (base + frame[rows] * each)[:, None, None]
        upper, lower = (base + (row * stride[:, None])[:, :, None] for row in (y, below))
        first, second = x[:, None, :], right[:, None, :]
        x_share, y_share = x_share[:, None, :, None], y_share[:, :, None, None]
        pixels = self._pixels
        above = torch.lerp(pixels[upper + first].float(), pixels[upper + second].float(), x_share)
        under = torch.lerp(pixels[lower + first].float(), pixels[lower + second].float(), x_share)
        return rows, torch.lerp(above, under, y_share)


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
