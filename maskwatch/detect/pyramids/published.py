"""The pyramid and the crops as facenet-pytorch makes them, even its rounding: boxes follow the smallest change.

Slow: every level is the mean of whole pixels of the full frame, in float32; a crop is truncated to whole
pixels and to the frame.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from maskwatch.core.records import Rgb
from maskwatch.detect.pyramids.levels import Sheet, levels

Floats = NDArray[np.float32]


class PublishedPyramid:
    """A `Pyramid`: one sheet a level; `frames` are one at least, all of one size. Sheets and crops are float32."""

    def __init__(self, frames: Sequence[Rgb], min_face_px: float, device: torch.device) -> None:
        self._frames = frames
        self._device = device
        height, width = frames[0].shape[:2]
        self._levels = levels(width, height, min_face_px)

    def sheets(self) -> list[Sheet]:
        whole = torch.from_numpy(np.stack(self._frames)).to(self._device).permute(0, 3, 1, 2).float()
        return [
            Sheet(adaptive_avg_pool2d(whole, (level.height, level.width)).permute(0, 2, 3, 1), (level,))
            for level in self._levels
        ]

    def touches(self, boxes: Tensor) -> Tensor:
        height, width = self._frames[0].shape[:2]
        x1, y1, x2, y2 = boxes.trunc().unbind(1)  # (a part is as wide as `_crop` cuts it)
        wide = x2.clamp(0, width) > x1.clamp(min=1) - 1
        return wide & (y2.clamp(0, height) > y1.clamp(min=1) - 1)

    def cut(self, frame: Tensor, boxes: Tensor, side_px: int) -> Tensor:
        images = [np.empty((0, side_px, side_px, 3), np.float32)]
        for of, box in zip(frame.tolist(), boxes.cpu().numpy(), strict=True):
            images.append(_crop(self._frames[of], box, side_px)[None])
        return torch.from_numpy(np.concatenate(images)).to(self._device)


def _crop(rgb: Rgb, box: Floats, side_px: int) -> Floats:
    """`(side_px, side_px, 3)` float32 in 0..255, area-averaged along each axis by a small matrix."""
    height, width = rgb.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in box)
    part = rgb[max(y1, 1) - 1 : max(min(y2, height), 0), max(x1, 1) - 1 : max(min(x2, width), 0)]
    height, width, _ = part.shape
    tall = (_bins(height, side_px) @ part.reshape(height, -1).astype(np.float32)).reshape(-1, width, 3)
    return np.asarray(np.matmul(_bins(width, side_px), tall), np.float32)


@lru_cache(maxsize=4096)
def _bins(length: int, count: int) -> Floats:
    """`(count, length)` weights that average whole pixels: bin i spans floor(i l/c) to ceil((i+1) l/c)."""
    index = np.arange(count)[:, None]
    start, end = index * length // count, -(-(index + 1) * length // count)
    pixel = np.arange(length)[None]
    inside = (pixel >= start) & (pixel < end)
    return np.asarray(inside / inside.sum(axis=1, keepdims=True), np.float32)
