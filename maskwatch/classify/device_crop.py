"""The crop of `crop.py` on a card: all faces of a batch together, from frames that are there.

It samples as `crop` does, by area where it shrinks and bilinearly where it enlarges, and differs by at most 1 of 255:
OpenCV computes in fixed point. Either is a product with one matrix for each axis, so that faces of all sizes take the same steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from maskwatch.classify.crop import Square
from maskwatch.platform.cuda import uploaded
from maskwatch.platform.device_frames import DeviceFrames, Image, Uploaded

PIXELS_AT_ONCE = 1 << 24  # of faces before they are resized: bounds the memory, 20 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A square in an image that is on the card; `square` is in that image's pixels."""

    image: Uploaded
    square: Square

    @property
    def reach(self) -> int:
        """The smallest power of two not below the square's side: squares of one reach are cropped together."""
        return 1 << max(5, (self.square.side - 1).bit_length())


def placed(frames: DeviceFrames, frame: Image, square: Square) -> Placed | None:
    """Where a square of a frame `(H, W, 3)` is on the card; None where the card does not hold all of it."""
    height, width = frame.shape[:2]
    rows, columns = _within(square.top, square.side, height), _within(square.left, square.side, width)
    image = frames.find(frame, rows, columns)
    if image is None:
        return None
    return Placed(image, Square(square.left - image.left, square.top - image.top, square.side))


def crops(faces: Sequence[Placed], side_px: int) -> tuple[Tensor, list[int]]:
    """Their crops `(K, side_px, side_px, 3)` uint8 on the card, one at least, and which of `faces` each is.

    Nothing here waits for the card.
    """
    order = sorted(range(len(faces)), key=lambda n: (id(faces[n].image.batch), faces[n].reach))
    ordered = [faces[number] for number in order]
    squares = [(each.image.row, each.square.left, each.square.top, each.square.side) for each in ordered]
    table = uploaded(torch.tensor(squares), faces[0].image.batch.device)
    parts = [_resized(batch, table[rows], reach, side_px) for batch, reach, rows in _groups(ordered)]
    return torch.cat(parts), order


def _groups(faces: Sequence[Placed]) -> Iterator[tuple[Tensor, int, slice]]:
    """Consecutive faces of one batch and one reach, no more together than fit into memory."""
    start = 0
    for (_, reach), group in groupby(faces, key=lambda face: (id(face.image.batch), face.reach)):
        count, most = len(list(group)), max(1, PIXELS_AT_ONCE // reach**2)
        batch = faces[start].image.batch
        batch.record_stream(torch.cuda.current_stream(batch.device))
        for first in range(start, start + count, most):
            yield batch, reach, slice(first, min(first + most, start + count))
        start += count


def _resized(batch: Tensor, squares: Tensor, reach: int, side_px: int) -> Tensor:
    row, left, top, side = squares.unbind(1)
    _, height, width, _ = batch.shape
    along = torch.arange(reach, device=batch.device)
    rows = (top[:, None] + along).clamp(0, height - 1) + row[:, None] * height
    columns = (left[:, None] + along).clamp(0, width - 1)
    pixels = batch.reshape(-1, 3)[rows[:, :, None] * width + columns[:, None]].float()
    weights = _weights(side, reach, side_px)
    fewer_rows = (weights @ pixels.flatten(2)).reshape(-1, side_px, reach, 3)
    resized: Tensor = weights[:, None] @ fewer_rows
    return resized.round().clamp(0, 255).to(torch.uint8)


def _weights(side: Tensor, reach: int, side_px: int) -> Tensor:
    """How much of each pixel of a square goes into each of the crop, along one axis: `(K, side_px, reach)`, in rows that sum to 1."""
    out = torch.arange(side_px, device=side.device)[:, None]
    pixel = torch.arange(reach, device=side.device)
    sides = side[:, None, None]
    step = sides.float() / side_px
    low = out * step
    by_area = (torch.minimum(low + step, pixel + 1) - torch.maximum(low, pixel)).clamp(min=0) / step
    middle = torch.minimum(((out + 0.5) * step - 0.5).clamp(min=0), sides - 1.0)
    bilinear = (1 - (middle - pixel).abs()).clamp(min=0)
    return torch.where(sides > side_px, by_area, bilinear)


def _within(start: int, length: int, end: int) -> tuple[int, int]:
    """The pixels of an axis that a crop takes, of those from 0 to before `end`: beyond them the nearest counts."""
    first = min(max(start, 0), end - 1)
    return first, min(max(start + length, first + 1), end)
