"""YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y) by OpenCV, with the user's own ONNX file.

It runs on the processor.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box, Face, Rgb, require_rgb
from maskwatch.platform.paths import InputText
from maskwatch.platform.settings_base import Probability
from maskwatch.plugins import KindSettings, ModelContext

MAX_FACES = 5000  # before suppression: OpenCV's own default
SIDE_PX = 320  # what the network is made for at first; each frame sets its own


class Settings(KindSettings):
    """`kind: yunet`. `weights` is the ONNX file.

    A face's score must be at least `score`; of boxes that overlap by more than `nms_iou` the best stays. The frame is
    enlarged by `enlarge` first: YuNet finds faces from about 10 px on.
    """

    kind: Literal["yunet"] = "yunet"
    weights: InputText
    score: Probability = 0.7
    nms_iou: Probability = 0.3
    enlarge: Annotated[float, Field(gt=0, le=4)] = 1


def build(settings: Settings, context: ModelContext) -> "YuNet":
    """Raises `ModelError`, naming the file."""
    data = context.share(("yunet", settings.weights), lambda: _read(Path(settings.weights)))
    return YuNet(data, settings)


class YuNet:
    """A `Detector`; for one thread at a time."""

    def __init__(self, onnx: bytes, settings: Settings) -> None:
        """Raises `ModelError`, naming the settings' file, when `onnx` is no such network."""
        import cv2
        import numpy as np

        path, self._enlarge = Path(settings.weights), settings.enlarge
        self.version = f"{path.stem}@{hashlib.sha256(onnx).hexdigest()[:12]}"
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(onnx, np.uint8),
                np.empty(0, np.uint8),
                (SIDE_PX, SIDE_PX),
                settings.score,
                settings.nms_iou,
                MAX_FACES,
            )
            self._network.detect(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))
        except cv2.error as e:
            raise ModelError(f"{path}: is no YuNet that OpenCV can read ({e.err or e.func})") from e

    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame, best first. Raises `ImageError` for anything but `(H, W, 3)` uint8 RGB."""
        for rgb in frames:
            require_rgb(rgb)
        return [self._faces(rgb) for rgb in frames]

    def _faces(self, rgb: Rgb) -> tuple[Face, ...]:
        import cv2

        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        if self._enlarge != 1:
            bgr = cv2.resize(bgr, None, fx=self._enlarge, fy=self._enlarge)
        height, width = bgr.shape[:2]
        across, down = rgb.shape[1] / width, rgb.shape[0] / height
        self._network.setInputSize((width, height))
        _, rows = self._network.detect(bgr)
        found = []
        for x, y, w, h, *_, score in [] if rows is None else rows.tolist():
            if w > 0 and h > 0:
                box = Box(x * across, y * down, (x + w) * across, (y + h) * down)
                found.append(Face(box, min(max(score, 0.0), 1.0)))
        return tuple(sorted(found, key=lambda face: -face.score))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror})") from e
