"""The smoke test of new models: on a picture with a face, and on pictures as the cameras give them."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from maskwatch.core.errors import ModelError
from maskwatch.core.ports import Classifier, Detector, SupportsSelfTest
from maskwatch.core.records import Face, Rgb
from maskwatch.sources.portrait import FACE, portrait

SIDE_PX = 96


def smoke_test(detector: Detector, classifier: Classifier, images: Sequence[Rgb]) -> None:
    """Run the models once. Raises `ModelError`, naming the model, when a result is not finite.

    `images` have the cameras' sizes, so that what is compiled for these sizes is compiled here.
    """
    image = portrait()
    small = np.asarray(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    if isinstance(detector, SupportsSelfTest):
        sound = detector.self_test(small)
    else:
        sound = all(
            math.isfinite(number)
            for face in detector.detect([image])[0]
            for number in (*face.box, face.score)
        )
    if not sound:
        raise ModelError(f"{detector.version}: gives no finite numbers for a test picture")
    (probability,) = classifier.classify([(image, Face(FACE, score=1.0))])
    if not math.isfinite(probability):
        raise ModelError(f"{classifier.version}: gives no finite number for a test picture")
    for rgb in images:
        detector.detect([rgb])
