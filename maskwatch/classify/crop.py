"""The crop of a face that the classifier sees, the same live, in training and in evaluation."""

from dataclasses import dataclass

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb


@dataclass(frozen=True, slots=True)
class Square:
    """A square of whole pixels, `side` wide from `left` and `top` on, which may reach beyond the frame."""

    left: int
    top: int
    side: int


def square_about(box: Box, margin: float) -> Square:
    """The square about a box's centre: as wide as its longer side, plus `margin` times that on each side."""
    side = max(box.width, box.height) * (1 + 2 * margin)
    centre_x, centre_y = box.centre
    return Square(round(centre_x - side / 2), round(centre_y - side / 2), max(1, round(side)))


def crop(rgb: Rgb, box: Box, *, side_px: int, margin: float) -> Rgb:
    """The square about a box as `(side_px, side_px, 3)` uint8 RGB, from `rgb` `(H, W, 3)` uint8.

    Beyond the frame, its edge pixels are repeated. `device_crop` does the same on a card.
    """
    height, width = rgb.shape[:2]
    square = square_about(box, margin)
    left, top, whole = square.left, square.top, square.side
    # a box far outside the frame still gives its nearest pixels
    rows = np.clip(np.arange(top, top + whole), 0, height - 1)
    columns = np.clip(np.arange(left, left + whole), 0, width - 1)
    inside = top >= 0 and left >= 0 and top + whole <= height and left + whole <= width
    part = rgb[top : top + whole, left : left + whole] if inside else rgb[np.ix_(rows, columns)]
    shrinks = whole > side_px
    resized = cv2.resize(
        part, (side_px, side_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.asarray(resized, np.uint8)
