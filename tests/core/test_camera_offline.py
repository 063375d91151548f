"""A camera that is offline, and what the board knows of the last seconds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.records import AlertKind, CameraState, Label, ModelKind
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.window import Window
from maskwatch.pipeline.status_board import Board


def make_offline_rule(dead_after_s=60.0):
    return CameraOffline("door", dead_after_s=dead_after_s, say="The door's camera is dead.")


def alerts(offline_rule, gone, since_s=0.0):
    """After how many seconds without a frame it told, the last of which came at `since_s`."""
    return [
        gone_s for gone_s in gone if offline_rule.update(since_s, since_s + gone_s, 0.0, None) is not None
    ]


def test_tells_once_after_the_bound_and_again_only_after_a_frame():
    offline_rule = make_offline_rule()
    assert alerts(offline_rule, [0.0, 30.0, 59.9, 60.0, 60.5, 600.0, 86_400.0]) == [60.0]
    assert alerts(offline_rule, [0.1, 59.9], since_s=90_000.0) == []
    assert alerts(offline_rule, [60.5, 61.0], since_s=90_000.0) == [60.5]


@pytest.mark.parametrize("gone_s", [70.0, 100.0, 500.0])
def test_a_frame_between_two_looks_counts_however_long_the_camera_is_gone_again(gone_s):
    offline_rule = make_offline_rule()
    assert alerts(offline_rule, [100.0]) == [100.0]
    assert alerts(offline_rule, [gone_s], since_s=200.0) == [gone_s]


def test_an_alert_that_reached_nobody_is_repeated_after_the_same_time():
    offline_rule = make_offline_rule()
    assert alerts(offline_rule, [60.0]) == [60.0]
    offline_rule.failed()
    assert alerts(offline_rule, [60.5, 119.9, 120.0, 500.0]) == [120.0]
    offline_rule.delivered(0.0)
    assert alerts(offline_rule, [1000.0]) == []


def test_a_delivered_alert_ends_once_with_the_first_frame():
    offline_rule = make_offline_rule()
    alerts(offline_rule, [60.0])
    assert offline_rule.ended() is None
    offline_rule.delivered(0.0)
    offline_rule.update(0.0, 61.0, 1000.0, None)
    assert offline_rule.ended() is None
    offline_rule.update(62.0, 62.1, 1002.0, None)
    assert offline_rule.ended().ended_at == 1002.0
    offline_rule.update(63.0, 63.1, 1003.0, None)
    assert offline_rule.ended() is None


def test_an_alert_of_a_dead_camera_that_reached_nobody_does_not_end():
    offline_rule = make_offline_rule()
    alerts(offline_rule, [60.0])
    offline_rule.failed()
    offline_rule.update(62.0, 62.1, 1002.0, None)
    assert offline_rule.ended() is None


def test_the_alert_names_the_camera_the_sentence_and_the_reason():
    alert = make_offline_rule().update(0.0, 61.4, 1_700_000_000.0, "cable")
    assert (alert.camera, alert.at, alert.say) == ("door", 1_700_000_000.0, "The door's camera is dead.")
    assert (alert.kind, alert.reason, alert.people, alert.protected_ratio) == (
        AlertKind.CAMERA_DEAD,
        "cable",
        0,
        None,
    )
    assert make_offline_rule().update(0.0, 61.4, 0.0, None).reason == "no frame for 61 s"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 200)), max_size=50))
def test_between_two_alerts_there_was_always_a_frame(looks):
    offline_rule, told, since_s, now_s = make_offline_rule(), False, 0.0, 0.0
    for comes, later_s in looks:
        now_s += later_s
        if comes:
            since_s, told = now_s + 0.5, False
            now_s += 0.5 + later_s
        alert = offline_rule.update(since_s, now_s, 0.0, None)
        assert (alert is not None) == (now_s - since_s >= 60 and not told)
        told = told or alert is not None


# windows


@given(
    steps=st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 9), st.integers(0, 3)), max_size=60),
    wait_s=st.floats(0, 30),
)
def test_a_window_counts_what_lies_within_it_and_nothing_else(steps, wait_s):
    window, at, events = Window(10.0, 100.0), 100.0, []
    for step_s, amount, count in steps:
        at += step_s
        window.add(at, amount, count)
        events.append((at, amount, count))
    now_s = at + wait_s
    kept = [(amount, count) for when, amount, count in events if when > now_s - 10.0]
    counted = sum(count for _, count in kept)
    assert window.per_s(now_s) == pytest.approx(counted / max(1.0, min(10.0, now_s - 100.0)))
    if counted:
        assert window.mean(now_s) == pytest.approx(sum(amount for amount, _ in kept) / counted, abs=1e-9)
    else:
        assert window.mean(now_s) is None


def test_a_young_window_tells_the_rate_since_it_began():
    window = Window(10.0, 100.0)
    for tenth in range(20):
        window.add(100.0 + tenth / 10)
    assert window.per_s(102.0) == 10.0
    assert window.per_s(104.0) == 5.0
    assert window.per_s(130.0) == 0.0


# the board


def test_the_board_tells_rates_faces_latencies_and_inference(report):
    board = Board(["door", "gate"])
    for dropped in (0, 0, 1):
        board.count_captured("door", dropped)
    now_s = time.monotonic()
    board.count_analysed(report(0.0, 0.9, 0.1, None), now_s - 0.3)
    board.count_analysed(report(0.1, 0.9), now_s - 9)
    board.count_inference(ModelKind.DETECTOR, 0.3, 3)
    board.count_inference(ModelKind.DETECTOR, 0.1, 1)
    seen = board.snapshot()
    door, gate = seen.cameras["door"], seen.cameras["gate"]
    assert (door.captured_fps, door.dropped_fps, door.analysed_fps) == (
        3.0,
        1.0,
        2.0,
    )  # of a second, the least
    assert door.faces == {Label.PROTECTED: 2, Label.UNPROTECTED: 1, Label.UNKNOWN: 1}
    assert door.latency.counts == (0, 0, 0, 1, 0, 0, 0, 1)
    assert door.latency.sum_s == pytest.approx(9.3, abs=0.2)
    assert door.latency.lately_s == pytest.approx(4.65, abs=0.1)
    assert seen.inference_s == {ModelKind.DETECTOR: pytest.approx(0.1), ModelKind.CLASSIFIER: None}
    assert (gate.captured_fps, gate.frame_s, gate.latency.lately_s) == (0.0, None, None)
    assert 0 <= seen.now_s - door.frame_s < 1


def test_since_is_when_the_state_changed_and_not_when_it_was_said_again():
    board = Board(["door"])
    board.set_camera_state("door", CameraState.DOWN, "cable")
    since_s = board.snapshot().cameras["door"].since_s
    time.sleep(0.01)
    board.set_camera_state("door", CameraState.DOWN, "another reason")
    door = board.snapshot().cameras["door"]
    assert (door.since_s, door.reason) == (since_s, "another reason")
    board.set_camera_state("door", CameraState.UP)
    assert board.snapshot().cameras["door"].since_s > since_s


@pytest.mark.parametrize("state", [CameraState.DOWN, CameraState.ENDED])
def test_a_camera_that_gives_no_frames_has_no_ratio(report, state):
    board = Board(["door"])
    board.set_camera_state("door", CameraState.UP)
    board.count_analysed(report(0.0, 0.9))
    assert board.snapshot().cameras["door"].protected_ratio == 1.0
    board.set_camera_state("door", state)
    board.count_analysed(report(0.1, 0.9))  # what waited when it went
    assert (board.snapshot().cameras["door"].protected_ratio, board.snapshot().cameras["door"].people) == (
        None,
        0,
    )
