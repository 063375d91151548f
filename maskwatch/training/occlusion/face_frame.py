"""A face's own coordinates, by which what is drawn on it lies where it should, however the head leans or turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Box, Rgb
from maskwatch.detect.landmarks import Landmarks
from maskwatch.detect.weights import load_stock

Floats = NDArray[np.float32]

USUAL_POINTS = ((0.33, 0.25), (0.67, 0.25), (0.5, 0.5), (0.36, 0.68), (0.64, 0.68))
"""Shares of a detector's box at which the five landmarks lie: medians of the training faces."""

HALF_FACE = (
    1.08  # of the eyes' distance: from the middle of a face that looks ahead to its side, below the eyes
)
MIN_EYES = 0.45  # of the height from eyes to mouth: what is less is a head turned far
MAX_SHIFT = (
    0.55  # of the eyes' distance: how far the nose of a turned head is believed to be beside the middle
)


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrame:
    """Where a place of the face lies in the patch.

    `v` goes down the face: 0 at the eyes, about 0.6 at the tip of the nose, 1 at the mouth, about 1.6 at the chin. `u`
    goes across: 0 at the ridge of the nose, -1 and 1 at the sides of the face. `eyes` is the middle of the
    eyes, `across` and `down` are the steps of one eyes' distance and of one `v`, all `(2,)` in pixels. `ridge`, `left`
    and `right` are the places of `u` 0, -1 and 1 in eyes' distances from the middle.
    """

    eyes: Floats
    across: Floats
    down: Floats
    ridge: float
    left: float
    right: float

    @classmethod
    def of(cls, points: Floats) -> Self:
        """By five landmarks `(5, 2)`, ordered as `detect.landmarks` does."""
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        down = mouth - eyes
        height = float(np.hypot(*down))
        across = points[1] - points[0]
        distance = float(np.hypot(*across))
        across = across / distance * max(distance, MIN_EYES * height)
        shift, _ = np.linalg.solve(np.stack([across, down], axis=1), points[2] - eyes)
        shift = float(np.clip(shift, -MAX_SHIFT, MAX_SHIFT))
        # the side that the head turns to is seen shorter
        left = HALF_FACE + 0.9 * min(shift, 0) + 0.3 * max(shift, 0)
        right = HALF_FACE - 0.9 * max(shift, 0) - 0.3 * min(shift, 0)
        return cls(eyes, across, down, 0.8 * shift, -max(left, 0.5), max(right, 0.5))

    @classmethod
    def found(cls, points: Floats, box: Box) -> Self:
        """By the landmarks, or as usual in such a box where these are no face's."""
        return cls.of(points if is_plausible(points, box) else usual_points(box))

    def mirrored(self, width: int) -> Self:
        """Of the patch flipped left to right, which is `width` pixels wide."""
        flip = np.array([-1, 1], np.float32)
        eyes = np.array([width - 1, 0], np.float32) + self.eyes * flip
        return type(self)(eyes, -self.across * flip, self.down * flip, -self.ridge, -self.right, -self.left)

    def scaled(self, scale: float) -> Self:
        """Of the patch made larger by `scale`."""
        return type(self)(
            self.eyes * scale, self.across * scale, self.down * scale, self.ridge, self.left, self.right
        )

    def place(self, u: float, v: float) -> tuple[float, float]:
        """Of a place, x and y in pixels."""
        x, y = self.pixels(np.array(u, np.float32), np.array(v, np.float32))
        return float(x), float(y)

    def pixels(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Of many places at once, x and y in pixels, each of the shape of `u` and `v`."""
        sideways = self.ridge + u * np.where(u > 0, self.right - self.ridge, self.ridge - self.left)
        x, y = (
            np.asarray(self.eyes[axis] + sideways * self.across[axis] + v * self.down[axis], np.float32)
            for axis in (0, 1)
        )
        return x, y

    def grid(self, height: int, width: int) -> tuple[Floats, Floats]:
        """`u` and `v` of every pixel, each `(height, width)`."""
        inverse = np.linalg.inv(np.stack([self.across, self.down], axis=1)).astype(np.float32)
        x = np.arange(width, dtype=np.float32)[None] - self.eyes[0]
        y = np.arange(height, dtype=np.float32)[:, None] - self.eyes[1]
        sideways = inverse[0, 0] * x + inverse[0, 1] * y - self.ridge
        v = inverse[1, 0] * x + inverse[1, 1] * y
        u = np.where(sideways > 0, sideways / (self.right - self.ridge), sideways / (self.ridge - self.left))
        return u.astype(np.float32), v.astype(np.float32)

    @property
    def unit_px(self) -> float:
        """Pixels of one `v`."""
        return float(np.hypot(*self.down))


def usual_points(box: Box) -> Floats:
    """The five landmarks `(5, 2)` of a face that looks ahead, in a detector's box."""
    shares = np.array(USUAL_POINTS, np.float32)
    return shares * np.array([box.width, box.height], np.float32) + np.array([box.x1, box.y1], np.float32)


def is_plausible(points: Floats, box: Box) -> bool:
    """Whether these can be a face's in this box: eyes side by side, nose and mouth below them."""
    if not np.isfinite(points).all():
        return False
    side = max(box.width, box.height)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    nose = float((points[2] - eyes) @ down) / max(1e-6, float(down @ down))
    return bool(
        across[0] > 0.1 * side
        and 0.22 * side < down[1] < 0.7 * side
        and abs(across[1]) < across[0]
        and abs(down[0]) < 0.6 * down[1]
        and 0.3 < nose < 0.9
    )


def frames(faces: Sequence[tuple[Rgb, Box]]) -> list[FaceFrame]:
    """The frame of the face at each box of its patch, by the published O-Net's landmarks."""
    landmarks = Landmarks(load_stock().onet)
    return [FaceFrame.found(landmarks.find(patch, [box])[0], box) for patch, box in faces]
