"""Detectors side by side: what is counted, against the labels and against each other, and what is told of those that cannot run."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from maskwatch.bench import compare as comparing
from maskwatch.bench import face_detectors
from maskwatch.bench.compare import Picture, compare
from maskwatch.bench.face_detectors import NAMES, face_detector
from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.records import Box, Face
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.evaluation.document import ContactSheet

CPU = torch.device("cpu")
LEFT, MIDDLE, RIGHT = Box(10, 10, 40, 50), Box(60, 10, 90, 50), Box(120, 10, 150, 50)
EMPTY = np.zeros((80, 200, 3), np.uint8)


class Finds:
    """Finds the same places in each frame."""

    def __init__(self, *boxes):
        self.version, self._boxes, self.calls = f"finds {len(boxes)}", boxes, 0

    def detect(self, frames):
        self.calls += 1
        return [tuple(Face(box, 0.9) for box in self._boxes) for _ in frames]


def labelled(*truths):
    return LabelledImage(None, "a.jpg", tuple(GroundTruth(label, box) for label, box in truths), Split.TEST)


def compared(**boxes):
    detectors = {name: Finds(*own) for name, own in boxes.items()}
    report = compare(detectors, [Picture("one", EMPTY), Picture("two", EMPTY)], about="a clip")
    return report, report.facts["detectors"]


def test_without_labels_each_is_held_against_what_others_agree_on():
    _, facts = compared(a=(LEFT, MIDDLE), b=(LEFT, RIGHT), c=(LEFT, RIGHT))
    counts = {name: (each["faces"], each["alone"], each["missed"]) for name, each in facts.items()}
    assert counts == {"a": (4, 2, 2), "b": (4, 0, 0), "c": (4, 0, 0)}


def test_one_other_detector_alone_is_no_agreement():
    report, facts = compared(a=(LEFT,), b=(LEFT, RIGHT))
    assert facts["a"]["missed"] == 0
    (table,) = report.tables
    assert [row[-1] for row in table.rows] == ["-", "-"]


def test_against_the_labels_by_class():
    truths = labelled((FaceLabel.PROTECTED, LEFT), (FaceLabel.UNPROTECTED, MIDDLE))
    detectors = {"all": Finds(LEFT, MIDDLE), "bare missed": Finds(LEFT, RIGHT)}
    report = compare(detectors, [Picture("a.jpg", EMPTY, truths)] * 3, about="a set")
    figures = {name: each["figures"] for name, each in report.facts["detectors"].items()}
    assert figures["all"]["recall"]["value"] == figures["all"]["precision"]["value"] == 1
    assert figures["bare missed"]["recall, unprotected"]["value"] == 0
    assert figures["bare missed"]["recall, protected"]["value"] == 1
    assert figures["bare missed"]["precision"]["value"] == 0.5
    table = report.tables[1]
    assert table.headers == (
        "detector", "recall", "recall, protected", "recall, unprotected", "precision", "F1",
    )  # fmt: skip


def test_each_is_warmed_up_once_and_pictures_are_few_and_beside_each_other():
    detectors = {"a": Finds(LEFT), "b": Finds()}
    pictures = [Picture(str(n), EMPTY) for n in range(40)]
    report = compare(detectors, pictures, about="a clip", shown_every=4)
    assert [each.calls for each in detectors.values()] == [41, 41]
    sheets = [block for block in report.sections[-1].blocks if isinstance(block, ContactSheet)]
    assert len(sheets) == comparing.PICTURES
    assert [tile.caption for tile in sheets[1].tiles] == ["a: 1 face; 4", "b: 0 faces; 4"]


def test_colours_tell_who_is_alone_with_a_face():
    detectors = {"a": Finds(LEFT, MIDDLE), "b": Finds(LEFT)}
    report = compare(detectors, [Picture("one", np.full((80, 200, 3), 128, np.uint8))], about="a clip")
    tile = report.sections[-1].blocks[1].tiles[0]
    rgb = cv2.imdecode(np.frombuffer(tile.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    left, middle = rgb[30, 10], rgb[30, 60]
    assert left[2] > left[0] + 50  # blue
    assert middle[0] > middle[2] + 50  # orange


def test_ours_and_dlibs_find_the_portrait_and_know_its_place(bare):
    pytest.importorskip("dlib", reason="dlib-bin is not installed")
    truth = Box(*map(float, (180, 139, 366, 325)))
    for name in ("mtcnn", "hog"):
        (faces,) = face_detector(name, 40, CPU).detect([bare])
        assert len(faces) == 1, name
        assert abs(faces[0].box.centre[0] - truth.centre[0]) < 30, name
        assert 0 < faces[0].score <= 1


class Cascade:
    """As OpenCV's contrib packages have it."""

    def __init__(self, path):
        self.path = path

    def empty(self):
        return "broken" in self.path

    def detectMultiScale3(self, grey, minSize, outputRejectLevels):  # noqa: N802, N803
        assert grey.ndim == 2
        assert minSize == (20, 20)
        assert outputRejectLevels
        return np.array([[1, 2, 30, 30], [50, 2, 20, 20]]), np.array([20, 20]), np.array([0.5, 4.0])


