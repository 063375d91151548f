"""Frames that lie on a card, so that the classifier cuts its crops from what the detector took up."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from maskwatch.core.records import Rgb

KEPT_PIXELS = 1 << 27  # 64 frames of 1080p: 400 MB of the card


@dataclass(frozen=True, slots=True, eq=False)
class Uploaded:
    """An image on the card, a whole frame or a part of one: `batch[row]` of `(N, H, W, 3)` uint8.

    Its first pixel is that of row `top` and column `left` of the frame.
    """

    batch: Tensor
    row: int
    top: int
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    owner: "weakref.ref[np.ndarray]"
    address: int
    strides: tuple[int, ...]
    batch: Tensor
    row: int

    @property
    def pixels(self) -> int:
        return self.batch.shape[1] * self.batch.shape[2]


class DeviceFrames:
    """What the models of one thread have on the card. A frame stays as long as it does in the processor's memory.

    Of more than `KEPT_PIXELS` the oldest go.
    """

    def __init__(self) -> None:
        self._kept: dict[int, list[_Kept]] = {}  # by whose memory an image is

    def keep(self, images: Sequence[Rgb], batch: Tensor) -> None:
        """The images are up as the rows of `batch` `(N, H, W, 3)`."""
        for row, rgb in enumerate(images):
            owner = _owner(rgb)
            there = self._kept.setdefault(id(owner), [])
            there.append(_Kept(self._reference(owner), _address(rgb), rgb.strides, batch, row))
        self._drop_oldest()

    def find(self, rgb: Rgb, rows: tuple[int, int], columns: tuple[int, int]) -> Uploaded | None:
        """What is up of a frame and has these rows and columns of it, each from the first to before the last; None where nothing has."""
        owner = _owner(rgb)
        for kept in self._kept.get(id(owner), ()):
            offset = kept.address - _address(rgb)
            if kept.owner() is not owner or kept.strides != rgb.strides or offset < 0:
                continue
            top, left = divmod(offset, rgb.strides[0])
            left //= rgb.strides[1]
            height, width = kept.batch.shape[1:3]
            if (
                top <= rows[0]
                and rows[1] <= top + height
                and left <= columns[0]
                and columns[1] <= left + width
            ):
                return Uploaded(kept.batch, kept.row, top, left)
        return None

    def _reference(self, owner: "np.ndarray") -> "weakref.ref[np.ndarray]":
        key, kept = id(owner), self._kept
        return weakref.ref(owner, lambda _: kept.pop(key, None))

    def _drop_oldest(self) -> None:
        pixels = sum(each.pixels for every in list(self._kept.values()) for each in every)
        for key, every in list(self._kept.items()):
            if pixels <= KEPT_PIXELS:
                return
            pixels -= sum(each.pixels for each in every)
            self._kept.pop(key, None)


def _owner(rgb: Rgb) -> "np.ndarray":
    """The array whose memory this one shows."""
    owner: np.ndarray = rgb
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return owner


def _address(rgb: Rgb) -> int:
    address: int = rgb.__array_interface__["data"][0]
    return address
