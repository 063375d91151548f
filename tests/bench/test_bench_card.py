"""The report about a device: what it counts, and that it ends with figures. Speed itself is not tested."""

import json

import pytest
import torch

from maskwatch.bench import card
from maskwatch.core.records import Box, Face
from maskwatch.detect.settings import Settings

STEPS = {"pyramid", "P-Net", "NMS", "crops", "R-Net", "O-Net", "mirrored", "classifier"}


def test_the_steps_of_a_call_are_those_between_two_laps(monkeypatch):
    now = iter((0.0, 0.25, 1.25, 1.5, 5.0, 6.0))
    monkeypatch.setattr(card.time, "perf_counter", lambda: next(now))
    laps = card.Laps(torch.device("cpu"))
    for name in ("start", "crops", "R-Net", "crops"):
        laps.lap(name)
    assert laps.take() == {"crops": 500, "R-Net": 1000}
    laps.lap("start")
    laps.lap("O-Net")
    assert laps.take() == {"O-Net": 1000}


def test_every_way_is_one_that_the_settings_know():
    ours = [card.ways(torch.device(name)) for name in ("cpu", "cuda")]
    assert [len(ways) for ways in ours] == [2, 4]
    for ways in ours:
        assert len({Settings.model_validate(how) for how in ways.values()}) == len(ways)


def test_boxes_are_shared_when_they_lie_on_each_other():
    box, near = Face(Box(0, 0, 100, 100), 0.9), Face(Box(0, 0, 100, 80), 0.9)
    assert card.shared([[near], [box]], [[box], [box]], 0.9) == 0.5
    assert card.shared([[near], [box]], [[box], [box]], 0.5) == 1
    assert card.shared([[box]], [[]], 0.5) is None


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
    assert report["left_out"] == []
    assert "recall" not in report
    assert "milliseconds a call" in done.stdout


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
    assert report["cameras"]["cameras"] == 1
    assert report["cameras"]["analysed"] > 0
    assert "recall: no labelled images are given (--data)" in report["left_out"]


def test_bench_card_refuses_what_is_no_number(maskwatch):
    done = maskwatch("bench", "card", "--batches", "many")
    assert done.returncode == 2
    assert "--batches" in done.stderr
