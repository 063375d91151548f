"""The rehearsal of the loop in small: every step of it, on pictures that are made here."""

import json
from datetime import UTC, datetime

import cv2
import pytest

from maskwatch.bench import loop as bench
from maskwatch.bench.loop import FLIPPED, START, LoopPlan, rehearse
from maskwatch.core.records import Box
from maskwatch.core.selection.reasons import is_miss
from maskwatch.datasets.formats.registry import write
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage
from maskwatch.learning.tune import Callbacks
from maskwatch.models.registry import Registry
from maskwatch.output import demo_clip as demo
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue


@pytest.fixture(scope="module")
def streets(street, tmp_path_factory):
    """Two data sets: streets with boxes, and streets in folders of classes."""
    folder = tmp_path_factory.mktemp("data")
    boxed = []
    for number in range(110):
        protected = number % 2 == 0
        rgb, box = street(number, side=64 + number % 3 * 16)
        if protected:
            rgb = demo.with_mask(rgb, Box(box.x1, box.y1, box.x2, box.y2))
        label = FaceLabel.PROTECTED if protected else FaceLabel.UNPROTECTED
        path = folder / ("raw" if number < 60 else f"masks/{label}") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rgb[..., ::-1])
        if number < 60:
            boxed.append(LabelledImage(path, path.name, (GroundTruth(label, box),)))
    write("coco", boxed, folder / "faces")
    return folder / "faces", folder / "masks"


@pytest.mark.timeout(900)
def test_the_rehearsal_queues_labels_learns_measures_and_refuses_exchanged_labels(
    streets, tmp_path, monkeypatch
):
    faces, masks = streets
    plan = LoopPlan(faces, masks, tmp_path, samples=36, min_face_px=40, epochs=8, effort=0.005, device="cpu")
    callbacks = Callbacks(lambda _: None, lambda _: lambda items: items, lambda *_: None)
    monkeypatch.setattr(bench, "RECIPE", {"batch": 16, "average": 0.9, "patience": 8})
    monkeypatch.setattr(bench, "WATCHED", {"audit_share": 1.0})
    result = rehearse(plan, callbacks)
    assert result.labelled == 36
    assert result.images >= 5
    assert 0 < result.before <= 1
    assert result.after >= result.before - 0.1
    assert result.sabotaged == START
    assert "look exchanged" in result.sabotage_decision
    assert json.loads((tmp_path / "loop.json").read_text())["labelled"] == 36
    wrong = Queue(tmp_path / "sabotaged/queue").samples()  # they stay there
    right = Queue(tmp_path / "honest/archive/samples").samples()
    assert len(wrong) == len(right) == 36
    truth = {s.report.source: s.labels.faces[0].label for s in right}
    for sample in wrong:
        said, true = FaceLabel(sample.labels.faces[0].label), FaceLabel(truth[sample.report.source])
        assert said is FLIPPED[true]
    assert Registry(tmp_path / "sabotaged/models").state().serving == START

    def fails(*_, **__):
        raise AssertionError("is done already")

    monkeypatch.setattr(bench, "gather", fails)  # again: nothing is done twice
    monkeypatch.setattr(bench, "replay_pipeline", fails)
    monkeypatch.setattr(bench, "learn", fails)
    again = rehearse(plan, callbacks)
    assert (again.before, again.after, again.sabotaged) == (result.before, result.after, result.sabotaged)


def test_misses_are_labelled_first_and_the_rest_evenly(report):
    reasons = [("near_miss",) if number % 5 == 0 else ("detector",) for number in range(50)]
    samples = [
        Sample(f"{number:03d}", report(0.0), each, datetime.now(UTC), {})
        for number, each in enumerate(reasons)
    ]
    few, more = bench.to_label(samples, 5), bench.to_label(samples, 14)
    assert [sample.id for sample in few] == ["000", "010", "020", "030", "040"]
    assert [sample.id for sample in more] == sorted(sample.id for sample in more)
    assert sum(is_miss(sample.reasons) for sample in more) == 10
    assert len({sample.id for sample in more}) == 14
    assert bench.to_label(samples, 100) == samples
