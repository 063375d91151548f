"""What the cascade's networks learn from, batch by batch: whole views for P-Net, mined crops for R- and O-Net."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from maskwatch.detect.boxes import STRIDE, WINDOW_PX
from maskwatch.learn import targets
from maskwatch.learn.faces import SeenPicture
from maskwatch.learn.lending import with_lent_faces
from maskwatch.learn.mining import Kind, Samples
from maskwatch.learn.views import level_view

VIEW_PX = 126  # a training view of P-Net: 58 x 58 cells
CELLS = 58
LENT_SHARE = 0.5  # of the views that show lent faces, too
AIMED_PX = (9.5, 19)  # the size of the face that a view is about
PNET_POSITIVE_IOU = 0.5  # levels and cells are so coarse that some faces fit no window better
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """`rgb` `(N, S, S, 3)` uint8; for each place of the answers its kind (-1: not sure) and its offsets `(..., 4)`."""

    rgb: Tensor
    kinds: Tensor
    offsets: Tensor


class Views:
    """P-Net's batches: views of levels, every cell of P-Net's map with its kind."""

    def __init__(
        self, pictures: Sequence[SeenPicture], lent: Sequence[SeenPicture], size: int, seed: int
    ) -> None:
        self._pictures = pictures
        self._lent = lent
        self._size = size
        self._seed = seed

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Threads make them: OpenCV hangs in forked processes. The same seed gives the same."""
        size, ahead = self._size, 8
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(first, last, ahead):
                stop = min(start + ahead, last)
                made = pool.map(self._one, range(start * size, stop * size))
                for _ in range(start, stop):
                    rgb, kinds, moves = zip(*(next(made) for _ in range(size)), strict=True)
                    yield Batch(*(torch.from_numpy(np.stack(each)) for each in (rgb, kinds, moves)))

    def _one(self, number: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        random = np.random.default_rng((self._seed, number))
        picture = self._pictures[int(random.integers(len(self._pictures)))]
        if random.random() < LENT_SHARE:
            picture = with_lent_faces(picture, self._lent, random)
        rgb, faces = level_view(picture, VIEW_PX, AIMED_PX, random)
        row, column = np.mgrid[0:CELLS, 0:CELLS].reshape(2, -1).astype(np.float32) * STRIDE
        windows = np.stack([column + 1, row + 1, column + WINDOW_PX, row + WINDOW_PX], axis=1)
        overlap, which = targets.fit(windows, faces)
        kinds = np.select(
            [overlap >= PNET_POSITIVE_IOU, overlap >= targets.PART_IOU, overlap < targets.NEGATIVE_IOU],
            [Kind.POSITIVE, Kind.PART, Kind.NEGATIVE],
            -1,
        )
        moves = np.zeros((len(windows), 4), np.float32)
        if len(faces):
            moves = targets.offsets(windows, faces[which], extra=0)
        return rgb, kinds, moves


class Drawn:
    """R- and O-Net's batches: 30 % faces, 20 % parts, 50 % none; mirrored and lit anew each time."""

    def __init__(self, samples: Samples, size: int, seed: tuple[int, ...]) -> None:
        self._samples = samples
        self._shares = [
            (samples.of(Kind.POSITIVE), round(size * 0.3)),
            (samples.of(Kind.PART), round(size * 0.2)),
            (samples.of(Kind.NEGATIVE), size - round(size * 0.3) - round(size * 0.2)),
        ]
        self._seed = seed

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        for step in range(first, last):
            random = np.random.default_rng((*self._seed, step))
            rows = np.concatenate([random.choice(own, n) for own, n in self._shares if len(own)])
            crops = torch.from_numpy(self._samples.crops[rows])
            kinds = torch.from_numpy(self._samples.kinds[rows])
            offsets = torch.from_numpy(self._samples.offsets[rows])
            yield Batch(*_varied(crops, kinds, offsets, random))


def in_order(samples: Samples, size: int) -> Iterator[Batch]:
    for start in range(0, len(samples.kinds), size):
        rows = slice(start, start + size)
        parts = (samples.crops[rows], samples.kinds[rows], samples.offsets[rows])
        yield Batch(*(torch.from_numpy(each) for each in parts))


def _varied(
    crops: Tensor, kinds: Tensor, offsets: Tensor, random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Half of them mirrored, all in another light, some coarse, some shifted, some partly covered."""
    count, side = len(crops), crops.shape[1]
    turned = _some(count, 0.5, random)
    crops = torch.where(turned[:, None, None, None], crops.flip(2), crops).float()
    x1, y1, x2, y2 = offsets.unbind(1)
    offsets = torch.where(turned[:, None], torch.stack([-x2, y1, -x1, y2], dim=1), offsets)
    contrast, light, tint, gamma = (
        torch.from_numpy(random.uniform(low, high, (count, 1, 1, channels)).astype(np.float32))
        for low, high, channels in ((0.75, 1.25, 1), (-25, 25, 1), (-8, 8, 3), (-0.35, 0.35, 1))
    )
    crops = ((crops - 128) * contrast + 128 + light + tint).clamp(0, 255)
    crops = (crops / 255) ** gamma.exp() * 255
    for smaller in (2, 3, 4):
        rows = _some(count, 0.08, random).nonzero()[:, 0]
        if len(rows):
            crops[rows] = _coarse(crops[rows], side // smaller)
    rows = _some(count, 0.5, random).nonzero()[:, 0]
    if len(rows):
        crops[rows], moved = _shifted(crops[rows], offsets[rows], random)
        offsets = offsets.clone()
        offsets[rows] = torch.where((kinds[rows] > 0)[:, None], moved, offsets[rows])
    for row in np.flatnonzero(random.random(count) < 0.12):  # a hand, a scarf, a head in front
        height, width = (int(side * share) for share in random.uniform(0.15, 0.5, 2))
        top, left = int(random.integers(side - height)), int(random.integers(side - width))
        colour = torch.from_numpy(random.uniform(20, 220, 3).astype(np.float32))
        crops[row, top : top + height, left : left + width] = colour
    return crops, kinds, offsets


def _some(count: int, share: float, random: np.random.Generator) -> Tensor:
    return torch.from_numpy(random.random(count) < share)


def _coarse(crops: Tensor, side: int) -> Tensor:
    """As if seen with so many pixels."""
    x = interpolate(crops.permute(0, 3, 1, 2), size=side, mode="area")
    return interpolate(x, size=crops.shape[1], mode="bilinear").permute(0, 2, 3, 1)


def _shifted(crops: Tensor, offsets: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Cut anew, up to 6 % aside and 12 % larger, and the offsets of the faces in them."""
    count = len(crops)
    size = torch.from_numpy(random.uniform(0.9, 1.12, count).astype(np.float32))
    aside = torch.from_numpy(random.uniform(-0.06, 0.06, (count, 2)).astype(np.float32))
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0] = affine[:, 1, 1] = size
    affine[:, :, 2] = aside * 2  # the grid's unit is half of a side
    x = crops.permute(0, 3, 1, 2)
    grid = affine_grid(affine, list(x.shape), align_corners=False)
    x = grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    corner = 0.5 + aside - size[:, None] / 2
    first = (offsets[:, :2] - corner) / size[:, None]
    second = (1 + offsets[:, 2:] - corner) / size[:, None] - 1
    return x.permute(0, 2, 3, 1), torch.cat([first, second], dim=1)
