"""How much of what the detector misses is in images that the queue would take."""

import cv2
import pytest

from maskwatch.bench import queue as bench
from maskwatch.config import load as configuration
from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Detections, Face
from maskwatch.datasets.formats.registry import write
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage
from maskwatch.evaluation.split_choice import SplitChoice

LEFT, RIGHT = Box(100, 100, 160, 170), Box(300, 100, 360, 170)


def quiet(_):
    return lambda items, *_, **__: items


@pytest.fixture
def faces(tmp_path, bare):
    """Three images, each with two faces at the same places."""
    images = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), cv2.resize(bare, (480, 360)) // (number + 1))
        truths = tuple(GroundTruth(FaceLabel.UNPROTECTED, box) for box in (LEFT, RIGHT))
        images.append(LabelledImage(path, path.name, truths))
    write("coco", images, tmp_path / "set")
    return tmp_path / "set"


class Scripted:
    version = "scripted"

    def __init__(self, *answers):
        self.answers = list(answers)

    def detect_with_near_misses(self, frames, share):
        assert share == 0.25
        return [self.answers.pop(0) for _ in frames]


class Sure:
    version = "sure"

    def classify(self, faces):
        return [0.99 for _ in faces]


def measured(monkeypatch, faces, *answers):
    class Models:
        def detector(self, _):
            return Scripted(*answers)

        def classifier(self, _):
            return Sure()

    made = Models()
    detector = made.detector(None)
    made.detector = lambda _: detector
    monkeypatch.setattr(bench, "configured_models", lambda _: made)
    return bench.measure(configuration.default(), faces, SplitChoice.ALL, quiet)


def test_missed_faces_count_by_image_and_by_their_own_box(monkeypatch, faces):
    outcome = measured(
        monkeypatch,
        faces,
        Detections((Face(LEFT, 0.99),), (Face(RIGHT.moved(5, 5), 0.3),)),  # a suggestion for the missed one
        Detections((Face(LEFT, 0.99),), ()),  # nothing speaks for this image
        Detections((), (Face(Box(10, 300, 40, 340), 0.3),)),  # a suggestion elsewhere
    )
    assert (outcome.images, outcome.taken, outcome.faces) == (3, 2, 6)
    assert (outcome.missed, outcome.queued, outcome.suggested) == (4, 3, 1)
    assert outcome.share == 0.75
    assert outcome.reasons == {"near_miss": 2}


def test_where_nothing_is_missed_there_is_no_share(monkeypatch, faces):
    both = Detections((Face(LEFT, 0.99), Face(RIGHT, 0.99)))
    outcome = measured(monkeypatch, faces, both, both, both)
    assert (outcome.missed, outcome.share, outcome.taken) == (0, None, 0)


def test_a_set_without_boxes_is_refused(tmp_path, bare):
    for label in ("protected", "unprotected"):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "1.png"), bare)
    with pytest.raises(DataError, match="labels whole pictures"):
        bench.measure(configuration.default(), tmp_path, SplitChoice.ALL, quiet)
