"""The sizes of the levels, and the sheets on which they lie before P-Net."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

WINDOW_PX = 12  # P-Net's receptive field
FACTOR = 0.709  # from one level to the next: about sqrt(1/2), so the area halves (facenet-pytorch's default)


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a frame, `width` x `height` pixels, at `scale` of the frame's size.

    `left` and `top` are the pixel of its sheet where it starts: even numbers, as P-Net's stride is 2.
    """

    scale: float
    width: int
    height: int
    left: int = 0
    top: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """Levels of the frames of one size: `pixels` is `(N, H, W, 3)` RGB in 0..255, uint8 or float32."""

    pixels: Tensor
    levels: tuple[Level, ...]


class Pyramid(Protocol):
    """Over N frames of one size."""

    def sheets(self) -> list[Sheet]:
        """All levels of all N frames, each on one of the sheets; none where a frame is too small for a face."""
        ...

    def touches(self, boxes: Tensor) -> Tensor:
        """Which of the boxes `(N, 4)` (see `detect.boxes`) have a picture, `(N,)` bool; one beyond the frame has none."""
        ...

    def cut(self, frame: Tensor, boxes: Tensor, side_px: int) -> Tensor:
        """The pictures `(N, side_px, side_px, 3)`, RGB in 0..255, of boxes that have one; `frame` `(N,)` int64 is each box's."""
        ...


def levels(width: int, height: int, min_face_px: float) -> tuple[Level, ...]:
    """The levels of a frame, largest first; none where it is too small to hold a face of `min_face_px`.

    In the largest such a face is as large as P-Net's window; each next is `FACTOR` of the one before (Zhang et
    al. 2016, section II), and the smallest still holds one window. Sides in pixels, rounded as facenet-pytorch does.
    """
    result = []
    scale = WINDOW_PX / min_face_px
    while min(width, height) * scale >= WINDOW_PX:
        result.append(Level(scale, int(width * scale + 1), int(height * scale + 1)))
        scale *= FACTOR
    return tuple(result)


def cells(level: Level) -> tuple[int, int]:
    """Rows and columns of P-Net's map over a level: three convolutions of 3 x 3, and after the first a pooling of 2."""
    rows, columns = (-(-(side - 2) // 2) - 4 for side in (level.height, level.width))
    return rows, columns
