"""Other detectors that a user could choose, as opponents in the benchmark; the service loads none of them."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch

from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Rgb
from maskwatch.training.teacher import CenterFace

FACENET, CENTERFACE, YUNET = "facenet-pytorch", "centerface", "yunet"
PEERS = (FACENET, CENTERFACE, YUNET)

Detect = Callable[[list[Rgb]], int]
"""Frames of one size to the number of faces in them."""


def peer(name: str, device: torch.device) -> Callable[[float], Detect]:
    """One of `PEERS` (YuNet with its ONNX file after a colon), as a function of the smallest face in pixels.

    CenterFace and YuNet know no smallest face: they look for all that the full frame shows. Raises `ConfigError` or
    `ModelError` when it cannot run.
    """
    kind, _, path = name.partition(":")
    if kind == FACENET:
        return _facenet(device)
    if device.type != "cpu":
        raise ConfigError(f"{name}: computes on the processor, and device is {device.type}")
    detect = _centerface() if kind == CENTERFACE else _yunet(path)
    return lambda _: detect


def _facenet(device: torch.device) -> Callable[[float], Detect]:
    """facenet-pytorch with its own thresholds, as a user of it would call it."""
    mtcnn = import_module("facenet_pytorch").MTCNN

    def make(min_face_px: float) -> Detect:
        model = mtcnn(keep_all=True, min_face_size=int(min_face_px), device=device)

        def detect(frames: list[Rgb]) -> int:
            found, _ = model.detect(frames if len(frames) > 1 else frames[0])
            found = found if len(frames) > 1 else [found]
            return sum(0 if each is None else len(each) for each in found)

        return detect

    return make


def _centerface() -> Detect:
    """CenterFace on the frame as it is."""
    detector = CenterFace(scales=(1.0,))
    return lambda frames: sum(map(len, detector.detect(frames)))


def _yunet(path: str) -> Detect:
    """YuNet by OpenCV, with the settings of `kind: yunet`."""
    from maskwatch.detect.kinds import yunet
    from maskwatch.detect.registry import DETECTORS
    from maskwatch.plugins import ModelContext

    settings = yunet.Settings(weights=path)
    detector = DETECTORS.build(settings, ModelContext("cpu", Path(path), lambda _, make: make()))
    return lambda frames: sum(map(len, detector.detect(frames)))
