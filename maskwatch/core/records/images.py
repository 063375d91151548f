"""Images and boxes in them."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import ImageError

Rgb = NDArray[np.uint8]
"""One picture: `(H, W, 3)` uint8, RGB."""


LONGEST_PX = 32_766  # what OpenCV can resample


MAX_PIXELS = 50_000_000
"""Of one picture. 8K has 33 million; to find faces in more takes so long that a service would be taken for dead."""


Polygon = tuple[tuple[float, float], ...]
"""At least three corners x, y as shares (0..1) of the frame's width and height."""


def require_rgb(rgb: Rgb) -> None:
    """Raises `ImageError` when it is anything else: grey, with alpha, of other numbers, empty, or too long.

    A `Frame` asks it once for all that it passes through. Only what takes a bare array from outside asks it, too:
    a detector, a classifier, the drawing.
    """
    if not isinstance(rgb, np.ndarray):
        raise ImageError(f"a picture must be an array, not {type(rgb).__name__}")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"a picture must be (H, W, 3) of uint8, not {rgb.shape} of {rgb.dtype}")
    if not 0 < min(rgb.shape) <= max(rgb.shape) <= LONGEST_PX:
        raise ImageError(
            f"a picture's sides must be 1 to {LONGEST_PX} px, not {rgb.shape[1]} x {rgb.shape[0]}"
        )
    require_size(rgb.shape[1], rgb.shape[0], "a picture")


def require_size(width: int, height: int, name: str) -> None:
    """Raises `ImageError`, naming the picture, when it has more than `MAX_PIXELS`; to be asked before it is decoded."""
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: has more than {MAX_PIXELS // 1_000_000} million pixels ({width} x {height})"
        )


class Box(NamedTuple):
    """A rectangle in pixels of the full frame, from corner 1 (left, top) to corner 2 (right, bottom)."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Pixels."""
        return self.y2 - self.y1

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x and y in pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def moved(self, right: float, down: float) -> "Box":
        """The same box so many pixels further right and down."""
        return Box(self.x1 + right, self.y1 + down, self.x2 + right, self.y2 + down)

    def within(self, width: float, height: float) -> "Box":
        """What of it lies in a frame of that size; a side of 0 when nothing does."""
        x1, x2 = (min(max(x, 0.0), float(width)) for x in (self.x1, self.x2))
        y1, y2 = (min(max(y, 0.0), float(height)) for y in (self.y1, self.y2))
        return Box(x1, y1, x2, y2)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera.

    `source` is what it was read from (a file's name, a redacted address), `seq` counts the frames
    that the source showed, and `at` is seconds: since the start of a clip (presentation time), Unix
    time for a live camera. `arrived_s` is the monotonic time at which the capture thread had it, for measuring.
    `grid` is what `core.selection.scene.grid` made of it, kept as it is asked for more than once. `bookmark` is what its
    source needs to go on from here (`core.ports.SupportsResume`), None where it cannot.
    Raises `ImageError` when `rgb` is no such picture.
    """

    camera: str
    source: str
    seq: int
    at: float
    rgb: Rgb
    arrived_s: float | None = None
    bookmark: object = field(default=None, repr=False)
    grid: NDArray[np.int16] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        require_rgb(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.rgb.shape[:2]
        return width, height
