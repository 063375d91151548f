"""What the pipeline decides, as events: tables of what goes in and what comes out."""

from dataclasses import replace

import numpy as np
import pytest

from maskwatch.core.events import EventKind
from maskwatch.core.records import (
    Alert,
    AlertKind,
    CameraState,
    Decision,
    Direction,
    Frame,
    FrameReport,
    Label,
    Outcome,
    Passage,
)
from maskwatch.pipeline.event_feed import EventFeed, service_event

ALERT = Alert("door", 5.0, 0.25, 4, 3, "Your mask, please", rule="ratio", tracks=(7, 8))
NOW = 1_790_000_000.0
UP, DOWN, ENDED = CameraState.UP, CameraState.DOWN, CameraState.ENDED


class Told(dict):
    """An `EventLog`: the last state of each event by its id, and all that was told."""

    def __init__(self):
        self.all = []
        self.now = NOW

    def record(self, event):
        self.all.append(event)
        self[event.id] = event

    @property
    def one(self):
        (event,) = self.values()
        return event


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def feed(told):
    return EventFeed(told, lambda: told.now)


def decision(at=5.0, **fields):
    frame = Frame("door", "clip.mp4", 1, at, np.zeros((48, 64, 3), np.uint8))
    return Decision(frame, FrameReport("door", "clip.mp4", 1, at, (64, 48), ()), **fields)


def test_an_alert_begins_is_told_and_ends_as_one_event(feed, told):
    feed.on_alert(ALERT)
    begun = told.one
    assert (begun.kind, begun.at, begun.camera, begun.ended_at) == (EventKind.ALERT, NOW, "door", None)
    assert begun.data == {
        "rule": "ratio",
        "alert_kind": "unprotected",
        "level": 1,
        "quiet": False,
        "withheld": False,
        "say": "Your mask, please",
        "people": 4,
        "unprotected": 3,
        "protected_ratio": 0.25,
        "reason": None,
        "delivered": None,
        "sinks": {},
    }
    told.now += 2
    feed.on_outcomes(ALERT, {"voice": "delivered", "webhook": "kept", "mqtt": "failed"}, True)
    assert told.one.data["delivered"] is True
    assert told.one.data["sinks"] == {"voice": "delivered", "webhook": "kept", "mqtt": "failed"}
    assert told.one.ended_at is None
    told.now += 20
    feed.on_ended(replace(ALERT, ended_at=15.0))  # ten seconds later on the camera's clock
    assert told.one.ended_at == NOW + 10
    assert "cut_off" not in told.one.data
    assert len(told.all) == 3


@pytest.mark.parametrize(
    ("ended_at", "after_s"),
    [(15.0, 10.0), (5.0, 0.0), (1.0, 0.0), (500.0, 30.0)],  # footage whose clock jumps
)
def test_an_alert_ends_between_its_beginning_and_now(feed, told, ended_at, after_s):
    feed.on_alert(ALERT)
    told.now += 30
    feed.on_ended(replace(ALERT, ended_at=ended_at))
    assert told.one.ended_at == NOW + after_s


def test_of_a_live_camera_things_happened_when_its_frames_were_taken(told):
    """A clip of this morning that is put into a folder now, say."""
    feed, morning = EventFeed(told, lambda: told.now, live=["door"]), NOW - 30_000
    feed.on_alert(replace(ALERT, at=morning))
    assert told.one.at == morning
    told.now += 60
    feed.on_ended(replace(ALERT, at=morning, ended_at=morning + 7))
    assert told.one.ended_at == morning + 7
    passed = Passage("door", morning + 8, 1, Label.UNKNOWN, Direction.GONE)
    feed.on_decision(decision(at=morning + 9, passages=(passed,)))
    assert [event.at for event in told.all if event.kind is EventKind.PASSAGE] == [morning + 8]


def test_an_alert_that_reached_nobody_is_over(feed, told):
    feed.on_alert(ALERT)
    told.now += 3
    feed.on_outcomes(ALERT, {"voice": "failed", "mqtt": "dropped"}, False)
    assert (told.one.data["delivered"], told.one.ended_at) == (False, NOW + 3)
    feed.on_ended(replace(ALERT, ended_at=9.0))
    feed.close()
    assert len(told.all) == 2


def test_a_withheld_alert_goes_on_and_nobody_is_told(feed, told):
    feed.on_alert(replace(ALERT, withheld=True))
    assert (told.one.data["withheld"], told.one.data["delivered"], told.one.ended_at) == (True, False, None)
    feed.on_ended(replace(ALERT, ended_at=6.0))
    assert told.one.ended_at == NOW  # it is not later yet


