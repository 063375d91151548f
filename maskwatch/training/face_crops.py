"""The crops that the classifier is trained on: a face as another camera might have seen it, some with something before it.

All of it draws from the generator that it is given, so the same seed gives the same crop.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskwatch.classify.crop import crop
from maskwatch.classify.network import Shape
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.faces import LabelledFace
from maskwatch.datasets.labels import FaceLabel
from maskwatch.training.augmentation import compressed
from maskwatch.training.occlusion.face_frame import FaceFrame, frames
from maskwatch.training.occlusion.hands import with_hand
from maskwatch.training.occlusion.masks import SHARES, Donor, with_mask
from maskwatch.training.occlusion.transfer import with_anothers_mask

Random = np.random.Generator

# shares of the bare faces that get a drawn mask, another's lower face, a hand
DRAWN, TAKEN, HANDS = 0.35, 0.25, 0.1
HANDS_ON_MASKS = 0.05  # share of the faces with a mask that get a hand
DONORS = 0.4  # share of the drawn masks that are cut from another's
DRAWING_PX = 96  # of a face's longer side: what is larger is made smaller first, as a crop is no larger


@dataclass(frozen=True, slots=True, eq=False)
class FramedFace:
    """A labelled face, and where its eyes, nose and mouth are in the patch."""

    patch: Rgb
    box: Box
    label: FaceLabel
    frame: FaceFrame

    def mirrored(self) -> "FramedFace":
        """Flipped left to right."""
        width = self.patch.shape[1]
        box = Box(width - self.box.x2, self.box.y1, width - self.box.x1, self.box.y2)
        patch = np.ascontiguousarray(self.patch[:, ::-1])
        return replace(self, patch=patch, box=box, frame=self.frame.mirrored(width))

    def shrunk(self, side_px: int) -> "FramedFace":
        """Not larger than `side_px` on the box's longer side."""
        scale = side_px / max(self.box.width, self.box.height)
        if scale >= 1:
            return self
        size = tuple(max(1, round(length * scale)) for length in self.patch.shape[1::-1])
        patch = np.asarray(cv2.resize(self.patch, size, interpolation=cv2.INTER_AREA), np.uint8)
        return replace(
            self, patch=patch, box=Box(*(v * scale for v in self.box)), frame=self.frame.scaled(scale)
        )


def framed(faces: Sequence[LabelledFace]) -> list[FramedFace]:
    """The faces with their frames (see `FaceFrame`), no larger than `DRAWING_PX`."""
    found = frames([(face.patch, face.box) for face in faces])
    return [
        FramedFace(face.patch, face.box, face.label, frame).shrunk(DRAWING_PX)
        for face, frame in zip(faces, found, strict=True)
    ]


def augmented_crop(
    face: FramedFace, donors: Sequence[FramedFace], shape: Shape, random: Random
) -> tuple[Rgb, bool]:
    """A crop and its label, whether it is protected, which a drawn mask may have changed, or one of a donor's."""
    face = face.mirrored() if random.random() < 0.5 else face
    patch, protected = _occluded(face, donors, random)
    image = crop(patch, _jittered(face.box, random), side_px=shape.side_px, margin=shape.margin)
    return _degraded(image, random), protected


def _occluded(face: FramedFace, donors: Sequence[FramedFace], random: Random) -> tuple[Rgb, bool]:
    """The patch with what may be before the face, and whether it is protected then."""
    protected = face.label.protected
    chance = random.random()
    if protected and chance < HANDS_ON_MASKS:
        return with_hand(face.patch, face.frame, random), True
    if face.label is not FaceLabel.UNPROTECTED:
        return face.patch, protected
    donor = donors[int(random.integers(len(donors)))]
    if chance < DRAWN:
        wearing = list(SHARES)[int(random.choice(len(SHARES), p=list(SHARES.values())))]
        taken = Donor(donor.patch, donor.frame) if random.random() < DONORS else None
        return with_mask(face.patch, face.frame, wearing, random, taken), wearing.protects
    if chance < DRAWN + TAKEN:
        return with_anothers_mask(face.patch, face.box, donor.patch, donor.box, random)
    if chance < DRAWN + TAKEN + HANDS:
        return with_hand(face.patch, face.frame, random), False
    return face.patch, False


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
