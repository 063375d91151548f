"""A running pipeline tells an event log what happens."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.errors import AlertError, AlertKept, SourceError
from maskwatch.core.events import EventKind
from maskwatch.core.people.effect import Effect
from maskwatch.core.records import (
    Box,
    CameraState,
    Direction,
    Face,
    Frame,
    Label,
    Passage,
    Person,
)
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.pipeline import capture
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.pipeline import Pipeline

FACE = Face(Box(20, 10, 40, 34), 0.99)


class Log(dict):
    """The last state of each event, by its id."""

    def record(self, event):
        self[event.id] = event

    def of(self, kind):
        return [event for event in self.values() if event.kind is kind]


class Source:
    """A live camera that a test leads: it gives frames of a grey, breaks off, or ends."""

    name, live = "fake", True

    def __init__(self):
        self.grey = 20
        self.gone = threading.Event()

    def frames(self):
        if self.gone.is_set():
            raise SourceError("fake: refused")
        seq = 0
        while not self.gone.is_set():
            seq += 1
            yield Frame("door", "fake", seq, time.time(), np.full((48, 64, 3), self.grey, np.uint8))
            time.sleep(0.01)
        raise SourceError("fake: broke off")

    def expected(self):
        return None


class Models:
    """A face in each frame; the frame's grey says how sure it is that it is masked."""

    version = "fake"

    def detect(self, frames):
        return [(FACE,) for _ in frames]

    def classify(self, faces):
        return [float(rgb[0, 0, 0]) / 255 for rgb, _ in faces]


class People:
    """The person of each frame; one passes with each frame that is black."""

    def update(self, frame, report):
        person = Person(9, FACE.box, report.faces[0].label, face=0)
        passed = Passage("door", report.at, 9, Label.PROTECTED, Direction.LEAVING, "exit", ("hall",))
        return replace(report, persons=(person,)), (passed,) if frame.rgb[0, 0, 0] == 255 else ()


class Sink:
    def __init__(self, name, error=None):
        self.name = name
        self._error = error

    def deliver(self, alert):
        if self._error:
            raise self._error


def camera(source, *sinks, cooldown_s=60.0, **more):
    rule = Rule(protected_ratio=0.75, min_people=1, for_s=0.0, cooldown_s=cooldown_s, say="Your mask, please")
    parts = {"protected_at": 0.5, "min_face_px": 8, "ignore": (), "rules": (rule,), "people": People()}
    return Camera("door", Models(), Models(), source=source, sinks=sinks, **(parts | more))


class Running:
    """A pipeline with its engine's thread."""

    def __init__(self, *cameras):
        self.log = Log()
        self.pipeline = Pipeline(cameras)
        self.pipeline.record_events(self.log)
        self._engine = threading.Thread(target=self.pipeline.run)

    def __enter__(self):
        self.pipeline.__enter__()
        self._engine.start()
        return self

    def __exit__(self, *error):
        self.pipeline.stop()
        self._engine.join()
        self.pipeline.__exit__(*error)

    def one(self, kind):
        until(lambda: self.log.of(kind))
        (event,) = self.log.of(kind)
        return event

    def until_ended(self, kind):
        until(lambda: any(event.ended_at is not None for event in self.log.of(kind)))
        return self.one(kind)


@pytest.fixture
def source():
    return Source()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(capture, "BACKOFF_S", (0.05,))


def test_an_alert_is_one_event_from_its_beginning_to_its_end(source):
    before = time.time()
    with Running(camera(source, Sink("voice"), Sink("log"))) as running:
        until(lambda: running.one(EventKind.ALERT).data["delivered"])
        alert = running.one(EventKind.ALERT)
        assert alert.data["sinks"] == {"voice": "delivered", "log": "delivered"}
        assert (alert.camera, alert.data["people"], alert.data["unprotected"]) == ("door", 1, 1)
        assert before <= alert.at <= time.time()
        source.grey = 230
        over = running.until_ended(EventKind.ALERT)
    assert alert.at <= over.ended_at <= time.time()
    assert over.id == alert.id
    assert "cut_off" not in over.data


