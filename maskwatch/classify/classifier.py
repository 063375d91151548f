"""Many faces in one batch."""

from collections.abc import Sequence

import numpy as np
import torch

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.records import Face, Rgb, require_rgb

CHUNK = 256  # faces at once: bounds the memory of a crowded frame


class MaskClassifier:
    """A `Classifier` of faces on `device`."""

    def __init__(self, network: MaskNet, shape: Shape, device: torch.device, version: str) -> None:
        self._network = network
        self._shape = shape
        self._device = device
        self.version = version

    @torch.inference_mode()
    def classify(self, faces: Sequence[tuple[Rgb, Face]]) -> list[float]:
        """The probability (0..1) of each face that a mask covers nose and mouth. Raises `ImageError` for no RGB."""
        for rgb, _ in faces:
            require_rgb(rgb)
        side_px, margin = self._shape.side_px, self._shape.margin
        result: list[float] = []
        for start in range(0, len(faces), CHUNK):
            chosen = faces[start : start + CHUNK]
            crops = [crop(rgb, face.box, side_px=side_px, margin=margin) for rgb, face in chosen]
            batch = torch.from_numpy(np.stack(crops)).to(self._device)
            result += torch.sigmoid(self._network(batch.permute(0, 3, 1, 2))).tolist()
        return result
