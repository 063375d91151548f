"""Five landmarks of a face, and from them how far it is turned from the camera.

The published O-Net learnt them on bare faces; under a mask nose and mouth are its guess. Fine-tuning keeps a
detector's own points close to the published ones on the faces that those weights are sure of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from maskwatch.core.records import Box, Rgb
from maskwatch.detect import boxes as arithmetic
from maskwatch.detect.networks import ONet, normalise
from maskwatch.detect.pyramids.host import HostPyramid

SIDE_PX = 48  # O-Net's crop
SMALLEST_PX = 12.0  # of a face; decides how far down the pyramid goes that crops are cut from
NOSE_AHEAD = 0.55  # of the eyes' distance: how far the tip of the nose lies before the eyes in a usual head

Points = NDArray[np.float32]
"""`(N, 5, 2)`, x and y in pixels of the frame: left eye, right eye, nose, left and right corner of the mouth.

Left and right are as in the picture.
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Degrees. `roll` is positive when the head leans clockwise in the picture, `yaw` when it looks right."""

    roll: float
    yaw: float

    @property
    def most(self) -> float:
        """The larger of both angles, in degrees, at least 0."""
        return max(abs(self.roll), abs(self.yaw))


class Landmarks:
    """Finds the points of faces whose boxes are known."""

    def __init__(self, onet: ONet) -> None:
        self._trunk = torch.nn.Sequential(*onet.layers(), onet.dense6_3)

    @torch.inference_mode()
    def find(self, rgb: Rgb, boxes: Sequence[Box]) -> Points:
        """The points of each box, which is taken as its smallest square; NaN where it lies beyond the frame.

        The network gives x1..x5, y1..y5 in units of the box's sides, from its left upper corner; the
        sides are counted inclusively, as everywhere in the cascade.
        """
        points = np.full((len(boxes), 5, 2), np.nan, np.float32)
        if not boxes:
            return points
        squares = arithmetic.squared(torch.tensor([tuple(box) for box in boxes], dtype=torch.float32))
        pyramid = HostPyramid([rgb], SMALLEST_PX)
        rows = pyramid.touches(squares).nonzero()[:, 0]
        if len(rows):
            crops = pyramid.cut(torch.zeros(len(rows), dtype=torch.int64), squares[rows], SIDE_PX)
            shares = self._trunk(normalise(crops.permute(0, 3, 1, 2))).reshape(-1, 2, 5).transpose(1, 2)
            low = squares[rows, None, :2]
            sides = squares[rows, None, 2:] - low + 1
            points[rows.numpy()] = (low - 1 + shares * sides).numpy()
        return points


def turn(points: NDArray[np.float32]) -> Turn:
    """How far a face with these five points `(5, 2)` is turned.

    Roll is the slope of the line through the eyes. For yaw the face is laid level; a head that turns by
    yaw shows its eyes at cos(yaw) of their distance, and the tip of its nose, which lies `NOSE_AHEAD` of that
    distance before them, moves sideways by sin(yaw) of it. So tan(yaw) is the nose's shift from the line
    between the middle of the eyes and the middle of the mouth, over the eyes' distance as seen, over
    `NOSE_AHEAD`. Heads differ, so this is good to some ten degrees.
    """
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across = (points[1] - points[0]).astype(float)
    distance = float(np.hypot(*across))
    if distance == 0:
        return Turn(0.0, 90.0)  # one eye covers the other: a profile
    right = across / distance
    down = np.array([-right[1], right[0]])
    nose, chin = points[2] - eyes, mouth - eyes
    height = float(chin @ down)
    middle = float(chin @ right) * (float(nose @ down) / height if height > 0 else 0.0)
    yaw = math.degrees(math.atan((float(nose @ right) - middle) / distance / NOSE_AHEAD))
    return Turn(math.degrees(math.atan2(across[1], across[0])), yaw)
