"""Pictures looked at by several workers: the figures are those of one."""

import json
import pickle
import shutil
from functools import partial

import pytest
import torch

from maskwatch.app.cameras import analyst
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.cli import evaluate as commands
from maskwatch.config import load as configuration
from maskwatch.core.records import Box, Face
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.measure import (
    Measurement,
    SystemUnderTest,
    measure_classifiers,
    measure_detectors,
    measure_systems,
)
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.loading import Models
from maskwatch.parallel.this_process import ThisProcess
from maskwatch.sources.images import read_rgb

BOTH = Settings(), Settings(weights="stock")


class Elsewhere(ThisProcess):
    """What goes in and out is pickled, as on the way to another process; the last of three batches is done first."""

    def __init__(self, setup):
        super().__init__(pickle.loads(pickle.dumps(setup)))

    @property
    def room(self):
        return 3 - len(self._waiting)

    def submit(self, piece):
        super().submit(pickle.loads(pickle.dumps(piece)))

    def next_done(self):
        self._waiting.rotate(1)
        return pickle.loads(pickle.dumps(super().next_done()))


class WorkerSettings:
    def workers(self, setup):
        return Elsewhere(setup)


def detectors(folder, models, how):
    return measure_detectors([folder], BOTH, models, how)


def classifiers(folder, models, how):
    return measure_classifiers([folder], [ClassifySettings()], Settings(), models, protected_at=0.5, how=how)


def systems(folder, models, how):
    defaults = configuration.default().defaults
    load = partial(analyst, defaults, models)
    return measure_systems(
        [folder], [SystemUnderTest(defaults.detect, defaults.classify, load)], models, bound=0.75, how=how
    )


@pytest.mark.parametrize("measure", [detectors, classifiers, systems])
def test_the_figures_are_the_same_whoever_looks(measure, street, monkeypatch):
    monkeypatch.setattr("maskwatch.datasets.batches.SIZE", 2)
    models = Models(torch.device("cpu"))
    alone = measure(street, models, Measurement(SplitChoice.ALL))
    together = measure(street, models, Measurement(SplitChoice.ALL, worker_settings=WorkerSettings()))
    assert together == alone
    assert together.facts["figures" if "figures" in alone.facts else "differences"]


class KnowsAll:
    """A teacher that finds every face of a COCO folder, told before one of them lost its label."""

    version = "knows all"

    def __init__(self, faces):
        self._faces = faces

    def detect(self, frames):
        return [(Face(self._faces[rgb.tobytes()], 0.9),) for rgb in frames]


def box_of(x, y, width, height):
    return Box(x, y, x + width, y + height)


@pytest.fixture
def unlabelled(street, tmp_path):
    """The street without the label of one of its found faces, and a teacher that knows it."""
    folder = shutil.copytree(street, tmp_path / "unlabelled")
    path = next(folder.rglob("*.json"))
    coco = json.loads(path.read_text())
    files = {image["id"]: next(folder.rglob(image["file_name"])) for image in coco["images"]}
    faces = {
        read_rgb(files[each["image_id"]]).tobytes(): box_of(*each["bbox"]) for each in coco["annotations"]
    }
    del coco["annotations"][0]
    path.write_text(json.dumps(coco))
    return folder, KnowsAll(faces)


@pytest.mark.parametrize("measure", [detectors, systems])
def test_a_face_that_only_the_teacher_knows_is_no_false_alarm(measure, unlabelled, monkeypatch):
    folder, teacher = unlabelled
    models = Models(torch.device("cpu"))
    monkeypatch.setattr(f"{__name__}.BOTH", (Settings(),))
    labels, taught = (
        measure(folder, models, Measurement(SplitChoice.ALL, teacher=each)).facts for each in (None, teacher)
    )
    precision = "precision" if measure is detectors else "end-to-end precision"
    assert labels["figures"][precision]["value"] < taught["figures"][precision]["value"] == 1
    for recall in ("recall", "recall, protected") if measure is detectors else ("end-to-end recall",):
        assert labels["figures"][recall]["value"] == taught["figures"][recall]["value"]
    told = "unlabelled faces left out, as found by"
    assert told not in labels["settings"]
    assert taught["settings"][told] == "knows all"


@pytest.mark.parametrize("command", [commands.detector, commands.system])
def test_the_commands_ask_the_teacher_only_when_told_to(command, unlabelled, monkeypatch, tmp_path):
    folder, teacher = unlabelled
    monkeypatch.setattr("maskwatch.training.teacher.CenterFace", lambda: teacher)
    told = []
    for wanted in (False, True):
        command([folder], part=SplitChoice.ALL, teacher=wanted, as_json=tmp_path / "r.json")
        told.append(json.loads((tmp_path / "r.json").read_text())["settings"])
    assert ["knows all" in each.values() for each in told] == [False, True]
