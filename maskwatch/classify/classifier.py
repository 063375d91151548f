"""Many faces in one batch."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.records import Face, Rgb, require_rgb
from maskwatch.platform.cuda import is_full, noticing_loss

CARD_SIZES = (8, 32, 128, 256)  # of batches on a card, which are filled up: no other shape is ever made ready
CHUNK = CARD_SIZES[-1]  # faces at once: bounds the memory of a crowded frame

log = logging.getLogger(__name__)


class MaskClassifier:
    """A `Classifier` of faces on `device`."""

    def __init__(self, network: MaskNet, shape: Shape, device: torch.device, version: str) -> None:
        self._network = network
        self._shape = shape
        self._device = device
        self._chunk = CHUNK
        self.version = version

    @torch.inference_mode()
    def classify(self, faces: Sequence[tuple[Rgb, Face]]) -> list[float]:
        """The probability (0..1) of each face that a mask covers nose and mouth.

        Raises `ImageError` for no RGB, and `DeviceLost`.
        """
        for rgb, _ in faces:
            require_rgb(rgb)
        side_px, margin = self._shape.side_px, self._shape.margin
        result: list[float] = []
        while len(result) < len(faces):
            chosen = faces[len(result) : len(result) + self._chunk]
            crops = [crop(rgb, face.box, side_px=side_px, margin=margin) for rgb, face in chosen]
            with noticing_loss(self._device):
                result += self._judged_or_full(np.stack(crops))
        return result

    def _judged_or_full(self, crops: Rgb) -> list[float]:
        """None of them when the card's memory is too small for so many at once, which then holds for all later calls, too."""
        try:
            return self._judged(torch.from_numpy(crops))
        except RuntimeError as e:
            if not is_full(e) or self._chunk == CARD_SIZES[0]:
                raise
        self._chunk = max(size for size in CARD_SIZES if size < self._chunk)
        log.warning("the card's memory is full: %d faces at once from now on", self._chunk)
        torch.cuda.empty_cache()
        return []

    def _judged(self, crops: Tensor) -> list[float]:
        count = len(crops)
        if self._device.type != "cpu":
            size = next(size for size in CARD_SIZES if size >= count)
            pinned = torch.zeros((size, *crops.shape[1:]), dtype=torch.uint8, pin_memory=True)
            pinned[:count] = crops
            crops = pinned.to(self._device, non_blocking=True)
        probabilities: list[float] = torch.sigmoid(self._network(crops.permute(0, 3, 1, 2))).tolist()
        return probabilities[:count]
