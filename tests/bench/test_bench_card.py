"""The report about a device: what it counts, and that it ends with figures. Speed itself is not tested."""

import json
from pathlib import Path

import pytest
import torch
from harness.card import CARD, pretended_card

from maskwatch.bench import card, device_clock
from maskwatch.bench.agreement import shared
from maskwatch.bench.decoding import decoded_in
from maskwatch.bench.parts import Parts
from maskwatch.bench.reports import SCHEMA, changes, differences, read_report
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.cli import bench_card
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Box, Face
from maskwatch.detect.pyramids.upload import Uploader
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models

STEPS = {"pyramid", "P-Net", "NMS", "crops", "R-Net", "O-Net", "mirrored", "classifier"}


def test_the_steps_of_a_call_are_those_between_two_laps(monkeypatch):
    now = iter((0.0, 0.25, 1.25, 1.5, 5.0, 6.0))
    monkeypatch.setattr(device_clock.time, "perf_counter", lambda: next(now))
    laps = device_clock.Laps(torch.device("cpu"))
    for name in ("start", "crops", "R-Net", "crops"):
        laps.lap(name)
    assert laps.take() == {"crops": 500, "R-Net": 1000}
    laps.lap("start")
    laps.lap("O-Net")
    assert laps.take() == {"O-Net": 1000}


def test_every_way_is_one_that_the_settings_know():
    ours = [card.ways(torch.device(name)) for name in ("cpu", "cuda")]
    assert [len(ways) for ways in ours] == [2, 6]
    for ways in ours:
        assert len({Settings.model_validate(how) for how in ways.values()}) == len(ways)


def test_boxes_are_shared_when_they_lie_on_each_other():
    box, near = Face(Box(0, 0, 100, 100), 0.9), Face(Box(0, 0, 100, 80), 0.9)
    assert shared([[near], [box]], [[box], [box]], 0.9) == 0.5
    assert shared([[near], [box]], [[box], [box]], 0.5) == 1
    assert shared([[box]], [[]], 0.5) is None


def test_bench_card_prints_the_steps_and_writes_the_figures(maskwatch, demo_clip, tmp_path):
    path = tmp_path / "report.json"
    options = ("--device", "cpu", "--footage", demo_clip, "--batches", "1,2", "--rounds", 1, "-o", path)
    done = maskwatch("bench", "card", *options, timeout=270)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text())
    assert set(report["from_memory"]) == {"auto", "torch"}
    for told in report["from_memory"].values():
        assert set(told["batches"]) == {"1", "2"}
        assert all(set(each["steps_ms"]) == STEPS for each in told["batches"].values())
        assert all(each["fps"] <= each["detector_fps"] for each in told["batches"].values())
        assert told["batches"]["2"]["faces"] == 4
    assert report["schema"] == SCHEMA
    assert report["left_out"] == []
    assert "is_complete" not in report
    assert "recall" not in report
    assert "milliseconds a call" in done.stdout


def test_what_fails_is_left_out_with_the_reason_and_the_rest_is_measured(demo_clip, monkeypatch):
    def failing(detector, *_):
        if detector.backend_name.startswith("torch"):
            raise RuntimeError("CUDA error: unspecified launch failure\nand more")
        return {"fps": 1.0}

    monkeypatch.setattr(card, "from_memory", failing)
    told = []
    plan = card.CardPlan(torch.device("cpu"), (1,), footage=demo_clip)
    report = card.measure(plan, lambda _: iter, lambda figures: told.append(sorted(figures["from_memory"])))
    assert report["left_out"] == ["torch: CUDA error: unspecified launch failure"]
    assert report["from_memory"]["auto"]["batches"] == {"1": {"fps": 1.0}}
    assert told == [["auto"], ["auto"]]


def test_a_report_that_is_broken_off_is_there_as_far_as_it_came(monkeypatch, tmp_path):
    def broken_off(_plan, _bar, on_part):
        on_part({"from_memory": {}, "left_out": []})
        raise KeyboardInterrupt

    monkeypatch.setattr(card, "measure", broken_off)
    path = tmp_path / "report.json"
    with pytest.raises(KeyboardInterrupt):
        bench_card.card(device="cpu", batches="1", output=path, streams=1)
    report = read_report(path)
    assert (report["is_complete"], report["from_memory"]) == (False, {})


