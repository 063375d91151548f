"""What is drawn on bare faces, so that the classifier sees more ways to wear a mask, and not to, than there are photos of."""

import math

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb

# Heights are shares of a face's box, from its top. In the shipped detector's boxes the eyes lie at 0.25, the tip of
# the nose at 0.50 and the mouth at 0.68 (medians of the training faces, by the published landmarks).
ON_THE_NOSE = (0.28, 0.41)  # the upper edge of a mask that is worn right
UNDER_THE_NOSE = (0.55, 0.76)
CLOTHS = ((150, 195, 225), (235, 235, 240), (40, 40, 45), (230, 180, 190), (120, 170, 140), (60, 80, 140))


def with_drawn_mask(patch: Rgb, box: Box, random: np.random.Generator) -> tuple[Rgb, bool]:
    """A bare face with a mask held or worn: over nose and mouth, which protects, or too low, or too high."""
    place = str(random.choice(["right", "low", "high"], p=[0.4, 0.4, 0.2]))
    top = {"right": ON_THE_NOSE, "low": UNDER_THE_NOSE, "high": (0.0, 0.16)}[place]
    bottom = {"right": (0.9, 1.1), "low": (0.95, 1.2), "high": (0.42, 0.60)}[place]
    y1, y2 = random.uniform(*top), random.uniform(*bottom)
    half, narrow = random.uniform(0.36, 0.52), random.uniform(0.6, 1.0)
    arch = random.uniform(0, 0.10)
    middle = 0.5 + random.uniform(-0.06, 0.06)
    corners = [
        (middle - half, y1 + arch), (middle, y1), (middle + half, y1 + arch),
        (middle + half * narrow, y2 - arch), (middle, y2), (middle - half * narrow, y2 - arch),
    ]  # fmt: skip
    turn = random.uniform(-0.15, 0.15)
    centre = np.array([middle, (y1 + y2) / 2])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = (np.array(corners) - centre) @ rotation.T + centre
    outline = (points * (box.width, box.height) + (box.x1, box.y1)).round().astype(np.int32)
    cloth = np.clip(np.array(CLOTHS[random.integers(len(CLOTHS))]) + random.uniform(-25, 25, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.75, 1.1), random.uniform(0.75, 1.1), patch.shape[0])[:, None, None]
    share = cover[..., None] / 255
    drawn = patch * (1 - share) + np.clip(cloth * shade, 0, 255) * share
    return np.asarray(drawn, np.uint8), place == "right"


def with_hand(patch: Rgb, box: Box, random: np.random.Generator) -> Rgb:
    """A bare face with a hand over its mouth, in the colour of its own skin: that protects nobody."""
    x, y = int(box.x1 + box.width / 2), int(box.y1 + box.height * 0.45)
    around = patch[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    skin = np.median(around, axis=0) if len(around) else np.full(3, 140.0)
    skin = np.clip(skin * random.uniform(0.8, 1.15) + random.uniform(-8, 8, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    middle = np.array([random.uniform(0.3, 0.7), random.uniform(0.65, 0.9)])
    size = np.array([random.uniform(0.2, 0.4), random.uniform(0.1, 0.22)])
    turn = random.uniform(-50, 50)
    for finger in range(int(random.integers(2, 5))):
        place = middle + np.array([0, (finger - 1.5) * size[1] * 0.8])
        centre = (place * (box.width, box.height) + (box.x1, box.y1)).round().astype(int)
        axes = np.maximum(1, size * (box.width, box.height * 0.5)).round().astype(int)
        cv2.ellipse(cover, centre.tolist(), axes.tolist(), turn, 0, 360, 255, -1, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.8, 1.1), random.uniform(0.8, 1.1), patch.shape[1])[None, :, None]
    share = cover[..., None] / 255
    return np.asarray(patch * (1 - share) + np.clip(skin * shade, 0, 255) * share, np.uint8)


def with_anothers_mask(
    patch: Rgb, box: Box, other: Rgb, other_box: Box, random: np.random.Generator
) -> tuple[Rgb, bool]:
    """A bare face with the lower part of another's, who wears a mask: worn right, or under the nose or the mouth.

    What is under `at` of the other's box goes to what is under `seam` of this one. For a mask that is too low
    `at` is its upper edge, and the mask is squeezed into what is left of the face. The seam is soft, a
    little askew and bent.
    """
    right = random.random() < 0.35
    seam = random.uniform(*(ON_THE_NOSE if right else UNDER_THE_NOSE))
    at = seam if right else 0.40
    end = 1.1 if right else random.uniform(1.08, 1.3)
    askew, bent = random.uniform(-0.1, 0.1), 0.0 if right else random.uniform(-0.25, 0.25)
    wide = box.width / other_box.width
    high = (end - seam) * box.height / ((1.1 - at) * other_box.height)
    fit = np.array(
        [
            [wide, 0, box.x1 - other_box.x1 * wide],
            [0, high, box.y1 + seam * box.height - (other_box.y1 + at * other_box.height) * high],
        ]
    )
    size = patch.shape[1::-1]
    theirs = cv2.warpAffine(other, fit, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row = (np.arange(patch.shape[0])[:, None] - box.y1) / box.height
    column = (np.arange(patch.shape[1])[None] - box.x1) / box.width - 0.5
    below = np.clip((row - seam - askew * column - bent * column**2) / 0.05, 0, 1)
    within = np.clip((random.uniform(0.5, 0.62) - np.abs(column)) / 0.08, 0, 1)
    share = (below * within * np.clip((end - row) / 0.1, 0, 1))[..., None]
    bright = max(1.0, float(theirs.mean()))
    theirs = np.clip(theirs * np.clip(patch.mean() / bright, 0.6, 1.6), 0, 255)
    return np.asarray(patch * (1 - share) + theirs * share, np.uint8), right