def test_the_same_alert_of_footage_that_begins_anew_is_another_event(feed, told):
    feed.on_alert(ALERT)
    told.now += 60
    feed.on_alert(ALERT)
    first, second = told.values()
    assert (first.ended_at, second.ended_at) == (NOW + 60, None)
    assert first.id != second.id


def test_a_camera_that_is_offline_is_an_alert_with_its_reason(feed, told):
    feed.on_alert(Alert("door", NOW, None, 0, 0, "offline", AlertKind.CAMERA_DEAD, "no frame for 60 s"))
    assert told.one.data["alert_kind"] == "camera_dead"
    assert told.one.data["reason"] == "no frame for 60 s"


@pytest.mark.parametrize("track", [3, None])
def test_a_passage_has_what_the_counts_have_and_no_track(feed, told, track):
    passed = Passage("door", 3.5, track, Label.PROTECTED, Direction.LEAVING, "exit", ("hall", "stairs"))
    feed.on_decision(decision(passages=(passed,)))
    assert (told.one.kind, told.one.at, told.one.ended_at) == (EventKind.PASSAGE, NOW - 1.5, None)
    data = {"label": "protected", "direction": "leaving", "line": "exit", "zones": ["hall", "stairs"]}
    assert told.one.data == data


def test_what_came_of_an_announcement_is_counts(feed, told):
    outcome = Outcome(1.0, told=True, addressed=(4, 5, 6), put_on=(4,), unknown=(5,))
    feed.on_decision(decision(outcomes=(outcome,)))
    assert told.one.kind is EventKind.ANNOUNCEMENT
    assert told.one.data == {"told": True, "addressed": 3, "put_on": 1, "unknown": 1}


def test_a_decision_without_anything_is_no_event(feed, told):
    feed.on_decision(decision(alerts=(ALERT,)))  # told when it is announced
    assert not told


def test_an_outage_is_from_the_last_frame_until_the_camera_is_up(feed, told):
    feed.on_camera_state("door", DOWN, "door: refused", 6.0)
    assert told.one.kind is EventKind.OUTAGE
    assert (told.one.at, told.one.ended_at, told.one.data) == (NOW - 6, None, {"reason": "door: refused"})
    told.now += 40
    feed.on_camera_state("yard", UP, None, 0.0)
    feed.on_camera_state("door", UP, None, 0.0)
    assert (told.one.ended_at, told.one.data) == (NOW + 40, {"reason": "door: refused"})
    feed.on_camera_state("door", DOWN, "door: gone", 1.0)
    assert len(told) == 2


def test_a_camera_that_ends_without_coming_back_is_cut_off(feed, told):
    feed.on_camera_state("door", DOWN, "gone", 6.0)
    feed.on_camera_state("door", ENDED, None, 9.0)
    assert (told.one.ended_at, told.one.data["cut_off"]) == (NOW, True)


def test_what_goes_on_at_the_end_is_cut_off_and_later_news_is_none(feed, told):
    feed.on_alert(ALERT)
    feed.on_camera_state("yard", DOWN, "gone", 6.0)
    told.now += 5
    feed.close()
    assert {(event.ended_at, event.data["cut_off"]) for event in told.values()} == {(NOW + 5, True)}
    count = len(told.all)
    feed.on_camera_state("door", DOWN, "stopped", 0.0)
    feed.on_outcomes(ALERT, {"voice": "delivered"}, True)
    feed.close()
    assert len(told.all) == count


def test_another_version_of_the_models(feed, told):
    feed.on_models("7", "6", None)
    assert (told.one.kind, told.one.data) == (EventKind.MODELS, {"version": "7", "before": "6"})


def test_a_version_that_is_refused_and_the_reason(feed, told):
    feed.on_models_refused("7", "6", "it is worse")
    said = {"version": "6", "refused": "7", "reason": "it is worse"}
    assert (told.one.kind, told.one.data) == (EventKind.MODELS, said)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (service_event("started", NOW, version="1.0"), {"state": "started", "version": "1.0"}),
        (
            service_event("stopped", NOW, version="1.0", reason="KeyError"),
            {"state": "stopped", "version": "1.0", "reason": "KeyError"},
        ),
        (
            service_event("stopped", NOW, cut_off=True),
            {"state": "stopped", "version": None, "cut_off": True},
        ),
    ],
)
def test_the_service_itself(event, data):
    assert (event.kind, event.at, event.camera, event.data) == (EventKind.SERVICE, NOW, None, data)


def test_every_event_has_an_id_of_its_own(feed, told):
    passed = Passage("door", 5.0, 1, Label.UNKNOWN, Direction.GONE)
    feed.on_decision(decision(passages=(passed,) * 50))
    assert len(told) == 50
    assert all(len(each) == 32 and not set(each) - set("0123456789abcdef") for each in told)