def test_frames_that_lie_on_the_card_are_judged_there_over_and_over(bare, monkeypatch):
    with pretended_card(monkeypatch):
        models = Models(CARD)
        detector, judge = models.mtcnn(Settings()), models.classifier(ClassifySettings())
        pictures = [torch.from_numpy(bare[:, ::way].copy()).to(CARD) for way in (1, -1)]
        rounds = []

        def images():
            rounds.append(1)
            yield from pictures

        seen, upload = [], Uploader.upload
        monkeypatch.setattr(
            Uploader, "upload", lambda self, images: seen.extend(images) or upload(self, images)
        )
        told = decoded_in(detector, judge, images, 2, 0.5)
    assert told["frames"] == len(seen) > 0
    assert {id(image) for image in seen} <= {id(image) for image in pictures}
    assert len(rounds) > 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_only_a_card_is_asked_to_keep_what_it_decodes(device, monkeypatch):
    names = []
    monkeypatch.setattr(Parts, "add", lambda _, name, *__: names.append(name))
    subject = card._Subject(
        card.CardPlan(torch.device(device)), Models(torch.device("cpu")), Path("clip"), []
    )
    card._measure_whole(subject, Parts({}, lambda _: None), set(), lambda _: iter)
    assert ("decoded_on_card" in names) == (device == "cuda")
    assert set(names) <= set(bench_card.PARTS)


@pytest.mark.slow
def test_with_all_it_also_decodes_watches_and_compares(maskwatch, demo_clip, tmp_path):
    path = tmp_path / "report.json"
    options = ("--device", "cpu", "--footage", demo_clip, "--batches", "1", "--rounds", 1)
    done = maskwatch(
        "bench", "card", "--all", *options, "--streams", 1, "--seconds", 3, "-o", path, timeout=500
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text())
    assert report["decoded_in"]["frames"] > 0
    assert 0 < report["one_camera"]["p50_ms"] <= report["one_camera"]["p95_ms"]
    assert report["decoding"]["software"] > 0
    assert set(report["decoding"]) == {"software", "cuda", "vaapi"}
    assert report["agreement"]["torch"]["shared_with_processor"] == {"0.9": 1.0, "0.5": 1.0}
    assert report["cameras"]["cameras"] == 1
    assert report["cameras"]["analysed"] > 0
    assert set(report["training"]["1 threads"]) == {"P-Net", "R-Net 1", "O-Net 1"}
    assert all(rate > 0 for rates in report["training"].values() for rate in rates.values())
    assert "recall: no labelled images are given (--data)" in report["left_out"]


def told(schema, fps, machine="a"):
    figures = {"fps": fps, "detect_ms": 40.0, "classify_ms": 2.0, "steps_ms": {"P-Net": 20.0}}
    memory = {"auto": {"backend": "torch", "batches": {"1": figures}}}
    report = {"machine": machine, "device": "cpu", "frames": "composed", "min_face_px": 20.0}
    return report | ({"schema": schema} if schema else {}) | {"from_memory": memory, "left_out": []}


def test_two_reports_are_compared_also_with_one_of_an_earlier_release(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(told(None, 10.0)))
    (tmp_path / "new.json").write_text(json.dumps(told(SCHEMA, 25.0, "b")))
    before, now = (read_report(tmp_path / name) for name in ("old.json", "new.json"))
    assert [(each.name, each.ratio) for each in changes(before, now)] == [
        ("from_memory, auto, batches, 1, fps", 2.5),
        ("from_memory, auto, batches, 1, detect_ms", 1),
        ("from_memory, auto, batches, 1, classify_ms", 1),
        ("from_memory, auto, batches, 1, steps_ms, P-Net", 1),
    ]
    assert differences(before, now) == ["machine: a, then b"]
    assert read_report(Path("docs/speed/amd-epyc-2-cores.json"))["from_memory"]


@pytest.mark.parametrize("text", ["[]", "{", '{"from_memory": {}, "schema": 99}', '{"schema": 1}'])
def test_what_is_no_report_is_refused_with_its_name(tmp_path, text):
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(ConfigError, match=r"old\.json: (cannot be read as|is no) (a )?report of bench card"):
        read_report(tmp_path / "old.json")


def test_bench_card_shows_what_changed_between_two_reports(maskwatch, tmp_path):
    for name, fps in (("old.json", 10.0), ("new.json", 25.0)):
        (tmp_path / name).write_text(json.dumps(told(SCHEMA, fps)))
    done = maskwatch("bench", "card", "--report", tmp_path / "new.json", "--compare", tmp_path / "old.json")
    assert done.returncode == 0, done.stderr
    assert "what changed" in done.stdout
    assert "2.50" in done.stdout


def test_bench_card_refuses_what_is_no_number(maskwatch):
    done = maskwatch("bench", "card", "--batches", "many")
    assert done.returncode == 2
    assert "--batches" in done.stderr
