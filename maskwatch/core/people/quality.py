"""How well a face can be judged, 0..1: the weight of a look at it.

Measured on 2,686 faces found in validation pictures (whole, cut off by the frame's edge, dark, noisy, blurred, grey,
compressed and small): of those with a low score 3.1 % were judged wrong, of those with a low score and a small box 10.7 %, of
all others 1.2 %. The weights are the slopes of the logistic regression of the truth on the classifier's log-odds, over the
slope for the other faces (docs/training-and-measuring.md).

Blur, occlusion and turning lower the detector's score. Beyond that, sharpness makes no difference (of the blurriest quarter
1.6 % were judged wrong, of the sharpest 3.1 %), nor does a cut (by a quarter 1.4 %, by half 2.7 %).
"""

from maskwatch.core.records import Face

LOW_SCORE, LOW_SCORE_WEIGHT = 0.85, 0.8  # the detector's score, 0..1
SMALL_PX, SMALL_WEIGHT = 14.0, 0.7  # the longer side of the box


def quality(face: Face) -> float:
    """The weight (0..1) of a look at this face, by the detector's score and by its size."""
    by_score = LOW_SCORE_WEIGHT if face.score < LOW_SCORE else 1.0
    by_size = SMALL_WEIGHT if max(face.box.width, face.box.height) < SMALL_PX else 1.0
    return by_score * by_size
