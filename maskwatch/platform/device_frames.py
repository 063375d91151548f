"""Frames that lie on a card, so that the classifier cuts its crops from what the detector took up."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwatch.core.errors import ImageError
from maskwatch.core.records import Rgb, require_rgb
from maskwatch.platform.cuda import noticing_loss

Image = Rgb | Tensor
"""A picture in the processor's memory, or, decoded there, on a card: `(H, W, 3)` uint8 RGB."""

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


def image_for(device: torch.device, image: Image) -> Image:
    """The image as models on `device` take it: a tensor only on that card, as it is, and from elsewhere an array.

    Raises `ImageError` for anything that is no `Image`, and `DeviceLost` when the card that it lies on is lost.
    """
    if not isinstance(image, Tensor):
        require_rgb(image)
        return image
    if image.dtype != torch.uint8:
        raise ImageError(f"a picture must be (H, W, 3) of uint8, not of {image.dtype}")
    require_rgb(np.broadcast_to(np.uint8(0), tuple(image.shape)))
    here = device.type, device.index or 0
    if device.type != "cpu" and here == (image.device.type, image.device.index or 0):
        return image
    with noticing_loss(image.device):
        rgb: Rgb = image.cpu().numpy()
    return rgb


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    owner: "weakref.ref[np.ndarray | Tensor]"
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

    def keep(self, images: Sequence[Image], batch: Tensor) -> None:
        """The images are up as the rows of `batch` `(N, H, W, 3)`, which shares no memory with them."""
        for row, image in enumerate(images):
            owner = _owner(image)
            there = self._kept.setdefault(id(owner), [])
            there.append(_Kept(self._reference(owner), _address(image), _strides(image), batch, row))
        self._drop_oldest()

    def find(self, frame: Image, rows: tuple[int, int], columns: tuple[int, int]) -> Uploaded | None:
        """What is up of a frame and has these rows and columns of it, each from the first to before the last; None where nothing has.

        A tensor is always up.
        """
        owner, strides = _owner(frame), _strides(frame)
        for kept in self._kept.get(id(owner), ()):
            offset = kept.address - _address(frame)
            if kept.owner() is not owner or kept.strides != strides or offset < 0:
                continue
            top, left = divmod(offset, strides[0])
            left //= strides[1]
            height, width = kept.batch.shape[1:3]
            if (
                top <= rows[0]
                and rows[1] <= top + height
                and left <= columns[0]
                and columns[1] <= left + width
            ):
                return Uploaded(kept.batch, kept.row, top, left)
        if isinstance(frame, Tensor):
            # a view would keep the frame alive, and the frame is what keeps the batch
            batch = frame[None].clone()
            self.keep([frame], batch)
            return Uploaded(batch, 0, 0, 0)
        return None

    def _reference(self, owner: "np.ndarray | Tensor") -> "weakref.ref[np.ndarray | Tensor]":
        key, kept = id(owner), self._kept
        return weakref.ref(owner, lambda _: kept.pop(key, None))

    def _drop_oldest(self) -> None:
        pixels = sum(each.pixels for every in list(self._kept.values()) for each in every)
        for key, every in list(self._kept.items()):
            if pixels <= KEPT_PIXELS:
                return
            pixels -= sum(each.pixels for each in every)
            self._kept.pop(key, None)


def _owner(image: Image) -> "np.ndarray | Tensor":
    """The array whose memory this one shows; a tensor itself."""
    if isinstance(image, Tensor):
        return image
    owner: np.ndarray = image
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return owner


def _address(image: Image) -> int:
    """Of the first pixel; a tensor is its own owner, so its pixels are counted from itself."""
    if isinstance(image, Tensor):
        return 0
    address: int = image.__array_interface__["data"][0]
    return address


def _strides(image: Image) -> tuple[int, ...]:
    return (3 * image.shape[1], 3, 1) if isinstance(image, Tensor) else image.strides
