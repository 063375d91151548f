"""What can be measured of a face in a picture, and its crop."""

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb

SIDE_PX = 32  # at one size large and small faces compare; at more, every small face would count as blurred


def cut(rgb: Rgb, box: Box, margin: float) -> Rgb:
    """The box with `margin` of its longer side around it, as far as the picture reaches; a copy."""
    height, width = rgb.shape[:2]
    room = margin * max(box.width, box.height)
    x1, x2 = (min(width, max(0, round(x))) for x in (box.x1 - room, box.x2 + room))
    y1, y2 = (min(height, max(0, round(y))) for y in (box.y1 - room, box.y2 + room))
    return rgb[y1:y2, x1:x2].copy()


def sharpness(rgb: Rgb, box: Box) -> float:
    """The variance of the Laplacian of the grey face, brought to 32 x 32 px; 0 for a box beyond the picture.

    A face of fewer pixels is enlarged, so it counts as less sharp, as it is; so does one in the dark.
    """
    face = cut(rgb, box, margin=0)
    if not face.size:
        return 0.0
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    way = cv2.INTER_AREA if min(grey.shape) > SIDE_PX else cv2.INTER_LINEAR
    grey = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=way).astype(np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())
