"""New models are tried out before they serve: on a picture with a face, and on pictures as the cameras give them."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.core.errors import ModelError
from maskwatch.core.records import Face, Rgb
from maskwatch.detect.cascade import Mtcnn
from maskwatch.sources.portrait import FACE, portrait

SIDE_PX = 96


def smoke_test(detector: Mtcnn, classifier: MaskClassifier, images: Sequence[Rgb]) -> None:
    """Raises `ModelError`, naming the model, when it gives what is no number.

    `images` are as they will come: what is to be compiled for them is compiled here.
    """
    image = portrait()
    small = np.asarray(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    if not detector.self_test(small):
        raise ModelError(f"{detector.version}: gives no finite numbers for a test picture")
    (probability,) = classifier.classify([(image, Face(FACE, score=1.0))])
    if not math.isfinite(probability):
        raise ModelError(f"{classifier.version}: gives no finite number for a test picture")
    for rgb in images:
        detector.detect([rgb])
