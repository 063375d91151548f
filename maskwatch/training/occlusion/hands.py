"""Hands before the mouth, in the colour of the face's own skin."""

import cv2
import numpy as np

from maskwatch.core.records import Rgb
from maskwatch.training.occlusion.face_frame import FaceFrame

Random = np.random.Generator


def with_hand(patch: Rgb, frame: FaceFrame, random: Random) -> Rgb:
    """The patch with two to five fingers, or a fist, somewhere about the mouth: that protects nobody."""
    x, y = (int(value) for value in frame.place(0, 0.15))
    around = patch[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    skin = np.median(around, axis=0) if len(around) else np.full(3, 140.0)
    skin = np.clip(skin * random.uniform(0.75, 1.15) + random.uniform(-8, 8, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    middle = np.array([random.uniform(-0.5, 0.5), random.uniform(0.8, 1.4)])
    size = np.array([random.uniform(0.4, 0.9), random.uniform(0.1, 0.22)])
    turn, count = random.uniform(-70, 70), int(random.integers(2, 6))
    away = np.array([-np.sin(np.radians(turn)), np.cos(np.radians(turn))])  # from one finger to the next
    gaps = np.zeros(patch.shape[:2], np.uint8)
    for finger in range(count):
        centre = (
            np.array(frame.place(*middle)) + (finger - (count - 1) / 2) * 1.7 * size[1] * frame.unit_px * away
        )
        axes = np.maximum(1, size * random.uniform(0.85, 1.1) * frame.unit_px).round().astype(int).tolist()
        at = centre.round().astype(int).tolist()
        cv2.ellipse(cover, at, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(gaps, at, axes, turn, 0, 180, 255, max(1, round(0.03 * frame.unit_px)), cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.8, 1.1), random.uniform(0.8, 1.1), patch.shape[1])[None, :, None]
    shade = shade * (1 - random.uniform(0, 0.4) * gaps[..., None] / 255)
    share = cover[..., None] / 255
    return np.asarray(patch * (1 - share) + np.clip(skin * shade, 0, 255) * share, np.uint8)
