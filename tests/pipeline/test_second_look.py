"""Second looks beside the pipeline: they find what was missed, and hold nobody up."""

import threading

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box, Face, Frame
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection
from maskwatch.pipeline.camera import Camera, CameraModels
from maskwatch.pipeline.pipeline import Pipeline

SEEN, MISSED = Face(Box(5, 5, 25, 30), 0.99), Face(Box(40, 5, 60, 30), 0.8)
SOON_S = 30.0


class Source:
    """Yields frames; between two of them a live one waits for what is given."""

    name = "fake"

    def __init__(self, count, *, live=False, between=lambda _: None):
        self.live = live
        self._count = count
        self._between = between

    def frames(self):
        for n in range(self._count):
            yield Frame("door", "clip", n, n / 5, np.full((48, 64, 3), 90, np.uint8))
            self._between(n)

    def expected(self):
        return None


class Detector:
    version = "fake"

    def detect(self, frames):
        return [(SEEN,) for _ in frames]


class Classifier:
    version = "fake"

    def classify(self, faces):
        return [0.99 for _ in faces]


class Look:
    """Finds `faces` each time; notes its threads, and waits for `gate`."""

    def __init__(self, *faces, gate=None, error=None):
        self.found = faces
        self.gate = gate
        self.error = error
        self.threads = []

    def faces(self, rgb):
        self.threads.append(threading.current_thread().name)
        if self.gate is not None:
            assert self.gate.wait(SOON_S)
        if self.error is not None:
            raise self.error
        return self.found


class Store:
    notice = None

    def __init__(self):
        self.kept = []

    def add(self, frame, report, reasons):
        self.kept.append((frame.seq, reasons, report.near_misses))
        return f"sample-{frame.seq}"

    def tidy(self):
        pass


def camera(source, look, ignore=()):
    rule = Rule(protected_ratio=0.75, min_people=1, for_s=0.0, cooldown_s=30.0, say="please")
    selection = Selection(
        classifier_band=(0.4, 0.6),
        detector_band=(0, 0),
        max_per_hour=1000,
        second_look_share=1.0,
        second_looks_per_hour=100_000,
    )
    return Camera(
        "door", Detector(), Classifier(), 0.5, 12, ignore, source, (rule,), (), selection, second_look=look
    )


def replayed(*args, **kwargs):
    store = Store()
    with Pipeline([camera(*args, **kwargs)], store=store, replay=True) as pipeline:
        pipeline.run()
    return store.kept


def test_in_a_replay_a_missed_face_is_queued_at_once_with_the_face_suggested():
    look = Look(SEEN, MISSED)
    kept = replayed(Source(5), look)
    assert kept == [(0, ("second_look",), (MISSED,))]
    assert len(look.threads) == 5
    assert set(look.threads) == {threading.current_thread().name}


def test_a_face_where_it_is_ignored_was_not_missed():
    right = ((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0))
    assert replayed(Source(3), Look(MISSED), ignore=(right,)) == []


def test_nothing_is_looked_at_again_where_nothing_is_queued():
    look = Look(MISSED)
    with Pipeline([camera(Source(3), look)], replay=True) as pipeline:
        pipeline.run()
    assert look.threads == []


@pytest.mark.parametrize("error", [ModelError("gone"), RuntimeError("full")])
def test_a_look_that_fails_is_told_once_and_left_out(error, caplog):
    look = Look(error=error)
    assert replayed(Source(5), look) == []
    assert len(look.threads) == 1
    assert caplog.text.count("second looks fail") == 1


def test_a_live_camera_goes_on_while_a_second_look_takes_its_time():
    gate, store = threading.Event(), Store()
    look = Look(MISSED, gate=gate)

    def between(n):
        until(lambda: pipeline.board.snapshot().cameras["door"].analysed > n)
        if n == 0:
            until(lambda: look.threads)
        if n == 20:  # all of them were analysed while it looked at the first
            assert len(look.threads) == 1
            assert pipeline.is_looking_again()
            gate.set()
            until(lambda: not pipeline.is_looking_again())

    pipeline = Pipeline([camera(Source(30, between=between), look)], store=store)
    with pipeline:
        pipeline.run()
        assert pipeline.board.snapshot().cameras["door"].dropped == 0
        until(lambda: store.kept)
    assert look.threads[0] == "second look"
    assert store.kept[0] == (0, ("second_look",), (MISSED,))


def test_while_frames_wait_for_the_engine_none_is_looked_at_again(monkeypatch):
    look = Look(MISSED)
    monkeypatch.setattr(Pipeline, "_is_behind", lambda self: True)
    with Pipeline([camera(Source(5), look)], store=Store()) as pipeline:
        pipeline.run()
    assert look.threads == []


def test_a_waiting_frame_means_that_the_engine_is_behind():
    with Pipeline([camera(Source(1), Look())], store=Store()) as pipeline:
        until(pipeline._is_behind)
        pipeline.run()
        assert not pipeline._is_behind()


def test_new_models_bring_their_own_second_look():
    old, new = Look(), Look(MISSED)
    store = Store()
    with Pipeline([camera(Source(3), old)], store=store, replay=True) as pipeline:
        pipeline.swap({"door": CameraModels(Detector(), Classifier(), None, new)})
        pipeline.run()
    assert old.threads == []
    assert store.kept == [(0, ("second_look",), (MISSED,))]
