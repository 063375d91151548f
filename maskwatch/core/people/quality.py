"""How well a face can be judged, 0..1: the weight of a look at it.

Of 2,686 faces that were found in validation pictures, whole, cut off by the frame's edge, dark, noisy, blurred, grey,
compressed and small, 1.2 % were judged wrong where neither of the below was so, 3.1 % with a low score, 10.7 % with a
low score and a small box. The factors are the slopes of the logistic regression of the truth on the
classifier's log-odds, over the slope for the other faces (docs/training-and-measuring.md).

What blurs, covers or turns a face lowers the detector's score. Besides that, sharpness tells nothing: of the blurriest
quarter 1.6 % were judged wrong, of the sharpest 3.1 %. Nor does a cut: of faces cut by a quarter 1.4 %, by half 2.7 %.
"""

from maskwatch.core.records import Face

LOW_SCORE, LOW_SCORE_WEIGHT = 0.85, 0.8  # of the detector, 0..1: in profile, half hidden, blurred
SMALL_PX, SMALL_WEIGHT = 14.0, 0.7  # the longer side of the box


def quality(face: Face) -> float:
    """By the detector's score, and by its size."""
    by_score = LOW_SCORE_WEIGHT if face.score < LOW_SCORE else 1.0
    by_size = SMALL_WEIGHT if max(face.box.width, face.box.height) < SMALL_PX else 1.0
    return by_score * by_size
