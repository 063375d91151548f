"""The batches that the cascade's stages are trained on: views of levels for P-Net, mined crops for R- and O-Net.

How images and crops vary from one to the next stands here and in `augmentation.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.boxes import STRIDE, WINDOW_PX
from maskwatch.platform.cuda import uploaded
from maskwatch.platform.threads import in_threads
from maskwatch.training import targets
from maskwatch.training.augmentation import Floats, level_view
from maskwatch.training.mining import Kind, MinedCrops
from maskwatch.training.sampling import SHARES, FaceSampler

VIEW_PX = 126  # a training view of P-Net: 58 x 58 cells
CELLS = 58
AIMED_PX = (9.5, 19)  # the size of the face that a view is about
PNET_POSITIVE_IOU = 0.5  # levels and cells are so coarse that some faces fit no window better


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """`rgb` `(N, S, S, 3)` uint8; for each place of the answers its kind (-1: not sure) and its offsets `(..., 4)`."""

    rgb: Tensor
    kinds: Tensor
    offsets: Tensor

    def on(self, device: torch.device) -> "TrainingBatch":
        """The same on a device; the processor waits for nothing."""
        return TrainingBatch(*(uploaded(each, device) for each in (self.rgb, self.kinds, self.offsets)))


class PyramidBatches:
    """P-Net's batches: views of levels, every cell of P-Net's map with its kind.

    So many threads as `workers` make them, None for one a core; the batches are the same.
    """

    def __init__(self, images: Sequence[SeenImage], size: int, seed: int, workers: int | None = None) -> None:
        self._workers = workers
        self._images = images
        self._sampler = FaceSampler(images)
        self._size = size
        self._seed = seed

    def batches(self, first: int, last: int) -> Iterator[TrainingBatch]:
        """The batches from `first` to before `last`; one seed always gives the same ones."""
        size = self._size
        made = in_threads(self._one, range(first * size, last * size), ahead=4 * size, workers=self._workers)
        for _ in range(first, last):
            rgb, kinds, moves = zip(*islice(made, size), strict=True)
            yield TrainingBatch(*(torch.from_numpy(np.stack(each)) for each in (rgb, kinds, moves)))

    def _one(self, number: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        random = np.random.default_rng((self._seed, number))
        drawn = self._sampler.draw(random)
        rgb, faces, unclear = level_view(self._images[drawn.image], VIEW_PX, AIMED_PX, random, drawn.face)
        row, column = np.mgrid[0:CELLS, 0:CELLS].reshape(2, -1).astype(np.float32) * STRIDE
        windows = np.stack([column + 1, row + 1, column + WINDOW_PX, row + WINDOW_PX], axis=1)
        overlap, which = targets.fit(windows, faces)
        is_negative = (overlap < targets.NEGATIVE_IOU) & ~targets.unsure(windows, unclear)
        kinds = np.select(
            [overlap >= PNET_POSITIVE_IOU, overlap >= targets.PART_IOU, is_negative],
            [Kind.POSITIVE, Kind.PART, Kind.NEGATIVE],
            -1,
        )
        moves = np.zeros((len(windows), 4), np.float32)
        if len(faces):
            moves = targets.offsets(windows, faces[which], extra=0)
        return rgb, kinds, moves


class MinedBatches:
    """R- and O-Net's batches: 30 % faces, 20 % parts, 50 % none; mirrored and lit anew each time.

    The faces are by their labels in the shares of `sampling.SHARES`. `workers` as with `PyramidBatches`.
    """

    def __init__(
        self, samples: MinedCrops, size: int, seed: tuple[int, ...], workers: int | None = None
    ) -> None:
        self._workers = workers
        self._samples = samples
        faces, parts = round(size * 0.3), round(size * 0.2)
        self._shares = [
            *_by_label(samples, faces),
            (samples.of(Kind.PART), parts),
            (samples.of(Kind.NEGATIVE), size - faces - parts),
        ]
        self._seed = seed

    def batches(self, first: int, last: int) -> Iterator[TrainingBatch]:
        yield from in_threads(self._one, range(first, last), workers=self._workers)

    def _one(self, step: int) -> TrainingBatch:
        random = np.random.default_rng((*self._seed, step))
        rows = np.concatenate([random.choice(own, n) for own, n in self._shares if len(own)])
        crops, offsets = _varied(self._samples.crops[rows], self._samples.offsets[rows], random)
        return TrainingBatch(
            *(torch.from_numpy(each) for each in (crops, self._samples.kinds[rows], offsets))
        )


def _by_label(samples: MinedCrops, count: int) -> list[tuple[NDArray[np.int64], int]]:
    """The places of the faces of each label that there is, and how many of `count` faces are to be of it."""
    faces = samples.of(Kind.POSITIVE)
    own = [(faces[samples.labels[faces] == number], share) for number, share in enumerate(SHARES.values())]
    own = [(places, share) for places, share in own if len(places)]
    whole = sum(share for _, share in own)
    return [(places, max(1, round(count * share / whole))) for places, share in own]


def in_order(samples: MinedCrops, size: int) -> Iterator[TrainingBatch]:
    """All crops once, in their order and unvaried, `size` a batch; the last batch may be smaller."""
    for start in range(0, len(samples.kinds), size):
        rows = slice(start, start + size)
        parts = (samples.crops[rows], samples.kinds[rows], samples.offsets[rows])
        yield TrainingBatch(*(torch.from_numpy(each) for each in parts))


def _varied(crops: NDArray[np.uint8], offsets: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Half of them mirrored, all in another light, some partly covered."""
    count, side = len(crops), crops.shape[1]
    turned = random.random(count) < 0.5
    x1, y1, x2, y2 = offsets.T
    offsets = np.where(turned[:, None], np.stack([-x2, y1, -x1, y2], axis=1), offsets)
    contrast, light, tint = (
        random.uniform(low, high, (count, 1, 1, channels)).astype(np.float32)
        for low, high, channels in ((0.75, 1.25, 1), (-25, 25, 1), (-8, 8, 3))
    )
    mirrored = np.where(turned[:, None, None, None], crops[:, :, ::-1], crops)
    varied = (mirrored.astype(np.float32) - 128) * contrast + 128 + light + tint
    for row in np.flatnonzero(random.random(count) < 0.12):  # a hand, a scarf, a head in front
        height, width = (int(side * share) for share in random.uniform(0.15, 0.5, 2))
        top, left = int(random.integers(side - height)), int(random.integers(side - width))
        varied[row, top : top + height, left : left + width] = random.uniform(20, 220, 3)
    return varied.clip(0, 255), offsets
