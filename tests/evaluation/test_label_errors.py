"""Labels that the models doubt, ranked, and the pictures of them."""

import cv2
import numpy as np
import pytest

from maskwatch.core.records import Box, Face
from maskwatch.datasets.check import Checked
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage
from maskwatch.evaluation.contact_sheet import WIDTH_PX, contact_sheet
from maskwatch.evaluation.document import page
from maskwatch.evaluation.label_errors import Doubt, suspects
from maskwatch.evaluation.reports.data_check import Doubts, data_report
from maskwatch.evaluation.sheets import BLUE, ORANGE

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel
LEFT, MIDDLE, RIGHT = Box(10, 20, 60, 80), Box(110, 20, 160, 80), Box(210, 20, 260, 80)


class Models:
    """Finds what it is told to, and judges by where a face is; keeps the boxes that it judged."""

    version = "fake"

    def __init__(self, faces, protected):
        self.faces, self.protected, self.judged = faces, protected, []

    def detect(self, frames):
        return [tuple(Face(box, score) for box, score in self.faces) for _ in frames]

    def classify(self, faces):
        self.judged += [face.box for _, face in faces]
        return [
            next(p for box, p in self.protected.items() if abs(face.box.x1 - box.x1) < 20)
            for _, face in faces
        ]


@pytest.fixture
def image(tmp_path):
    def make(*truths, name="a.png", unclear=()):
        path = tmp_path / name
        rgb = np.random.default_rng(0).integers(0, 255, (120, 300, 3)).astype(np.uint8)
        path.write_bytes(cv2.imencode(".png", rgb)[1].tobytes())
        return LabelledImage(path, name, tuple(GroundTruth(*each) for each in truths), unclear=unclear)

    return make


def doubted(images, models):
    found = suspects(images, models, models, lambda each: each)
    return [(each.doubt, tuple(each.box), each.label, pytest.approx(each.strength)) for each in found]


def test_a_label_that_the_classifier_is_sure_is_wrong_is_doubted_the_surest_first(image):
    one = image((PROTECTED, LEFT), (UNPROTECTED, MIDDLE), (WORN_WRONG, RIGHT))
    models = Models([(LEFT, 0.9), (MIDDLE, 0.9), (RIGHT, 0.9)], {LEFT: 0.1, MIDDLE: 0.97, RIGHT: 0.79})
    assert doubted([one], models) == [
        (Doubt.JUDGED, MIDDLE, "unprotected", 0.97),
        (Doubt.JUDGED, LEFT, "protected", 0.9),
    ]


def test_a_face_is_judged_by_the_box_that_the_detector_gives_it(image):
    near = Box(12, 18, 64, 82)
    models = Models([(near, 0.9)], {LEFT: 0.5, MIDDLE: 0.5})
    doubted([image((PROTECTED, LEFT), (PROTECTED, MIDDLE))], models)
    assert models.judged == [near, MIDDLE]


def test_a_sure_face_that_nobody_labelled_is_doubted_unless_its_place_is_unclear(image):
    models = Models([(LEFT, 0.95), (MIDDLE, 0.97), (RIGHT, 0.5)], {LEFT: 0.9})
    assert doubted([image((PROTECTED, LEFT))], models) == [(Doubt.UNLABELLED, MIDDLE, "", 0.97)]
    assert doubted([image((PROTECTED, LEFT), unclear=(MIDDLE,))], models) == []


def test_a_large_labelled_face_that_is_not_found_is_doubted_and_a_small_one_is_not(image):
    small = Box(110, 20, 130, 45)
    models = Models([], {LEFT: 0.9, small: 0.9})
    assert doubted([image((PROTECTED, LEFT), (PROTECTED, small))], models) == [
        (Doubt.MISSED, LEFT, "protected", 60)
    ]


def test_a_label_of_the_whole_picture_is_of_its_largest_face(image):
    models = Models([(Box(0, 0, 20, 20), 0.99), (RIGHT, 0.9)], {RIGHT: 0.95})
    assert doubted([image((UNPROTECTED, None))], models) == [(Doubt.JUDGED, RIGHT, "unprotected", 0.95)]
    assert doubted([image((UNPROTECTED, None))], Models([], {})) == []


def test_the_report_and_the_sheet_show_what_is_doubted_and_bear_a_picture_that_went_away(image):
    here, gone = image((UNPROTECTED, LEFT), (PROTECTED, RIGHT)), image((UNPROTECTED, LEFT), name="b.png")
    models = Models([(LEFT, 0.9), (MIDDLE, 0.95)], {LEFT: 0.97, RIGHT: 0.9})
    found = suspects([here, gone], models, models, lambda each: each)
    gone.path.unlink()
    assert [each.doubt for each in found] == [Doubt.JUDGED] * 2 + [Doubt.UNLABELLED] * 2 + [Doubt.MISSED]
    sheet = contact_sheet(found)
    assert (sheet.shape[1:], sheet.dtype) == ((WIDTH_PX, 3), np.uint8)
    for colour, count in ((BLUE, 4), (ORANGE, 2)):  # a grey tile for the picture that went away
        near = (abs(sheet.astype(int) - colour) < 60).all(2)
        assert near.sum() > (count - 2) * 50
    report = data_report("a set", Checked((), {}, (), ()), Doubts(found, "fake"))
    text = page(report).decode()
    assert "5 labels may be wrong" in text
    assert text.count("data:image/jpeg") == 3
    assert "1: unprotected; protected 0.97; a.png" in text
    short = data_report("a set", Checked((), {}, (), ()), Doubts(found, "fake"), 1)
    assert [len(table.rows) for table in short.tables[2:]] == [1, 1, 1]
    assert "The first 1 of 2." in page(short).decode()
