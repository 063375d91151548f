"""The one crop: what the classifier sees of a face, live, in training and in evaluation."""

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb


def crop(rgb: Rgb, box: Box, *, side_px: int, margin: float) -> Rgb:
    """The square about a box's centre, as `(side_px, side_px, 3)` uint8 RGB, from `rgb` `(H, W, 3)` uint8.

    The square is the box's longer side, plus `margin` of it on each side. Where it reaches beyond the
    frame, the frame's edge goes on.
    """
    height, width = rgb.shape[:2]
    side = max(box.width, box.height) * (1 + 2 * margin)
    whole = max(1, round(side))
    centre_x, centre_y = box.centre
    left, top = round(centre_x - side / 2), round(centre_y - side / 2)
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
