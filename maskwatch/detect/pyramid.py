"""The image pyramid: the frame in ever smaller sizes, so that a 12 px window meets faces of every size."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from maskwatch.core.records import Rgb

WINDOW_PX = 12  # P-Net's receptive field
FACTOR = 0.709  # from one level to the next: about sqrt(1/2), so the area halves (facenet-pytorch's default)


def scales(width: int, height: int, min_face_px: float) -> list[float]:
    """Levels' sizes as shares of the frame, largest first; the smallest still holds one window."""
    result = []
    scale = WINDOW_PX / min_face_px
    while min(width, height) * scale >= WINDOW_PX:
        result.append(scale)
        scale *= FACTOR
    return result


def levels(frames: Sequence[Rgb], min_face_px: float, device: torch.device) -> Iterator[tuple[float, Tensor]]:
    """Yield each scale with that level of all frames, by area: `(N, 3, h, w)` uint8, RGB, channels last.

    The frames must be of one size.
    """
    for scale, (width, height) in _sizes(frames, min_face_px):
        level = np.stack([cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA) for rgb in frames])
        yield scale, torch.from_numpy(level).to(device).permute(0, 3, 1, 2)


def published_levels(
    frames: Sequence[Rgb], min_face_px: float, device: torch.device
) -> Iterator[tuple[float, Tensor]]:
    """The same as facenet-pytorch makes it: float32, and the mean of whole pixels. Boxes follow even its rounding."""
    whole = torch.from_numpy(np.stack(frames)).to(device).permute(0, 3, 1, 2).float()
    for scale, (width, height) in _sizes(frames, min_face_px):
        yield scale, adaptive_avg_pool2d(whole, (height, width))


def _sizes(frames: Sequence[Rgb], min_face_px: float) -> Iterator[tuple[float, tuple[int, int]]]:
    height, width = frames[0].shape[:2]
    for scale in scales(width, height, min_face_px):
        yield scale, (int(width * scale + 1), int(height * scale + 1))
