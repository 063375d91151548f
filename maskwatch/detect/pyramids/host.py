"""The pyramid on the processor: uint8, by OpenCV, each level from the one above."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from maskwatch.core.records import Rgb
from maskwatch.detect.pyramids.levels import Sheet, levels
from maskwatch.detect.pyramids.sampling import steps, touches

GRAIN_PX = 32  # sides of sheets are multiples: each new shape costs the networks time and memory


class HostPyramid:
    """A `Pyramid`: one sheet a level, its edge going on to the next multiple of `GRAIN_PX`.

    `frames` are one at least, all of one size. Sheets and crops are uint8.
    """

    def __init__(self, frames: Sequence[Rgb], min_face_px: float) -> None:
        height, width = frames[0].shape[:2]
        self._images: list[Sequence[Rgb]] = [frames]  # the frames themselves, then each level of all frames
        self._sheets = []
        for level in levels(width, height, min_face_px):
            size = (len(frames), _rounded_up(level.height), _rounded_up(level.width), 3)
            pixels = np.empty(size, np.uint8)
            inner = pixels[:, : level.height, : level.width]
            for above, below in zip(self._images[-1], inner, strict=True):
                # bilinear finds as much as area-averaging, six times as fast
                cv2.resize(above, (level.width, level.height), below, interpolation=cv2.INTER_LINEAR)
            pixels[:, level.height :, : level.width] = inner[:, -1:]
            pixels[:, :, level.width :] = pixels[:, :, level.width - 1 : level.width]
            self._images.append(list(inner))
            self._sheets.append(Sheet(torch.from_numpy(pixels), (level,)))
        self._sizes = torch.tensor([each[0].shape[1::-1] for each in self._images])

    def sheets(self) -> list[Sheet]:
        return self._sheets

    def touches(self, boxes: Tensor) -> Tensor:
        height, width = self._images[0][0].shape[:2]
        return touches(boxes, width, height)

    def cut(self, frame: Tensor, boxes: Tensor, side_px: int) -> Tensor:
        level, start, step = steps(boxes, self._sizes, side_px)
        samples = (start[:, :, None] + step[:, :, None] * torch.arange(side_px)).numpy()
        crops = np.empty((len(boxes), side_px, side_px, 3), np.uint8)
        image_of = torch.stack([level, frame], dim=1).numpy()
        for image in np.unique(image_of, axis=0):
            own = np.flatnonzero((image_of == image).all(axis=1))
            place, of = image
            crops[own] = _sampled(self._images[place][of], samples[own])
        return torch.from_numpy(crops)


def _rounded_up(length: int) -> int:
    return -(-length // GRAIN_PX) * GRAIN_PX


def _sampled(rgb: Rgb, samples: np.ndarray) -> np.ndarray:
    """Crops `(K, S, S, 3)` of one picture at the columns and rows `samples` `(K, 2, S)`, in one call."""
    count, _, side = samples.shape
    columns = np.repeat(samples[:, 0], side, axis=0)
    rows = np.broadcast_to(samples[:, 1, :, None], (count, side, side)).reshape(-1, side)
    crops = cv2.remap(rgb, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crops.reshape(count, side, side, 3)
