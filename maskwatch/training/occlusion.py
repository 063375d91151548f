"""What is drawn on bare faces to train the classifier: masks worn right and wrong, and hands.

Everything is placed by the face's box. Placing it by five landmarks, with fabrics, folds and scarves, was tried and made no
fewer errors (docs/training-and-measuring.md, "Masks worn wrong").
"""

import math

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb

Random = np.random.Generator

# Heights are shares of a face's box, from its top. In the shipped detector's boxes the eyes lie at 0.25, the tip of
# the nose at 0.50 and the mouth at 0.68 (medians of the training faces, by the published landmarks).
ON_THE_NOSE = (0.28, 0.41)  # the upper edge of a mask that is worn right
UNDER_THE_NOSE = (0.55, 0.76)
OVER_THE_EYES = (0.0, 0.16)
FABRICS = (
    (150, 195, 225),
    (235, 235, 240),
    (40, 40, 45),
    (230, 180, 190),
    (120, 170, 140),
    (60, 80, 140),
)  # RGB


def with_drawn_mask(patch: Rgb, box: Box, random: Random) -> tuple[Rgb, bool]:
    """A copy of the patch with a plain mask on the face, and whether it is worn right (over nose and mouth).

    Else it is worn under the nose, or held too high. `patch` is `(H, W, 3)` uint8 RGB, `box` the face in its pixels.
    """
    place = str(random.choice(["right", "low", "high"], p=[0.4, 0.4, 0.2]))
    top = {"right": ON_THE_NOSE, "low": UNDER_THE_NOSE, "high": OVER_THE_EYES}[place]
    bottom = {"right": (0.9, 1.1), "low": (0.95, 1.2), "high": (0.42, 0.60)}[place]
    outline = _mask_outline(box, random.uniform(*top), random.uniform(*bottom), random)
    cover = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA)
    fabric = np.clip(np.array(FABRICS[random.integers(len(FABRICS))]) + random.uniform(-25, 25, 3), 0, 255)
    shade = np.linspace(random.uniform(0.75, 1.1), random.uniform(0.75, 1.1), patch.shape[0])[:, None, None]
    return _blended(patch, fabric * shade, cover), place == "right"


def _mask_outline(box: Box, top: float, bottom: float, random: Random) -> np.ndarray:
    """The mask's six corners `(6, 2)` int32 in pixels, slightly rotated; `top` and `bottom` are shares of the box's height."""
    half, narrow = random.uniform(0.36, 0.52), random.uniform(0.6, 1.0)
    arch = random.uniform(0, 0.10)
    middle = 0.5 + random.uniform(-0.06, 0.06)
    corners = [
        (middle - half, top + arch), (middle, top), (middle + half, top + arch),
        (middle + half * narrow, bottom - arch), (middle, bottom), (middle - half * narrow, bottom - arch),
    ]  # fmt: skip
    angle = random.uniform(-0.15, 0.15)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([middle, (top + bottom) / 2])
    points = (np.array(corners) - centre) @ rotation.T + centre
    corners_px: np.ndarray = (points * (box.width, box.height) + (box.x1, box.y1)).round().astype(np.int32)
    return corners_px


def with_hand(patch: Rgb, box: Box, random: Random) -> Rgb:
    """A copy of the patch with two to four fingers over the mouth, in the colour of the face's skin: that protects nobody."""
    x, y = int(box.x1 + box.width / 2), int(box.y1 + box.height * 0.45)
    around = patch[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    skin = np.median(around, axis=0) if len(around) else np.full(3, 140.0)
    skin = np.clip(skin * random.uniform(0.8, 1.15) + random.uniform(-8, 8, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    middle = np.array([random.uniform(0.3, 0.7), random.uniform(0.65, 0.9)])
    size = np.array([random.uniform(0.2, 0.4), random.uniform(0.1, 0.22)])
    angle_deg = random.uniform(-50, 50)
    for finger in range(int(random.integers(2, 5))):
        place = middle + np.array([0, (finger - 1.5) * size[1] * 0.8])
        centre = (place * (box.width, box.height) + (box.x1, box.y1)).round().astype(int)
        axes = np.maximum(1, size * (box.width, box.height * 0.5)).round().astype(int)
        cv2.ellipse(cover, centre.tolist(), axes.tolist(), angle_deg, 0, 360, 255, -1, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.8, 1.1), random.uniform(0.8, 1.1), patch.shape[1])[None, :, None]
    return _blended(patch, skin * shade, cover)


def _blended(patch: Rgb, colour: np.ndarray, cover: np.ndarray) -> Rgb:
    """The patch with `colour` (0..255, broadcast to it) where `cover` `(H, W)` uint8 is 255, and both in between."""
    share = cover[..., None] / 255
    return np.asarray(patch * (1 - share) + np.clip(colour, 0, 255) * share, np.uint8)


def with_anothers_mask(patch: Rgb, box: Box, other: Rgb, other_box: Box, random: Random) -> tuple[Rgb, bool]:
    """A copy of a bare face with the lower part of a masked one, and whether the mask is worn right.

    Else it is worn under the nose or the mouth. What lies under `cut` in the other's box goes under `seam` in this one: for
    a mask that is too low, `cut` is its upper edge, and the mask is squeezed into what is left of the face. The seam is
    soft, slightly tilted and curved.
    """
    is_right = random.random() < 0.35
    seam = random.uniform(*(ON_THE_NOSE if is_right else UNDER_THE_NOSE))
    cut = seam if is_right else 0.40
    end = 1.1 if is_right else random.uniform(1.08, 1.3)
    tilt, curve = random.uniform(-0.1, 0.1), 0.0 if is_right else random.uniform(-0.25, 0.25)
    wide = box.width / other_box.width
    high = (end - seam) * box.height / ((1.1 - cut) * other_box.height)
    transform = np.array(
        [
            [wide, 0, box.x1 - other_box.x1 * wide],
            [0, high, box.y1 + seam * box.height - (other_box.y1 + cut * other_box.height) * high],
        ]
    )
    size = patch.shape[1::-1]
    theirs = cv2.warpAffine(other, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row = (np.arange(patch.shape[0])[:, None] - box.y1) / box.height
    column = (np.arange(patch.shape[1])[None] - box.x1) / box.width - 0.5
    below = np.clip((row - seam - tilt * column - curve * column**2) / 0.05, 0, 1)
    within = np.clip((random.uniform(0.5, 0.62) - np.abs(column)) / 0.08, 0, 1)
    share = (below * within * np.clip((end - row) / 0.1, 0, 1))[..., None]
    brightness = np.clip(patch.mean() / max(1.0, float(theirs.mean())), 0.6, 1.6)
    return np.asarray(patch * (1 - share) + np.clip(theirs * brightness, 0, 255) * share, np.uint8), is_right
