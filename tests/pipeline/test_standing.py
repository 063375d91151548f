"""Alerts that stand, on the status board: from their decision until they are over or reached nobody."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.errors import AlertError
from maskwatch.core.records import Alert, Box, Face, Frame, Label, Person, Versions
from maskwatch.core.rules.condition import Subjects
from maskwatch.core.rules.protected_ratio import ProtectedRatio
from maskwatch.core.rules.timed_rule import TimedRule, Timing
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.pipeline.status_board import Board
from maskwatch.web.service_view import Storage
from maskwatch.web.status import described

BARE, MASKED = 20, 230
SOON_S = 10.0


def alert(at, rule="ratio", **changed):
    return Alert("door", at, 0.5, 2, 1, "please", rule=rule, **changed)


def standing(board):
    return [each.alert for each in board.snapshot().cameras["door"].standing]


def test_a_repeated_alert_stands_in_place_of_the_first_and_since_then(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    board = Board(["door"])
    first, second, other = alert(1.0), alert(31.0), alert(31.0, "crowd")
    board.add_standing(first)
    now[0] = 130.0
    board.add_standing(second)
    board.add_standing(other)
    board.remove_standing(first)
    (one, two) = board.snapshot().cameras["door"].standing
    assert (one.alert, one.since_s) == (second, 100.0)
    assert (two.alert, two.since_s) == (other, 130.0)
    board.remove_standing(second)
    board.remove_standing(second)
    assert standing(board) == [other]


def test_one_that_failed_leaves_the_one_before_it():
    board = Board(["door"])
    first, failed = alert(1.0), alert(31.0)
    board.add_standing(first)
    board.add_standing(failed)
    assert standing(board) == [failed]
    board.remove_standing(failed)
    assert standing(board) == [first]


def test_the_status_tells_of_them_and_of_who_is_in_view():
    board = Board(["door"])
    people = (Person(1, Box(0, 0, 9, 9), Label.UNKNOWN), Person(2, Box(9, 0, 18, 9), Label.PROTECTED))
    frame = Frame("door", "footage", 0, 0.0, np.zeros((48, 64, 3), np.uint8))
    board.count_analysed(_report(frame, people))
    board.add_standing(alert(1.0, level=2, quiet=True))
    told = described(board.snapshot(), {"door": Versions("a", "b")}, Storage(0, 0, 0))["cameras"]["door"]
    assert (told["people"], told["in_view"]) == (1, 2)
    (one,) = told["standing_alerts"]
    assert one.pop("since") == one.pop("decided")
    assert one.pop("state_s") < SOON_S
    assert one == {
        "id": alert(1.0).id,
        "rule": "ratio",
        "kind": "unprotected",
        "level": 2,
        "quiet": True,
        "say": "please",
        "people": 2,
        "unprotected": 1,
        "protected_ratio": 0.5,
        "reason": None,
    }


def _report(frame, people):
    from maskwatch.core.records import FrameReport

    return FrameReport("door", "footage", 0, 0.0, frame.size, (), persons=people)


class Live:
    """Shows each frame when the test has come so far."""

    name, live = "live", True

    def __init__(self):
        self.grey = BARE
        self.ended = threading.Event()

    def frames(self):
        at = 0.0
        while not self.ended.is_set():
            at += 0.1
            yield Frame("door", "live", round(at * 10), at, np.full((48, 64, 3), self.grey, np.uint8))
            time.sleep(0.01)

    def expected(self):
        return None


class Models:
    """One face in every frame, masked in a bright one."""

    version = "fake"

    def detect(self, frames):
        return [(Face(Box(20, 10, 40, 34), 0.99),) for _ in frames]

    def classify(self, faces):
        return [float(rgb[0, 0, 0]) / 255 for rgb, _ in faces]


class Sink:
    name = "fake"

    def __init__(self, error=None):
        self.gate = threading.Event()
        self.error = error
        self.asked = 0

    def deliver(self, told):
        self.asked += 1
        assert self.gate.wait(SOON_S)
        if self.error is not None:
            raise self.error


class People:
    def update(self, frame, report):
        people = tuple(Person(n, each.box, each.label, face=0) for n, each in enumerate(report.faces, 1))
        return replace(report, persons=people), ()


@pytest.fixture
def running():
    made = []

    def make(sink):
        source = Live()
        rule = TimedRule(
            "ratio", ProtectedRatio(Subjects(), protected_ratio=0.75), Timing("please", 0.0, 1000.0)
        )
        camera = Camera("door", Models(), Models(), 0.5, 12, (), source, (rule,), (sink,), people=People())
        pipeline = Pipeline([camera])
        thread = threading.Thread(target=pipeline.run)
        pipeline.__enter__()
        thread.start()
        made.append((pipeline, source, thread, sink))
        return pipeline.board, source

    yield make
    for pipeline, source, thread, sink in made:
        sink.gate.set()
        source.ended.set()
        pipeline.stop()
        thread.join(SOON_S)
        pipeline.__exit__(None, None, None)


def test_it_stands_from_its_decision_before_it_is_spoken_until_it_is_over(running):
    sink = Sink()
    board, source = running(sink)
    until(lambda: sink.asked)
    (one,) = standing(board)  # the sentence has not ended
    assert one.frame is None
    sink.gate.set()
    until(lambda: board.snapshot().alerts)
    assert standing(board) == [one]
    source.grey = MASKED
    until(lambda: standing(board) == [])


@pytest.mark.logs_errors
def test_one_that_reached_nobody_does_not_stand(running):
    sink = Sink(AlertError("broken"))
    board, source = running(sink)
    until(lambda: standing(board))
    source.grey = MASKED  # it is not tried again
    sink.gate.set()
    until(lambda: standing(board) == [])
