"""How well a face can be judged."""

import pytest

from maskwatch.core.people import People
from maskwatch.core.people.quality import quality
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.tracking import FaceTracker


@pytest.mark.parametrize(
    ("side_px", "score", "weight"),
    [(60, 0.99, 1.0), (14, 0.85, 1.0), (13.9, 0.85, 0.7), (60, 0.849, 0.8), (10, 0.7, 0.56)],
)
def test_small_faces_and_those_of_a_low_score_weigh_less(side_px, score, weight):
    face = Face(Box(10, 10, 10 + 0.8 * side_px, 10 + side_px), score, 0.5)
    assert quality(face) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("side_px", "score", "looks"), [(40, 0.99, 1), (12, 0.99, 2), (40, 0.7, 2), (12, 0.7, 2)]
)
def test_a_face_that_is_hard_to_judge_needs_more_looks(side_px, score, looks, frame):
    people = People(FaceTracker(), protected_at=0.5)
    labels = []
    for at in (0.0, 1.0, 2.0):
        face = Face(Box(4, 4, 4 + side_px, 4 + side_px), score, 0.99)
        report = FrameReport("door", "clip.mp4", 0, at, (64, 48), (face,))
        labels += [person.label for person in people.update(frame(at), report)[0].persons]
    assert labels.index(Label.PROTECTED) + 1 == looks
    assert set(labels[: looks - 1]) <= {Label.UNKNOWN}
