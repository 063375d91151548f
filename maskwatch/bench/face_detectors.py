"""Face detectors by name, ours and others', to be compared on the same pictures. The service uses none of these.

Each of the others has its own thresholds and is called as its documentation shows. What is not installed raises
`ModelError` with what is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from math import exp
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Face, Rgb

HAAR_FILE = "haarcascade_frontalface_default.xml"  # which OpenCV's contrib packages carry
# how often dlib doubles the picture, as its example programs do: finds faces from 40 px instead of 80 px
UPSAMPLED = 1


class _EachFrame:
    """A `Detector` from a function of one frame, `(H, W, 3)` uint8 RGB."""

    def __init__(self, version: str, find: Callable[[Rgb], Iterator[Face]]) -> None:
        self.version = version
        self._find = find

    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame, best first."""
        return [tuple(sorted(self._find(rgb), key=lambda face: -face.score)) for rgb in frames]


def face_detector(name: str, min_face_px: float, device: torch.device) -> Detector:
    """The detector of that name, looking for faces from `min_face_px` (their smaller side) on where it can be told so.

    Names: `mtcnn` (ours, with other weights after a colon: a file, or `stock`), `facenet-pytorch`, `centerface`,
    `yunet:FILE.onnx`, `haar` or `haar:FILE.xml`, `hog`, `cnn:FILE.dat`. Only the first two compute on `device`.

    Raises `ConfigError` for another name or a file that is not given, `ModelError` when it cannot run.
    """
    kind, _, path = name.partition(":")
    if kind not in _MAKERS:
        raise ConfigError(f"--detectors: there is no {kind!r}; there are {', '.join(_MAKERS)}")
    return _MAKERS[kind](path, min_face_px, device)


def _ours(path: str, min_face_px: float, device: torch.device) -> Detector:
    from maskwatch.detect.settings import Settings
    from maskwatch.models.loading import Models

    settings = Settings.model_validate({"weights": path or None, "min_face_px": min_face_px})
    return Models(device).detector(settings)


def _facenet(_: str, min_face_px: float, device: torch.device) -> Detector:
    """The published MTCNN as facenet-pytorch runs it."""
    model = _installed("facenet_pytorch", "facenet-pytorch").MTCNN(
        keep_all=True, min_face_size=int(min_face_px), device=device
    )

    def find(rgb: Rgb) -> Iterator[Face]:
        boxes, scores = model.detect(rgb)
        if boxes is not None:
            yield from (Face(Box(*map(float, box)), float(s)) for box, s in zip(boxes, scores, strict=True))

    return _EachFrame("facenet-pytorch", find)


def _centerface(_path: str, _px: float, _device: torch.device) -> Detector:
    from maskwatch.training.teacher import CenterFace

    return CenterFace(scales=(1.0,))


def _yunet(path: str, _px: float, _device: torch.device) -> Detector:
    from maskwatch.detect.kinds import yunet
    from maskwatch.detect.registry import DETECTORS
    from maskwatch.plugins import ModelContext

    if not path:
        raise ConfigError("--detectors: yunet needs its file, yunet:FILE.onnx")
    settings = yunet.Settings(weights=path)
    return DETECTORS.build(settings, ModelContext("cpu", Path(path), lambda _, make: make()))


def _haar(path: str, min_face_px: float, _: torch.device) -> Detector:
    """Viola and Jones' cascade (2001) by OpenCV, whose level weights tell how sure it is."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise ModelError(f"haar: OpenCV {cv2.__version__} has no cascades; opencv-contrib-python brings them")
    file = Path(path or Path(cv2.__file__).parent / "data" / HAAR_FILE)
    cascade = cv2.CascadeClassifier(str(file)) if file.is_file() else None
    if cascade is None or cascade.empty():
        raise ModelError(f"{file}: is no cascade that OpenCV can read")
    side = round(min_face_px)

    def find(rgb: Rgb) -> Iterator[Face]:
        grey = cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        boxes, _, weights = cascade.detectMultiScale3(grey, minSize=(side, side), outputRejectLevels=True)
        for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True):
            yield Face(Box(float(x), float(y), float(x + w), float(y + h)), _squeezed(float(weight)))

    return _EachFrame(f"haar {file.stem}", find)


def _hog(_path: str, _px: float, _device: torch.device) -> Detector:
    """Dlib's histograms of oriented gradients with a linear classifier."""
    detector = _installed("dlib", "dlib-bin").get_frontal_face_detector()

    def find(rgb: Rgb) -> Iterator[Face]:
        rectangles, scores, _ = detector.run(np.ascontiguousarray(rgb), UPSAMPLED, 0.0)
        yield from map(_dlib_face, rectangles, scores)

    return _EachFrame("dlib HOG", find)


def _cnn(path: str, _px: float, _device: torch.device) -> Detector:
    """Dlib's max-margin network, with the user's own file."""
    dlib = _installed("dlib", "dlib-bin")
    if not path:
        raise ConfigError("--detectors: cnn needs dlib's file, cnn:FILE.dat")
    try:
        network = dlib.cnn_face_detection_model_v1(path)
    except RuntimeError as e:
        raise ModelError(f"{path}: is no detector that dlib can read") from e

    def find(rgb: Rgb) -> Iterator[Face]:
        found = network(np.ascontiguousarray(rgb), UPSAMPLED)
        yield from (_dlib_face(each.rect, each.confidence) for each in found)

    return _EachFrame(f"dlib CNN {Path(path).stem}", find)


def _dlib_face(rectangle: Any, score: float) -> Face:  # dlib has no types
    """Dlib's rectangles hold their last pixel."""
    box = rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1
    return Face(Box(*map(float, box)), _squeezed(score))


def _squeezed(score: float) -> float:
    """A score of any size as 0..1, in the same order."""
    return 1 / (1 + exp(-max(-500.0, min(score, 500.0))))


def _installed(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as e:
        raise ModelError(f"{package} is not installed ({e})") from e


_MAKERS: dict[str, Callable[[str, float, torch.device], Detector]] = {
    "mtcnn": _ours,
    "facenet-pytorch": _facenet,
    "centerface": _centerface,
    "yunet": _yunet,
    "haar": _haar,
    "hog": _hog,
    "cnn": _cnn,
}
NAMES = tuple(_MAKERS)
