"""A camera that sees nothing useful, from its frames to who is told, the board, and what the configuration makes of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from harness.scenes import Scene

from maskwatch.app.compose import live_pipeline
from maskwatch.config import load as configuration
from maskwatch.core.records import AlertKind
from maskwatch.core.rules.camera_view import CameraView
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.pipeline import Pipeline

AFTER_S = 3.0
COVERED = (40, 60)  # seconds


class Source:
    """A room, two frames a second; for some time something covers the camera. What the board says then is noted."""

    name, live = "fake", False

    def __init__(self):
        self.scene = Scene(3)
        self.pipeline, self.seen = None, {}

    def frames(self):
        for at in np.arange(0, 80, 0.5).tolist():
            covered = COVERED[0] <= at < COVERED[1]
            yield self.scene.frame(at, (lambda picture: np.full_like(picture, 60)) if covered else None)
            self.seen[at] = self.pipeline.board.snapshot().cameras["door"].view

    def expected(self):
        return None


class Models:
    """Nobody is there."""

    version = "fake"

    def detect(self, frames):
        return [() for _ in frames]

    def classify(self, faces):
        return []


class Sink:
    name = "fake"

    def __init__(self, *, audible=False):
        self.audible = audible
        self.told, self.over = [], []

    def deliver(self, alert):
        self.told.append(alert)

    def ended(self, alert):
        self.over.append(alert)


def test_it_is_told_shown_and_over_and_not_said_in_the_room():
    source, models, quiet, loud = Source(), Models(), Sink(), Sink(audible=True)
    rule = CameraView("door", after_s=AFTER_S, say="Camera door sees nothing useful.")
    camera = Camera(
        "door", models, models, 0.5, 10, (), source=source, rules=(), sinks=(quiet, loud), view_rule=rule
    )
    pipeline = source.pipeline = Pipeline([camera], replay=True)
    with pipeline:
        pipeline.run()
    (alert,) = quiet.told
    assert (alert.kind, alert.reason, alert.rule) == (AlertKind.CAMERA_VIEW, "covered", "camera_view")
    assert COVERED[0] + AFTER_S <= alert.at <= COVERED[0] + AFTER_S + 1
    assert alert.frame is not None
    assert [each.id for each in quiet.over] == [alert.id]
    assert loud.told == []
    # the source runs some frames ahead of the engine
    assert source.seen[30] is None
    assert source.seen[58] == "covered"
    assert source.seen[79] is None


@pytest.fixture
def watched():
    """The cameras of a configuration, with models that are none."""

    def make(text):
        models = SimpleNamespace(
            detector=lambda _: Models(),
            classifier=lambda _: Models(),
            second_look=lambda _: None,
            versions=lambda *_: {"detector": "a", "classifier": "b"},
            device="cpu",
        )
        config = configuration.parse(text, "c", {})
        return {
            each.name: each for each in live_pipeline(config, dict.fromkeys(config.cameras, models)).cameras
        }

    return make


def test_live_cameras_alone_have_the_rule_and_none_where_it_is_turned_off(watched):
    cameras = watched(
        "alert: {sinks: [log]}\n"
        "cameras:\n"
        "  a: {source: 'rtsp://h/a'}\n"
        "  b: {source: 'rtsp://h/b', alert: {view_after_s: null}}\n"
        "  c: {source: clip.mp4}\n"
    )
    assert [cameras[name].view_rule is not None for name in "abc"] == [True, False, False]


def test_the_aspect_of_a_camera_reaches_its_source(watched):
    cameras = watched(
        "alert: {sinks: [log]}\naspect: 1.5\n"
        "cameras: {a: {source: 'rtsp://h/a'}, b: {source: 'rtsp://h/b', aspect: '16:9'}, c: {source: 'http://h/c'}}"
    )
    assert [round(cameras[name].source._aspect, 3) for name in "abc"] == [1.5, 1.778, 1.5]
