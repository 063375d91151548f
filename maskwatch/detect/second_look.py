"""A slow and thorough look at a whole frame: what the live detection may have missed."""

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from maskwatch.core.geometry import SAME_FACE_IOU, iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Face, Rgb

ENLARGE = 2.0
LARGEST_PX = 3840 * 2160  # an enlarged frame has no more: time and memory grow with it


class ThoroughLook:
    """A `SecondLook` by any detector: the frame enlarged and, once more, mirrored; what both show is there for sure.

    So it needs no bound of its own, whatever weights the detector has. `make` gives a detector that is nobody
    else's, when it is first needed; its errors are passed on. Faces smaller than `min_face_px` are left out.
    """

    def __init__(self, make: Callable[[], Detector], min_face_px: float) -> None:
        self._make = make
        self._min_face_px = min_face_px
        self._detector: Detector | None = None

    def faces(self, rgb: Rgb) -> tuple[Face, ...]:
        if self._detector is None:
            self._detector = self._make()
        height, width = rgb.shape[:2]
        scale = max(1.0, min(ENLARGE, math.sqrt(LARGEST_PX / (width * height))))
        size = round(width * scale), round(height * scale)
        large = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        (found,) = self._detector.detect([large])
        if not found:
            return ()
        (mirrored,) = self._detector.detect([np.ascontiguousarray(large[:, ::-1])])
        again = [_mirrored(face, size[0]) for face in mirrored]
        sure = (_in_both(face, again) for face in found)
        shrunk = (replace(f, box=Box(*(v / scale for v in f.box))) for f in sure if f is not None)
        return tuple(f for f in shrunk if max(f.box.width, f.box.height) >= self._min_face_px)


def _mirrored(face: Face, width: int) -> Face:
    box = face.box
    return replace(face, box=Box(width - box.x2, box.y1, width - box.x1, box.y2))


def _in_both(face: Face, again: list[Face]) -> Face | None:
    """The face with the lower of both scores; None when the mirrored picture shows none there."""
    same = [each for each in again if iou(each.box, face.box) >= SAME_FACE_IOU]
    return replace(face, score=min(face.score, max(each.score for each in same))) if same else None
