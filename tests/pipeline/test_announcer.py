"""What the announcer does for sinks that keep, that want to know more, and that hold something open."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.errors import AlertError, AlertKept
from maskwatch.core.records import Alert, Frame
from maskwatch.pipeline.announcer import Announcer, SinkRoute
from maskwatch.pipeline.status_board import Board


class Sink:
    name = "fake"

    def __init__(self, error=None, gate=None):
        self.told, self._error, self._gate = [], error, gate

    def deliver(self, alert):
        if self._gate is not None:
            assert self._gate.wait(30)
        self.told.append(alert)
        if self._error is not None:
            raise self._error


class HeardSink(Sink):
    audible = True


class WatchingSink(Sink):
    def __init__(self):
        super().__init__()
        self.rules, self.seen, self.threads, self.closed = None, [], set(), 0

    def watch(self, rules):
        self.rules = rules

    def on_status(self, cameras):
        self.threads.add(threading.get_ident())
        self.seen.append(cameras)

    def close(self):
        self.closed += 1


@pytest.fixture
def make():
    made = []

    def announcer(sink):
        board = Board(["door", "gate"])
        route = SinkRoute(sink, "fake", ("door",), ("Please.",), {"door": ("masks",)})
        made.append(Announcer([route], board, lambda e: pytest.fail(str(e))))
        return made[-1], board

    yield announcer
    for each in made:
        each.close(5)


def alert(at=0.0, frame=None):
    return Alert("door", at, 0.0, 1, 1, "Please.", frame=frame)


@pytest.mark.logs_errors
def test_an_alert_that_a_sink_keeps_counts_as_told_and_the_status_says_why_it_waits(make, caplog):
    sink = Sink(error=AlertKept("fake: away; 1 message waiting"))
    announcer, board = make(sink)
    outcomes = []
    announcer.announce(alert(), [sink], outcomes.append)
    until(lambda: outcomes)
    assert outcomes[0] is not None
    assert board.snapshot().alerts == {("fake", "kept"): 1}
    assert board.snapshot().sinks[0].problem == "fake: away; 1 message waiting"
    assert "further alerts are kept until it works" in caplog.text


def test_of_many_alerts_at_once_none_is_lost_and_only_pictures_are_given_up(make):
    gate = threading.Event()
    sink = Sink(gate=gate)
    announcer, board = make(sink)
    frame = Frame("door", "s", 0, 0.0, np.zeros((4, 4, 3), np.uint8))
    for number in range(60):
        announcer.announce(alert(float(number), frame), [sink], lambda _: None)
    gate.set()
    until(lambda: len(sink.told) == 60)
    assert [each.at for each in sink.told] == [float(number) for number in range(60)]
    assert 8 <= sum(each.frame is not None for each in sink.told) <= 10
    assert ("fake", "dropped") not in board.snapshot().alerts


def test_of_what_is_heard_only_a_few_wait(make):
    gate = threading.Event()
    sink = HeardSink(gate=gate)
    announcer, board = make(sink)
    for number in range(20):
        announcer.announce(alert(float(number)), [sink], lambda _: None)
    gate.set()
    assert board.snapshot().alerts["fake", "dropped"] >= 15


def test_a_sink_that_wants_it_is_told_its_cameras_and_what_they_see_once_a_second_elsewhere(make):
    sink = WatchingSink()
    announcer, _ = make(sink)
    assert sink.rules == {"door": ("masks",)}
    now_s = time.monotonic()
    for tenth in range(11):
        announcer.probe(now_s + tenth / 10)
        until(lambda: not announcer._status_due)
    until(lambda: len(sink.seen) == 2)
    assert [set(cameras) for cameras in sink.seen] == [{"door"}] * 2
    assert threading.get_ident() not in sink.threads


def test_what_a_sink_holds_open_is_closed_after_its_last_alert(make):
    sink = WatchingSink()
    announcer, _ = make(sink)
    announcer.announce(replace(alert(), quiet=True), [sink], lambda _: None)
    announcer.close(5)
    assert len(sink.told) == 1
    assert sink.closed == 1


class SlowlyProbedSink(Sink):
    def __init__(self, gate):
        super().__init__(gate=gate)
        self.probed = 0

    def probe(self, sentences):
        assert self._gate.wait(60)
        self.probed += 1
        raise AlertError("fake: no sound")


@pytest.mark.logs_errors
def test_probes_of_a_slow_sink_do_not_pile_up_before_its_alerts(make):
    gate = threading.Event()
    sink = SlowlyProbedSink(gate)
    announcer, board = make(sink)
    told = []
    for now_s in range(0, 1000, 100):
        announcer.probe(float(now_s))
    announcer.announce(alert(), [sink], told.append)
    gate.set()
    until(lambda: told)
    assert sink.probed == 1
    assert board.snapshot().alerts == {("fake", "delivered"): 1}
