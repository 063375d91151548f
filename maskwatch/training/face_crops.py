"""The crops that the classifier is trained on: a face as another camera might see it, sometimes with a mask or a hand drawn on it.

Everything is drawn from the generator that is passed in, so the same seed gives the same crop.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from maskwatch.classify.crop import crop
from maskwatch.classify.network import Shape
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.faces import LabelledFace
from maskwatch.datasets.labels import FaceLabel
from maskwatch.training.augmentation import compressed
from maskwatch.training.occlusion import with_anothers_mask, with_drawn_mask, with_hand

Random = np.random.Generator

# shares of the bare faces that get a drawn mask, the lower part of a masked face, and a hand
DRAWN, TAKEN, HANDS = 0.15, 0.45, 0.1


def augmented_crop(
    face: LabelledFace, donors: Sequence[LabelledFace], shape: Shape, random: Random
) -> tuple[Rgb, bool]:
    """A crop `(side, side, 3)` uint8 RGB and whether it is protected, which a mask put on a bare face may have changed.

    `donors` are faces with a mask worn right, at least one.
    """
    patch, box = (face.patch, face.box) if random.random() < 0.5 else _mirrored(face.patch, face.box)
    protected = face.protected
    if face.label is FaceLabel.UNPROTECTED:
        chance = random.random()
        if chance < DRAWN:
            patch, protected = with_drawn_mask(patch, box, random)
        elif chance < DRAWN + TAKEN:
            donor = donors[int(random.integers(len(donors)))]
            patch, protected = with_anothers_mask(patch, box, donor.patch, donor.box, random)
        elif chance < DRAWN + TAKEN + HANDS:
            patch = with_hand(patch, box, random)
    image = crop(patch, _jittered(box, random), side_px=shape.side_px, margin=shape.margin)
    return _degraded(image, random), protected


def _mirrored(patch: Rgb, box: Box) -> tuple[Rgb, Box]:
    """Flipped left to right."""
    width = patch.shape[1]
    return np.ascontiguousarray(patch[:, ::-1]), Box(width - box.x2, box.y1, width - box.x1, box.y2)


def _jittered(box: Box, random: Random) -> Box:
    """As a detector might have put it: shifted by some 5 %, scaled by some 10 %."""
    side = max(box.width, box.height)
    dx, dy = np.clip(random.normal(0, 0.05, 2), -0.15, 0.15) * side
    grow = (np.exp(np.clip(random.normal(0, 0.1), -0.25, 0.25)) - 1) / 2 * side
    return Box(box.x1 + dx - grow, box.y1 + dy - grow, box.x2 + dx + grow, box.y2 + dy + grow)


def _degraded(rgb: Rgb, random: Random) -> Rgb:
    """Turned a little, then far away, out of focus, badly lit, noisy and compressed, each at times."""
    side = rgb.shape[0]
    if random.random() < 0.5:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), random.uniform(-15, 15), 1)
        rgb = np.asarray(cv2.warpAffine(rgb, turn, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    if random.random() < 0.5:
        small = int(np.exp(random.uniform(math.log(10), math.log(side))))
        down = cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(cv2.resize(down, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.2:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.6)), np.uint8)
    values = rgb.astype(np.float32)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    contrast, light = random.uniform(0.6, 1.4), random.uniform(-40, 40)
    tint = random.uniform(-12, 12, 3).astype(np.float32)
    values = (values - 127.5) * contrast + 127.5 + light + tint
    values = 255 * (np.clip(values, 0, 255) / 255) ** np.exp(random.uniform(-0.4, 0.4))
    if random.random() < 0.3:
        values = values + random.normal(0, random.uniform(1, 10), values.shape)
    rgb = np.clip(values, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        rgb = compressed(rgb, int(random.integers(25, 90)))
    return rgb