@pytest.mark.logs_errors
def test_what_becomes_of_it_at_each_sink_is_kept(source):
    failing, keeping = Sink("mqtt", AlertError("mqtt: away")), Sink("webhook", AlertKept("webhook: away"))
    with Running(camera(source, Sink("voice"), failing, keeping)) as running:
        until(lambda: running.one(EventKind.ALERT).data["delivered"])
        data = running.one(EventKind.ALERT).data
    assert data["sinks"] == {"voice": "delivered", "mqtt": "failed", "webhook": "kept"}


@pytest.mark.logs_errors
def test_an_alert_that_reaches_nobody_is_over_with_that(source):
    with Running(camera(source, Sink("voice", AlertError("voice: broken")), cooldown_s=600)) as running:
        until(lambda: running.log.of(EventKind.ALERT))
        until(lambda: running.log.of(EventKind.ALERT)[0].ended_at is not None)
        first = running.log.of(EventKind.ALERT)[0]
    assert first.data["delivered"] is False
    assert first.data["sinks"] == {"voice": "failed"}


def test_what_is_withheld_is_kept_as_that_and_ends(source):
    effect = Effect("door", effect_s=1.0, withhold_share=0.999)
    with Running(camera(source, Sink("voice"), effect=effect)) as running:
        alert = running.one(EventKind.ALERT)
        assert (alert.data["withheld"], alert.data["delivered"], alert.data["sinks"]) == (True, False, {})
        source.grey = 230
        running.until_ended(EventKind.ALERT)
        outcome = running.one(EventKind.ANNOUNCEMENT)
    assert outcome.data == {"told": False, "addressed": 1, "put_on": 1, "unknown": 0}


def test_who_passes_is_an_event_each_without_a_track(source):
    source.grey = 255
    with Running(camera(source)) as running:
        until(lambda: len(running.log.of(EventKind.PASSAGE)) > 5)
    event = running.log.of(EventKind.PASSAGE)[0]
    data = {"label": "protected", "direction": "leaving", "line": "exit", "zones": ["hall"]}
    assert (event.camera, event.data) == ("door", data)


def test_a_camera_that_is_away_is_an_outage_until_it_is_back(source):
    with Running(camera(source)) as running:
        until(lambda: running.pipeline.board.camera_state("door") is CameraState.UP)
        source.gone.set()
        outage = running.one(EventKind.OUTAGE)
        assert (outage.ended_at, outage.data["reason"]) == (None, "fake: broke off")
        source.gone.clear()
        over = running.until_ended(EventKind.OUTAGE)
    assert over.ended_at >= over.at
    assert over.data == {"reason": "fake: broke off"}


def test_a_camera_that_never_comes_is_an_outage_from_the_start_that_is_cut_off(source):
    source.gone.set()
    before = time.time()
    with Running(camera(source)) as running:
        outage = running.one(EventKind.OUTAGE)
        assert outage.at - before < 5
    over = running.one(EventKind.OUTAGE)
    assert (over.id, over.data) == (outage.id, {"reason": "fake: refused", "cut_off": True})
    assert over.ended_at >= outage.at


def test_an_alert_that_goes_on_at_the_end_is_cut_off(source):
    with Running(camera(source, Sink("voice"))) as running:
        until(lambda: running.one(EventKind.ALERT).data["delivered"])
    (alert,) = running.log.of(EventKind.ALERT)
    assert alert.data["cut_off"]
    assert alert.ended_at >= alert.at


def test_other_models_are_an_event_but_for_the_first(source):
    with Running(camera(source)) as running:
        for version in ("5", "5", "6"):
            running.pipeline.board.set_models(version, f"{version} is better")
        said = {"version": "6", "before": "5", "reason": "6 is better"}
        assert running.one(EventKind.MODELS).data == said
