"""What people have goes on working: files in `written_by_0_1`, which the release 0.1.0 wrote, are read unchanged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config import load as config
from maskwatch.core.records import Box, Label
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import Split
from maskwatch.detect.settings import NO_SCOUT
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.confidences import days
from maskwatch.learning.archive import Archive
from maskwatch.models.loading import Models
from maskwatch.models.registry import Registry
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.store import Queue

VERSION = "20261101T120000Z-aaaa"


@pytest.fixture
def written(tmp_path):
    """A copy of the folder: what reads a queue may lock it."""
    folder = tmp_path / "written"
    shutil.copytree(Path(__file__).with_name("written_by_0_1"), folder)
    return folder


def test_every_key_of_its_configuration_is_read(written, monkeypatch, caplog):
    monkeypatch.setenv("MASKWATCH_ENTRANCE_PASSWORD", "hunter2")
    settings = config.load(written / "config.yaml")
    assert [each.message for each in caplog.records if "detect.scout" in each.message] == [NO_SCOUT]
    assert list(settings.cameras) == ["entrance", "정문", "recorded"]
    entrance = settings.cameras["entrance"]
    assert "viewer:hunter2@192.0.2.10" in entrance.source.reveal()
    assert (entrance.fps, entrance.alert.say, entrance.rtsp.transport) == (4, "Mask please.", "udp")
    assert entrance.alert.say_dead == "Camera {camera} gives no picture."
    assert [sink.kind for sink in entrance.alert.sink_settings()] == ["voice", "log"]
    assert entrance.alert.sink_settings()[0].voice == "ko"
    assert (entrance.detect.kind, entrance.detect.min_face_px, entrance.detect.weights) == (
        "mtcnn",
        16,
        "stock",
    )
    assert settings.queue.dir == written / "queue"
    assert settings.models.dir == written / "models"
    assert (settings.learn.base_pictures, settings.drift.least_faces) == (400, 300)


def test_its_samples_their_labels_and_their_history_are_read_and_go_on(written):
    queue = Queue(written / "queue")
    samples = {sample.report.seq: sample for sample in queue.samples()}
    assert sorted(samples) == [0, 1, 2, 3]
    assert samples[0].labels.faces == (Annotation(Box(8, 10, 30, 40), AnnotationLabel.WORN_WRONG),)
    # labelled by one, by another, and undone by the first
    assert [(change.by, change.restores) for change in samples[1].history] == [
        ("kim", None),
        ("lee", None),
        ("kim", 1),
    ]
    assert [face.label for face in samples[1].labels.faces] == [
        AnnotationLabel.PROTECTED,
        AnnotationLabel.UNKNOWN,
    ]
    assert samples[2].labels.faces == ()
    assert samples[3].labels is None
    assert samples[3].reasons == ("audit",)
    face = samples[0].report.faces[0]
    assert (face.label, face.score, face.protected) == (Label.UNPROTECTED, 0.91, 0.48)
    again = queue.label(samples[3].id, [], "kim", based_on=0)
    assert again.revision == 1


def test_its_labelled_samples_are_a_data_set(written):
    data = read(written / "queue")
    assert [len(image.truths) for image in sorted(data.images, key=lambda image: image.key)] == [1, 1, 0]
    assert sum(len(image.unclear) for image in data.images) == 1


def test_its_models_load_by_the_registry_and_a_rollback_leads_to_the_shipped_ones(written):
    registry = Registry(written / "models")
    assert (registry.state().serving, registry.state().before) == (VERSION, ("shipped",))
    assert registry.version(VERSION).figures == {"holdout": {"gain": 0.1}}
    models = Models(torch.device("cpu"), registry.files(VERSION))  # whose SHA-256 is what was noted then
    assert models.detector(DetectSettings()).detect([np.zeros((48, 64, 3), np.uint8)]) == [()]
    assert models.classifier(ClassifySettings()).version.startswith("classifier@")
    assert registry.rollback().serving == "shipped"


def test_its_days_of_confidences_and_its_archive_are_read(written):
    (day,) = days(written / "drift")
    assert (day.camera, int(day.counts["detector"].sum())) == ("entrance", 3)
    archive = Archive(written / "archive")
    assert {place.split for place in archive.assignments().values()} == {Split.VALIDATION}
    (batch,) = archive.batches()
    assert (batch.id, batch.done, batch.decision) == (
        VERSION,
        True,
        {"promoted": True, "reasons": ["better"]},
    )
    assert list(archive.doubted().values()) == [1]
    before = json.loads((written / "archive/parts.json").read_text())
    archive.save_assignments({})
    assert json.loads((written / "archive/parts.json").read_text()) == before