def test_haar_cascades_need_opencv_contrib_and_a_file(monkeypatch, tmp_path):
    monkeypatch.delattr(cv2, "CascadeClassifier", raising=False)
    with pytest.raises(ModelError, match="opencv-contrib-python"):
        face_detector("haar", 20, CPU)
    monkeypatch.setattr(cv2, "CascadeClassifier", Cascade, raising=False)
    for name in ("missing.xml", "broken.xml"):
        (tmp_path / "broken.xml").touch()
        with pytest.raises(ModelError, match=re.escape(name)):
            face_detector(f"haar:{tmp_path / name}", 20, CPU)
    (tmp_path / "own.xml").touch()
    (faces,) = face_detector(f"haar:{tmp_path / 'own.xml'}", 20, CPU).detect([EMPTY])
    assert [face.box for face in faces] == [Box(50, 2, 70, 22), Box(1, 2, 31, 32)]  # the surest first
    assert all(0 < face.score < 1 for face in faces)


@pytest.mark.parametrize(
    ("name", "error"), [("nobody", ", ".join(NAMES)), ("yunet", "yunet:FILE"), ("cnn", "cnn:FILE")]
)
def test_a_name_that_nobody_has_and_a_file_that_is_not_given_are_told(name, error, monkeypatch):
    monkeypatch.setattr(face_detectors, "_installed", lambda *_: None)
    with pytest.raises(ConfigError, match=error):
        face_detector(name, 20, CPU)


def test_what_is_not_installed_is_named():
    with pytest.raises(ModelError, match="dlib-bin is not installed"):
        face_detectors._installed("no_such_module", "dlib-bin")


def test_the_command_tells_leaves_out_what_cannot_run_and_writes_page_and_figures(
    maskwatch, demo_clip, tmp_path, monkeypatch
):
    result = maskwatch(
        "bench", "compare", "--footage", demo_clip, "--frames", "3", "--every", "20",
        "--detectors", "mtcnn,mtcnn:stock,haar:/none.xml",
        "--html", tmp_path / "a.html", "--json", tmp_path / "a.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "left out: " in result.stderr
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["pictures"] == 3
    assert [each["faces"] for each in facts["detectors"].values()] == [6, 6]
    assert (tmp_path / "a.html").read_text().count("data:image/jpeg") == 6


def test_the_command_needs_one_thing_to_look_at(maskwatch, tmp_path):
    for given in ([], ["--footage", tmp_path / "a.mp4", "--data", tmp_path]):
        result = maskwatch("bench", "compare", *given)
        assert result.returncode == 2
        assert "--footage or --data" in result.stderr
