"""A camera that gives pictures and sees nothing useful: told within ten seconds, over by itself, and nothing else is told."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from harness.scenes import Scene, room

from maskwatch.core.records import AlertKind, Box, Face, FrameReport
from maskwatch.core.rules.camera_view import SETTLED_S, CameraView
from maskwatch.core.view import Fault

AFTER_S = 8
STEP_S = 0.5
FACE = Face(Box(10, 10, 60, 60), 0.99)


def blurred(sigma):
    return lambda picture: cv2.GaussianBlur(picture, (0, 0), sigma)


def quickly_blurred(sigma):
    """Much blur, in a quarter of the size, which takes a small share of the time and looks the same."""

    def blur(picture):
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
        return cv2.resize(blurred(sigma / 4)(small), (width, height))

    return blur


CHANGES = {
    "covered": (lambda picture: np.full_like(picture, 60), Fault.COVERED),
    "a hand": (quickly_blurred(60), Fault.COVERED),
    "sprayed": (lambda picture: (0.3 * quickly_blurred(25)(picture) + 120).astype(np.uint8), Fault.COVERED),
    "turned": (lambda picture: room(99, (640, 360)), Fault.TURNED),
    "moved": (lambda picture: np.roll(picture, (60, 120), (0, 1)), Fault.TURNED),
    "out of focus": (blurred(4), Fault.BLURRED),
    "a little out of focus": (blurred(2.5), Fault.BLURRED),
    "dazzled": (lambda picture: np.clip(picture.astype(int) + 200, 0, 255).astype(np.uint8), Fault.DAZZLED),
    "dark": (lambda picture: (picture * 0.03).astype(np.uint8), Fault.DARK),
}


def watched(frames, *, rule=None, faces=(), deliver=True):
    """What was told, and when each was over."""
    rule = rule or CameraView("door", after_s=AFTER_S, say="Camera door sees nothing useful.")
    told, over = [], []
    for frame in frames:
        alert = rule.update(frame, FrameReport("door", "x", 0, frame.at, frame.size, faces))
        if (ended := rule.ended()) is not None:
            over.append(ended)
        if alert is not None:
            told.append(alert)
            if deliver:
                rule.delivered(frame.at)
            else:
                rule.failed()
    return told, over


def times(begin, end, step=STEP_S):
    return np.arange(begin, end, step).tolist()


def changed(scene, change, begin=60, end=90, until=110):
    return (scene.frame(at, change if begin <= at < end else None) for at in times(0, until))


@pytest.mark.parametrize("name", CHANGES)
def test_each_fault_is_told_within_ten_seconds_and_over_by_itself(name):
    change, fault = CHANGES[name]
    told, over = watched(changed(Scene(3, people=3), change))
    assert [(alert.reason, alert.kind, alert.quiet) for alert in told] == [
        (fault.value, AlertKind.CAMERA_VIEW, True)
    ]
    assert AFTER_S <= told[0].at - 60 < 10
    assert [alert.id for alert in over] == [told[0].id]
    assert AFTER_S <= over[0].ended_at - 90 < 10


def test_a_picture_that_repeats_itself_is_told():
    scene = Scene(4, people=0)
    still = scene.frame(60)
    told, over = watched(replace(still, at=at) if 60 <= at < 90 else scene.frame(at) for at in times(0, 110))
    assert [alert.reason for alert in told] == ["stuck"]
    assert told[0].at - 60 < 10
    assert len(over) == 1


def test_a_camera_whose_picture_often_stays_the_same_for_seconds_is_not_stuck():
    """Some encoders repeat what does not change up to the next key frame."""
    scene = Scene(5, people=0)
    keys = [scene.frame(key) for key in range(0, 120, 6)]
    told, _ = watched(replace(keys[int(at // 6)], at=at) for at in times(0, 120))
    assert told == []


@pytest.mark.parametrize("people", [0, 2, 14])
def test_quiet_and_busy_rooms_and_other_light_are_no_fault(people):
    """Lamps go off and on, the sun sets within minutes, and somebody stands close before the lens for a few seconds."""

    def light(at):
        lamp = 0.45 if 100 <= at < 160 else 1.0
        return lamp * (1.0 - 0.6 * np.clip((at - 200) / 300, 0, 1))

    scene = Scene(people, people=people, light=light)
    somebody = lambda picture: cv2.rectangle(picture, (0, 0), (560, 360), (90, 60, 50), -1)  # noqa: E731
    told, _ = watched(scene.frame(at, somebody if 20 <= at % 120 < 26 else None) for at in times(0, 600, 1))
    assert told == []


def test_a_crowd_that_hides_the_whole_view_is_no_fault_while_faces_are_seen():
    scene, crowd = Scene(6), room(50, (640, 360))
    frames = [scene.frame(at) for at in times(0, 60)] + [
        scene.frame(at, lambda _: crowd) for at in times(60, 100)
    ]
    assert watched(frames, faces=(FACE,))[0] == []
    assert len(watched(frames)[0]) == 1


def test_what_was_turned_for_long_is_the_usual_view_then():
    scene = Scene(7, people=0)
    turned = CHANGES["turned"][0]
    told, over = watched(
        scene.frame(at, turned if at >= 60 else None) for at in times(0, 60 + SETTLED_S + 30)
    )
    assert [alert.reason for alert in told] == ["turned away"]
    assert over[0].ended_at == pytest.approx(60 + SETTLED_S + AFTER_S, abs=2)


def test_what_reached_nobody_is_told_again():
    told, over = watched(changed(Scene(8), CHANGES["covered"][0]), deliver=False)
    assert [round(b.at - a.at) for a, b in pairwise(told)] == [AFTER_S] * (len(told) - 1)
    assert len(told) == 3
    assert over == []


def test_a_camera_that_goes_offline_ends_what_was_told_of_its_view():
    rule = CameraView("door", after_s=AFTER_S, say="x")
    told, _ = watched(changed(Scene(9), CHANGES["covered"][0], until=80), rule=rule)
    assert rule.fault is Fault.COVERED
    rule.interrupt()
    assert rule.ended().id == told[0].id
    assert rule.fault is None


@pytest.mark.slow
@pytest.mark.parametrize("people", [0, 6])
def test_a_day_of_footage_tells_nothing(people):
    """From the first light to the lamps of the night, every two seconds."""
    scene = Scene(
        people, (320, 180), people=people, light=lambda at: 0.35 + 0.65 * np.sin(np.pi * at / 86_400) ** 2
    )
    told, _ = watched(scene.frame(at) for at in times(0, 86_400, 2))
    assert told == []
