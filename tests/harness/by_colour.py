"""A detector and a classifier of composed pictures: they know faces by their colour."""

from types import SimpleNamespace

import cv2
import numpy as np

from maskwatch.core.records import Box, Face

BARE, MASKED, UNSURE = (200, 40, 40), (40, 40, 200), (40, 160, 40)
PROBABILITIES = {0: 0.05, 1: 0.7, 2: 0.95}  # of a mask, by the channel that is brightest


class ByColour:
    """A detector and a classifier: coloured squares are faces."""

    version = "colour"

    def detect(self, frames):
        return [self._faces(rgb) for rgb in frames]

    def _faces(self, rgb):
        bright = (rgb.max(axis=2).astype(int) - rgb.min(axis=2) > 60).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        boxes = [Box(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area > 200]
        return tuple(Face(box, 0.99) for box in boxes)

    def classify(self, faces):
        def colour(rgb, box):
            x, y = (round(v) for v in box.centre)
            return int(rgb[y, x].argmax())

        return [PROBABILITIES[colour(rgb, face.box)] for rgb, face in faces]


def models():
    """Both, in the place of `maskwatch.models.loading.Models`."""
    parts = ByColour()
    return SimpleNamespace(
        detector=lambda _: parts, classifier=lambda _: parts, versions=lambda *_: {}, device="cpu"
    )
