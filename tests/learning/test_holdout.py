"""A version from elsewhere, held against the serving one on the labels of this service."""

import json

import pytest
import torch
from harness.fleet_models import almost_the_same, hold_out, opposite, register

from maskwatch.app.analysts import version_analysts
from maskwatch.config import load as configuration
from maskwatch.evaluation.bootstrap import Difference
from maskwatch.learning.archive import Archive
from maskwatch.learning.gate import why_worse
from maskwatch.learning.holdout import why_worse_here
from maskwatch.models.registry import Registry, shipped_files


def difference(value, low, high):
    return Difference(0.8, 0.8 + value, value, low, high)


CALM = difference(0.0, -0.01, 0.01)


@pytest.mark.parametrize(
    ("cameras", "each", "images", "why"),
    [
        (CALM, {}, 8, None),
        (difference(-0.01, -0.04, 0.02), {}, 8, None),  # worse, but by no more than the margin
        (difference(0.02, -0.06, 0.1), {}, 8, None),  # it may be worse, but was not
        (difference(-0.02, -0.06, 0.02), {}, 8, "worse on the cameras' holdout"),
        (difference(-0.02, -0.06, 0.02), {}, 7, None),  # too little is labelled to tell
        (CALM, {"yard": difference(-0.1, -0.2, -0.01)}, 8, "worse for camera yard"),
        (CALM, {"yard": difference(-0.1, -0.2, 0.01)}, 8, None),
        (Difference(None, None, None, None, None), {}, 8, None),
        (None, {}, 8, None),
    ],
)
def test_what_speaks_against_a_version_that_others_found_better(cameras, each, images, why):
    told = why_worse(cameras, each, 0.05, images=images)
    assert told is None if why is None else why in told


@pytest.fixture
def judged(tmp_path):
    registry = Registry(tmp_path / "models")

    def judged(change, images):
        register(registry, "new", tmp_path / "weights", change)
        hold_out(tmp_path / "archive", images)
        text = json.dumps({"cameras": {"door": {"source": "door.mp4"}}, "detect": {"min_face_px": 40}})
        analysts = version_analysts(configuration.parse(text, "test", {}), torch.device("cpu"))
        return why_worse_here(
            Archive(tmp_path / "archive"), analysts, shipped_files(), registry.files("new"), 0.05
        )

    return judged


def test_a_version_that_judges_the_labelled_faces_wrong_is_worse_here(judged):
    assert judged(opposite, 8).startswith("it is worse on the cameras' holdout (-1.000")


def test_a_version_that_judges_them_alike_is_not(judged):
    assert judged(almost_the_same, 8) is None


def test_a_few_labels_say_nothing(judged):
    assert judged(opposite, 7) is None
