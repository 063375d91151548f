"""Many faces in one batch."""

import logging
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from maskwatch.classify.crop import crop, square_about
from maskwatch.classify.device_crop import crops, placed
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.records import Face, Rgb
from maskwatch.platform.cuda import is_full, noticing_loss, uploaded
from maskwatch.platform.device_frames import DeviceFrames, Image, image_for

CARD_SIZES = (8, 32, 128, 256)  # of batches on a card, which are filled up: no other shape is ever made ready
CHUNK = CARD_SIZES[-1]  # faces at once: bounds the memory of a crowded frame

log = logging.getLogger(__name__)


class MaskClassifier:
    """A `Classifier` of faces on `device`; where `frames` holds a frame on the device, its faces are cropped there."""

    def __init__(
        self,
        network: MaskNet,
        shape: Shape,
        device: torch.device,
        version: str,
        frames: DeviceFrames | None = None,
    ) -> None:
        self._network = network
        self._shape = shape
        self._device = device
        self._chunk = CHUNK
        self._frames = frames or DeviceFrames()
        self.version = version

    @torch.inference_mode()
    def classify(self, faces: Sequence[tuple[Image, Face]]) -> list[float]:
        """The probability (0..1), for each face, that a mask covers nose and mouth.

        Of frames that are tensors on this card the faces are cropped there. Raises `ImageError` for a picture that is
        not RGB, and `DeviceLost`.
        """
        images = {id(image): image for image, _ in faces}
        images = {key: image_for(self._device, image) for key, image in images.items()}
        faces = [(images[id(image)], face) for image, face in faces]
        result: list[float] = []
        while len(result) < len(faces):
            with noticing_loss(self._device):
                result += self._judged_or_full(faces[len(result) : len(result) + self._chunk])
        return result

    def _judged_or_full(self, faces: Sequence[tuple[Image, Face]]) -> list[float]:
        """None when the card's memory is too small for so many at once; later calls then use smaller batches, too."""
        try:
            return self._judged(self._cut(faces)) if self._device.type == "cpu" else self._judged_there(faces)
        except RuntimeError as e:
            if not is_full(e) or self._chunk == CARD_SIZES[0]:
                raise
        self._chunk = max(size for size in CARD_SIZES if size < self._chunk)
        log.warning("the card's memory is full: %d faces at once from now on", self._chunk)
        torch.cuda.empty_cache()
        return []

    def _cut(self, faces: Sequence[tuple[Image, Face]]) -> Tensor:
        side_px, margin = self._shape.side_px, self._shape.margin
        arrays = cast("Sequence[tuple[Rgb, Face]]", faces)  # a tensor is on the card, and cropped there
        cut = [crop(rgb, face.box, side_px=side_px, margin=margin) for rgb, face in arrays]
        return torch.from_numpy(np.stack(cut))

    def _judged(self, crops: Tensor) -> list[float]:
        probabilities: list[float] = torch.sigmoid(self._network(crops.permute(0, 3, 1, 2))).tolist()
        return probabilities

    def _judged_there(self, faces: Sequence[tuple[Image, Face]]) -> list[float]:
        """The faces as one batch, padded to a usual size on a card; faces of frames that are not on the card are cropped on the processor."""
        where = [
            placed(self._frames, image, square_about(face.box, self._shape.margin)) for image, face in faces
        ]
        order = [place for place, each in enumerate(where) if each is None]
        parts = [uploaded(self._cut([faces[place] for place in order]), self._device)] if order else []
        there = [(place, each) for place, each in enumerate(where) if each is not None]
        if there:
            cut, rows = crops([each for _, each in there], self._shape.side_px)
            parts.append(cut)
            order += [there[row][0] for row in rows]
        size = next(size for size in CARD_SIZES if size >= len(faces))
        filled = pad(torch.cat(parts), (0, 0, 0, 0, 0, 0, 0, size - len(faces)))
        by_place = dict(zip(order, self._judged(filled), strict=False))
        return [by_place[place] for place in range(len(faces))]
