import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.app.service import status_line
from maskwatch.core.errors import AlertError, DeviceLost, OutOfResources, QueueError, QueueFull, SourceError
from maskwatch.core.records import (
    Alert,
    AlertKind,
    Box,
    CameraState,
    Face,
    Frame,
    FrameReport,
    Label,
    ModelKind,
    PeopleCount,
    Person,
    Versions,
)
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection
from maskwatch.pipeline import capture, offline_watch
from maskwatch.pipeline.announcer import WAITING_UNHEARD, Announcer, SinkRoute
from maskwatch.pipeline.camera import Camera, CameraModels
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.pipeline.sampling import STORE_WAITING
from maskwatch.pipeline.status_board import Board

BARE, UNSURE, MASKED = 20, 128, 230  # a frame's grey is what the fake classifier goes by
FACE = Face(Box(20, 10, 40, 34), 0.99)
SMALL = Face(Box(50, 10, 58, 20), 0.99)
ALERT = Alert("door", 100.0, 0.0, 1, 1, "Your mask, please")
SOON_S = 30.0


class FakeSource:
    """Plays one script a connection: frames, errors to raise, functions to call. Then a live one is gone."""

    def __init__(self, *connections, live=False):
        self.name = "fake"
        self.live = live
        self._connections = list(connections)

    def frames(self):
        if not self._connections:
            raise SourceError("fake: unreachable")
        for item in self._connections.pop(0):
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Frame):
                yield item
            else:
                item()

    def expected(self):
        return None


class FakeDetector:
    """Finds the same faces in every frame; notes the greys of each batch."""

    version = "fake"

    def __init__(self, *faces, gate=None):
        self.faces = faces or (FACE,)
        self.gate = gate
        self.batches = []

    def detect(self, frames):
        self.batches.append([int(rgb[0, 0, 0]) for rgb in frames])
        if self.gate is not None:
            assert self.gate.wait(SOON_S)
        return [self.faces for _ in frames]


class FakeClassifier:
    version = "fake"

    def __init__(self):
        self.batches = []

    def classify(self, faces):
        self.batches.append(len(faces))
        return [float(rgb[0, 0, 0]) / 255 for rgb, _ in faces]


class FakeSink:
    """Delivers, or raises the next of `errors` that is not None."""

    def __init__(self, name="fake", errors=(), gate=None):
        self.name = name
        self.told = []
        self._errors = list(errors)
        self._gate = gate

    def deliver(self, alert):
        if self._gate is not None:
            self._gate.wait(SOON_S)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.told.append(alert)


class FakeStore:
    notice = None

    def __init__(self, errors=(), gate=None):
        self.kept = []
        self.tidied = 0
        self.full = False
        self._errors = list(errors)
        self._gate = gate

    def add(self, frame, report, reasons):
        if self._gate is not None:
            self._gate.wait(SOON_S)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.kept.append((frame.at, reasons))
        return f"sample-{frame.seq}"

    def tidy(self):
        self.tidied += 1
        if self.full:
            raise QueueFull("queue: full")


def make_camera(source=None, name="door", **changed):
    bounds = {"protected_ratio": 0.75, "min_people": 1, "for_s": 0.0, "cooldown_s": 30.0}
    rule = {key: changed.pop(key) for key in list(changed) if key in bounds}
    parts = {
        "detector": FakeDetector(),
        "classifier": FakeClassifier(),
        "protected_at": 0.5,
        "min_face_px": 12,
        "ignore": (),
        "sinks": (),
    }
    rule = Rule(**(bounds | rule), say="Your mask, please")
    return Camera(name=name, source=source or FakeSource(), rules=(rule,), **(parts | changed))


def make_selection():
    return Selection(classifier_band=(0.4, 0.6), detector_band=(0, 0), max_per_hour=1000)


@pytest.fixture
def shot(frame):
    """Make a frame whose grey is the fake classifier's verdict, in 255ths."""

    def make(at, grey=BARE, camera="door"):
        return frame(at, camera, np.full((48, 64, 3), grey, np.uint8))

    return make


@contextmanager
def running(pipeline):
    """Run it on a thread; `error` of what this gives is what `run` raised, once it has ended."""

    class Engine(threading.Thread):
        error = None

        def run(self):
            try:
                pipeline.run()
            except BaseException as e:  # noqa: BLE001 - kept for the test
                self.error = e

    engine = Engine(daemon=True)
    with pipeline:
        engine.start()
        try:
            yield engine
        finally:
            pipeline.stop()
            engine.join(SOON_S)
            assert not engine.is_alive()


def replayed(*cameras, store=None):
    decisions = []
    with Pipeline(cameras, store=store, replay=True, on_decision=decisions.append) as pipeline:
        pipeline.run()
    return decisions


def status(pipeline, camera="door"):
    return pipeline.board.snapshot().cameras[camera]


# engine


def test_asks_a_shared_model_once_a_batch(shot):
    detector, classifier = FakeDetector(), FakeClassifier()
    cameras = {
        name: make_camera(name=name, detector=detector, classifier=classifier, protected_at=at)
        for name, at in (("door", 0.5), ("gate", 0.05))
    }
    frames = [shot(0.0, BARE, "door"), shot(0.0, BARE, "gate"), shot(0.1, MASKED, "door")]
    reports = Engine(cameras).analyse(frames)
    assert (detector.batches, classifier.batches) == ([[BARE, BARE, MASKED]], [3])
    assert [(r.camera, r.at, r.protected_ratio) for r in reports] == [
        ("door", 0.0, 0.0),
        ("gate", 0.0, 1.0),
        ("door", 0.1, 1.0),
    ]


def test_cameras_with_models_of_their_own_get_their_own_answers(shot):
    door = make_camera(detector=FakeDetector(FACE, FACE))
    gate = make_camera(name="gate", detector=FakeDetector(FACE))
    reports = Engine({"door": door, "gate": gate}).analyse(
        [shot(0, camera="gate"), shot(0, camera="door"), shot(1, camera="gate")]
    )
    assert [(r.camera, r.people) for r in reports] == [("gate", 1), ("door", 2), ("gate", 1)]
    assert (door.detector.batches, gate.detector.batches) == ([[BARE]], [[BARE, BARE]])


def test_a_face_whose_centre_is_in_an_ignored_area_is_left_out(shot):
    left_half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    across = Face(Box(10, 10, 62, 40), 0.9)  # its centre is to the right
    camera = make_camera(detector=FakeDetector(FACE, across), ignore=(left_half,))
    (report,) = Engine({"door": camera}).analyse([shot(0.0)])
    assert [face.box for face in report.faces] == [across.box]
    assert camera.classifier.batches == [1]


def test_a_face_too_small_to_judge_stays_unknown(shot):
    at_bound = Face(Box(0, 0, 5, 12), 0.9)  # the longer side counts
    camera = make_camera(detector=FakeDetector(SMALL, at_bound), min_face_px=12)
    (report,) = Engine({"door": camera}).analyse([shot(0.0, MASKED)])
    assert [face.label for face in report.faces] == [Label.UNKNOWN, Label.PROTECTED]
    assert report.faces[0].protected is None


def test_a_face_ends_with_the_frame_but_is_judged_whole_and_one_beyond_it_is_none(shot):
    """The networks go on to where a chin would be; people draw no box there."""
    frame = shot(0.0, MASKED)
    width, height = frame.size
    cut, beyond = Box(width - 30, height - 20, width + 10, height + 25), Box(-40, 5, -2, 40)
    judged = []

    class Watching(FakeClassifier):
        def classify(self, faces):
            judged.extend(face.box for _, face in faces)
            return super().classify(faces)

    camera = make_camera(detector=FakeDetector(Face(cut, 0.9), Face(beyond, 0.8)), classifier=Watching())
    (report,) = Engine({"door": camera}).analyse([frame])
    assert [face.box for face in report.faces] == [Box(width - 30, height - 20, width, height)]
    assert judged[0] == cut


def test_frames_without_a_face_to_judge_ask_no_classifier(shot):
    camera = make_camera(detector=FakeDetector(SMALL))
    (report,) = Engine({"door": camera}).analyse([shot(0.0)])
    assert (camera.classifier.batches, report.protected_ratio) == ([], None)


@pytest.mark.parametrize(("grey", "label"), [(127, Label.UNPROTECTED), (128, Label.PROTECTED)])
def test_a_face_is_protected_from_the_bound_on(shot, grey, label):
    (report,) = Engine({"door": make_camera(protected_at=128 / 255)}).analyse([shot(0.0, grey)])
    assert report.faces[0].label is label


# replay


def test_a_replay_analyses_every_frame_in_order_and_decides_the_same_twice(shot):
    greys = [MASKED, BARE, UNSURE, BARE] * 12 + [MASKED]
    frames = [shot(number / 10, grey) for number, grey in enumerate(greys)]

    def once():
        sink, store, detector = FakeSink(), FakeStore(), FakeDetector()
        camera = make_camera(
            FakeSource(frames), detector=detector, sinks=(sink,), selection=make_selection(), cooldown_s=1.95
        )
        decisions = replayed(camera, store=store)
        assert [d.alert for d in decisions if d.alert] == sink.told
        assert [d.queued for d in decisions if d.queued] == [
            f"sample-{round(at * 10)}" for at, _ in store.kept
        ]
        seen = [(d.report, d.alert, d.queued) for d in decisions]
        return seen, [len(batch) for batch in detector.batches]

    (first, batches), second = once(), once()
    assert [report.at for report, *_ in first] == [frame.at for frame in frames]
    assert [alert.at for _, alert, _ in first if alert] == [0.1, 2.1, 4.1]
    assert any(queued for *_, queued in first)
    assert batches == [8] * 6 + [1]
    assert (first, batches) == second


def test_a_replay_waits_for_a_slow_engine(shot):
    class Slow(FakeDetector):
        def detect(self, frames):
            time.sleep(0.01)
            return super().detect(frames)

    frames = [shot(number / 10) for number in range(40)]
    camera = make_camera(FakeSource(frames), detector=Slow())
    with Pipeline([camera], replay=True) as pipeline:
        pipeline.run()
    door = status(pipeline)
    assert (door.captured, door.dropped, door.analysed, door.state) == (40, 0, 40, CameraState.ENDED)


def test_two_sources_of_unequal_length_are_both_replayed_to_their_ends(shot):
    cameras = [
        make_camera(FakeSource([shot(at, camera=name) for at in range(length)]), name)
        for name, length in (("door", 3), ("gate", 20), ("empty", 0))
    ]
    decisions = replayed(*cameras)
    for name, length in (("door", 3), ("gate", 20), ("empty", 0)):
        assert [d.report.at for d in decisions if d.report.camera == name] == list(range(length))


def test_a_replayed_source_that_breaks_off_is_raised_after_the_frames_before_it(shot):
    decisions = []
    camera = make_camera(FakeSource([shot(0.0), shot(0.1), SourceError("clip.mp4: broken")]))
    with (
        pytest.raises(SourceError, match=r"clip\.mp4: broken"),
        Pipeline([camera], replay=True, on_decision=decisions.append) as pipeline,
    ):
        pipeline.run()
    assert [d.report.at for d in decisions] == [0.0, 0.1]
    assert status(pipeline).state is CameraState.DOWN


@pytest.mark.logs_errors
def test_an_inline_alert_that_failed_is_tried_again(shot):
    sink = FakeSink(errors=[AlertError("fake: no sound")])
    camera = make_camera(FakeSource([shot(at) for at in range(4)]), sinks=(sink,))
    decisions = replayed(camera)
    assert [d.report.at for d in decisions if d.alert] == [0, 1]
    assert [alert.at for alert in sink.told] == [1]


# live


def test_a_slow_engine_drops_frames_counts_them_and_gets_the_newest(shot):
    gate = threading.Event()
    detector = FakeDetector(gate=gate)
    began = lambda: until(lambda: detector.batches)  # noqa: E731
    frames = [shot(number, number) for number in range(20)]
    pipeline = Pipeline(
        [make_camera(FakeSource([frames[0], began, *frames[1:], gate.set]), detector=detector)]
    )
    with pipeline:
        pipeline.run()
    assert detector.batches == [[0], [19]]
    door = status(pipeline)
    assert (door.captured, door.dropped, door.analysed) == (20, 18, 2)


def test_what_is_ready_from_all_cameras_is_one_batch(shot):
    gate, detector = threading.Event(), FakeDetector()
    detector.gate = gate
    began = lambda: until(lambda: detector.batches)  # noqa: E731
    door = FakeSource([shot(0, 1), began, shot(1, 2), began])
    gate_camera = FakeSource([began, shot(1, 3, "gate")])
    cameras = [
        make_camera(source, name, detector=detector)
        for name, source in (("door", door), ("gate", gate_camera))
    ]
    pipeline = Pipeline(cameras)
    with running(pipeline) as engine:
        until(lambda: status(pipeline).captured == 2 and status(pipeline, "gate").captured == 1)
        gate.set()
        until(lambda: not engine.is_alive())
    assert detector.batches == [[1], [2, 3]]


def test_a_camera_that_fails_is_reported_down_once_and_comes_back(shot, caplog):
    caplog.set_level(logging.INFO)
    gone = SourceError("fake: no route to host")
    door = FakeSource([gone], [gone], [shot(0.0)], [gone], [shot(1.0)], live=True)
    other_frames = threading.Event()
    gate = FakeSource([shot(0, MASKED, "gate"), lambda: other_frames.wait(SOON_S)], live=True)
    pipeline = Pipeline([make_camera(door), make_camera(gate, "gate")])
    with running(pipeline):
        until(lambda: status(pipeline).state is CameraState.DOWN)
        assert status(pipeline).reason == "fake: no route to host"
        until(lambda: status(pipeline, "gate").analysed == 1)
        assert status(pipeline, "gate").state is CameraState.UP
        until(lambda: status(pipeline).analysed == 2)
        other_frames.set()
    assert status(pipeline).reconnects == 2
    messages = [record.getMessage() for record in caplog.records if record.getMessage().startswith("door: ")]
    kinds = [message.split()[1].rstrip(":") for message in messages]
    assert kinds[:4] == ["down", "up", "down", "up"]


def test_a_live_source_that_ends_is_opened_again(shot):
    source = FakeSource([shot(0.0)], [shot(1.0)], live=True)
    pipeline = Pipeline([make_camera(source)])
    with running(pipeline):
        until(lambda: status(pipeline).analysed == 2)
    assert status(pipeline).reconnects == 1


def test_footage_among_live_cameras_ends_alone(shot):
    clip = make_camera(FakeSource([shot(0.0)]))
    forever = threading.Event()
    live = make_camera(FakeSource([shot(0, camera="gate"), lambda: forever.wait(SOON_S)], live=True), "gate")
    pipeline = Pipeline([clip, live])
    with running(pipeline) as engine:
        until(lambda: status(pipeline).state is CameraState.ENDED)
        assert engine.is_alive()
        forever.set()


def test_footage_that_breaks_off_is_opened_again_until_its_end(shot, monkeypatch):
    monkeypatch.setattr(capture, "FOOTAGE_BACKOFF_S", (0.01,))
    broken = SourceError("clip.mp4: Input/output error")
    source = FakeSource([shot(0.0), broken], [broken], [shot(1.0)])
    pipeline = Pipeline([make_camera(source)])
    with running(pipeline) as engine:
        until(lambda: not engine.is_alive())
    assert engine.error is None
    assert status(pipeline).state is CameraState.ENDED
    assert status(pipeline).reconnects == 1


def test_a_camera_that_breaks_off_while_the_process_is_out_of_memory_is_not_blamed(shot, monkeypatch):
    def refuse():
        raise OutOfResources("this process gets no more memory")

    source = FakeSource([shot(0.0), SourceError("fake: Cannot allocate memory")], live=True)
    monkeypatch.setattr(capture, "require_resources", refuse)
    with pytest.raises(OutOfResources), Pipeline([make_camera(source)]) as pipeline:
        pipeline.run()


def test_a_camera_that_cannot_hold_is_told_a_few_times_and_again_when_it_holds(shot, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    over = threading.Event()
    monkeypatch.setattr(capture, "BACKOFF_S", (0.001,))
    monkeypatch.setattr(capture, "SHORT_S", 3600.0)  # every connection is short
    long_enough = partial(monkeypatch.setattr, capture, "SHORT_S", 0.0)
    held = [shot(8.0), long_enough, shot(9.0), partial(over.wait, SOON_S)]
    source = FakeSource(*([shot(float(n)), SourceError("fake: garbage")] for n in range(8)), held, live=True)
    pipeline = Pipeline([make_camera(source)])
    with running(pipeline):
        until(lambda: "stays connected again" in caplog.text)
        said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("door: ")]
        reconnects = status(pipeline).reconnects
        over.set()
    assert said == [
        "door: up (fake)",
        "door: down: fake: garbage",
        "door: up (fake)",
        "door: down: fake: garbage",
        "door: up (fake)",
        "door: keeps disconnecting; not reported again until it stays connected: fake: garbage",
        "door: stays connected again",
    ]
    assert reconnects == 8


def test_the_engine_shows_that_it_lives_without_frames():
    forever = threading.Event()
    pipeline = Pipeline([make_camera(FakeSource([lambda: forever.wait(SOON_S)], live=True))])
    with running(pipeline):
        first = pipeline.board.snapshot().engine_beat
        until(lambda: pipeline.board.snapshot().engine_beat > first)
        forever.set()


def test_the_board_counts_the_people_of_the_last_hour(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    board = Board(["door"])
    assert board.snapshot().cameras["door"].hour == PeopleCount()
    one, other = (Person(n, FACE.box, label) for n, label in ((1, Label.PROTECTED), (2, Label.UNPROTECTED)))
    for persons in ((one, other), (one,), None):
        report = FrameReport("door", "clip.mp4", 0, 0.0, (64, 48), (FACE,), persons=persons)
        board.count_analysed(report)
    assert board.snapshot().cameras["door"].hour == PeopleCount(protected=1, unprotected=1)
    now[0] += 3601
    assert board.snapshot().cameras["door"].hour == PeopleCount()


def test_no_frame_asks_for_the_whole_board(shot, monkeypatch):
    """With 64 cameras, making the snapshot takes 1.5 ms: too long for one camera's state at every frame."""
    monkeypatch.setattr(
        offline_watch, "CHECK_S", 1e9
    )  # looking for cameras without frames is no frame's affair
    monkeypatch.setattr(capture, "BACKOFF_S", (0.01,))
    monkeypatch.setattr(Board, "snapshot", lambda _: pytest.fail("the whole board was asked for"))
    frames = [shot(number / 10) for number in range(20)]
    broken = [*frames[:10], SourceError("fake: gone")]
    done = []
    live = make_camera(
        FakeSource(broken, frames[10:], live=True), selection=make_selection(), sinks=(FakeSink(),)
    )
    pipeline = Pipeline(
        [live], store=FakeStore(), on_decision=lambda decision: done.append(decision.frame.at)
    )
    with running(pipeline):
        until(lambda: done[-1:] == [1.9])
    replayed = []
    again = make_camera(FakeSource(frames), selection=make_selection(), sinks=(FakeSink(),))
    with Pipeline([again], store=FakeStore(), replay=True, on_decision=replayed.append) as pipeline:
        pipeline.run()
    assert len(replayed) == 20


def test_stop_ends_quickly(shot):
    def endless():
        number = 0
        while True:
            yield shot(number)
            number += 1

    cameras = [
        make_camera(FakeSource(endless(), live=True), "busy"),
        make_camera(FakeSource(live=True), "unreachable"),
    ]
    pipeline = Pipeline(cameras)
    with running(pipeline):
        until(lambda: status(pipeline, "unreachable").state is CameraState.DOWN)
        until(lambda: status(pipeline, "busy").captured > 3)
        began = time.monotonic()
    assert time.monotonic() - began < 1


def test_stop_does_not_wait_for_what_hangs(shot):
    hang = threading.Event()
    camera = make_camera(
        FakeSource([shot(0.0, UNSURE), lambda: hang.wait(20)], live=True),
        sinks=(FakeSink(gate=hang),),
        selection=make_selection(),
    )
    pipeline = Pipeline([camera], store=FakeStore(gate=hang))
    with running(pipeline):
        until(lambda: status(pipeline).analysed == 1)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    hang.set()


def test_a_replay_can_be_stopped_midway(shot):
    camera = make_camera(FakeSource([shot(number) for number in range(1000)]))
    pipeline = Pipeline([camera], replay=True, on_decision=lambda _: pipeline.stop())
    began = time.monotonic()
    with pipeline:
        pipeline.run()
    assert time.monotonic() - began < 1
    assert status(pipeline).analysed < 1000


class BrokenError(Exception):
    pass


def explode():
    raise BrokenError


@pytest.mark.parametrize("replay", [False, True], ids=["live", "replay"])
@pytest.mark.parametrize("part", ["source", "detector", "sink", "store", "on_decision"])
def test_an_unexpected_exception_anywhere_ends_run_with_it(shot, part, replay):
    class BrokenDetector(FakeDetector):
        def detect(self, frames):
            raise BrokenError

    script = [shot(0.0, UNSURE - 20), explode if part == "source" else lambda: None]
    camera = make_camera(
        FakeSource(script),
        detector=BrokenDetector() if part == "detector" else FakeDetector(),
        sinks=(FakeSink(errors=[BrokenError()] if part == "sink" else ()),),
        selection=make_selection(),
    )
    store = FakeStore(errors=[BrokenError()] if part == "store" else ())
    crash = lambda _: explode() if part == "on_decision" else None  # noqa: E731
    forever = threading.Event()
    gate = make_camera(FakeSource([lambda: forever.wait(SOON_S)], live=not replay), "gate")
    pipeline = Pipeline([camera, gate], store=store, replay=replay, on_decision=crash)
    if replay:
        forever.set()
    with pipeline:
        with pytest.raises(BrokenError):
            pipeline.run()
        forever.set()


@pytest.mark.parametrize("replay", [False, True], ids=["live", "replay"])
@pytest.mark.parametrize(
    "error",
    [MemoryError(), ValueError("bad\ndata"), OverflowError("too large"), ZeroDivisionError("no time base")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_decoder_makes_of_bad_data_is_its_cameras_trouble_alone(shot, error, replay):
    over = threading.Event()
    sick = make_camera(FakeSource([shot(0.0), error], live=not replay))
    well = make_camera(FakeSource([lambda: over.wait(SOON_S), shot(1.0, camera="gate")]), "gate")
    pipeline = Pipeline([sick, well], replay=replay)
    if replay:
        over.set()
        with pipeline, pytest.raises(SourceError, match=f"fake: {type(error).__name__}: ."):
            pipeline.run()
        return
    with running(pipeline) as engine:
        until(lambda: status(pipeline).state is CameraState.DOWN)
        assert engine.is_alive()
        over.set()
        until(lambda: status(pipeline, "gate").analysed == 1)


def test_a_crash_is_raised_though_all_cameras_have_ended(shot):
    sink = FakeSink(errors=[BrokenError()])
    pipeline = Pipeline(
        [make_camera(FakeSource([shot(0.0)]), sinks=(sink,))],
        on_decision=lambda _: until(lambda: pipeline._crash),
    )
    with pipeline, pytest.raises(BrokenError):
        pipeline.run()


# sinks


def test_a_slow_sink_does_not_hold_the_engine_up(shot):
    gate = threading.Event()
    sink = FakeSink(gate=gate)
    frames = [item for at in range(10) for item in (shot(at), lambda at=at: until(lambda: analysed() > at))]
    camera = make_camera(FakeSource(frames), sinks=(sink,))
    pipeline = Pipeline([camera])
    analysed = lambda: status(pipeline).analysed  # noqa: E731
    with pipeline:
        pipeline.run()
        assert sink.told == []
        gate.set()
    assert analysed() == 10
    assert [alert.at for alert in sink.told] == [0]


@pytest.mark.logs_errors
def test_a_failing_sink_is_reported_once_and_counted_until_it_works_again(shot, caplog):
    caplog.set_level(logging.INFO)
    errors = [AlertError("fake: no sound")] * 3 + [None, AlertError("fake: no sound")]
    frames = [shot(at) for at in range(5)]
    pipeline = Pipeline(
        [make_camera(FakeSource(frames), sinks=(FakeSink(errors=errors),), cooldown_s=0)], replay=True
    )
    with pipeline:
        pipeline.run()
    assert pipeline.board.snapshot().alerts == {("fake", "failed"): 4, ("fake", "delivered"): 1}
    said = [r.getMessage().split(";")[0] for r in caplog.records if r.getMessage().startswith("fake: ")]
    assert said == ["fake: no sound", "fake: works again", "fake: no sound"]


class ListeningSink(FakeSink):
    """Takes alerts back, or raises the next of `end_errors`."""

    def __init__(self, end_errors=(), **options):
        super().__init__(**options)
        self.over = []
        self._end_errors = list(end_errors)

    def ended(self, alert):
        if self._end_errors:
            raise self._end_errors.pop(0)
        self.over.append((alert.at, alert.ended_at))


def test_a_sink_that_wants_to_hears_that_an_alert_is_over(shot):
    sink, plain = ListeningSink(), FakeSink()
    greys = [BARE, BARE, MASKED, MASKED, BARE, MASKED]
    frames = [shot(float(at), grey) for at, grey in enumerate(greys)]
    replayed(make_camera(FakeSource(frames), sinks=(sink, plain), cooldown_s=0))
    assert sink.over == [(0.0, 1.0), (1.0, 2.0), (4.0, 5.0)]  # the second stood in the first one's place
    assert [alert.at for alert in plain.told] == [0.0, 1.0, 4.0]


@pytest.mark.logs_errors
def test_an_end_that_cannot_be_told_is_reported_like_an_alert_and_holds_nothing_up(shot, caplog):
    sink = ListeningSink(end_errors=[AlertError("fake: gone")])
    frames = [shot(float(at), grey) for at, grey in enumerate([BARE, MASKED, BARE, MASKED])]
    with Pipeline([make_camera(FakeSource(frames), sinks=(sink,), cooldown_s=0)], replay=True) as pipeline:
        pipeline.run()
    assert sink.over == [(2.0, 3.0)]
    assert pipeline.board.snapshot().alerts == {("fake", "failed"): 1, ("fake", "delivered"): 2}
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [
        "fake: gone; further alerts are only counted until it works"
    ]


def test_a_sink_gets_the_frame_and_the_faces_and_a_decision_keeps_no_frame(shot):
    sink = FakeSink()
    frames = [shot(0.0)]
    (decision,) = replayed(make_camera(FakeSource(frames), sinks=(sink,)))
    (alert,) = sink.told
    assert alert.frame.rgb is frames[0].rgb
    assert alert.faces == decision.report.faces != ()
    assert decision.alert.frame is None


def test_the_frame_of_an_alert_is_a_picture_for_who_asks(shot):
    import cv2

    from maskwatch.alerts.picture import jpeg

    sink = FakeSink()
    replayed(make_camera(FakeSource([shot(0.0)]), sinks=(sink,)))
    (alert,) = sink.told
    clean, boxed = (cv2.imdecode(np.frombuffer(jpeg(alert, boxes=b), np.uint8), 1) for b in (False, True))
    assert clean.shape == alert.frame.rgb.shape
    assert np.abs(clean[..., ::-1].astype(int) - alert.frame.rgb).mean() < 3
    x1, y1, *_ = (round(v) for v in alert.faces[0].box)
    assert boxed[y1, x1, 2] > clean[y1, x1, 2] + 60  # red
    assert jpeg(replace(alert, frame=None)) is None


def test_cooldown_starts_when_the_last_sink_has_delivered(shot):
    gate = threading.Event()
    quick, slow = FakeSink("quick"), FakeSink("slow", gate=gate)
    analysed = lambda: status(pipeline).analysed  # noqa: E731

    def script():
        for at in range(0, 50, 5):
            if at == 20:
                gate.set()
                until(lambda: pipeline._alerting._results)
            yield shot(at)
            until(lambda at=at: analysed() > at / 5)

    camera = make_camera(FakeSource(script()), sinks=(quick, slow), cooldown_s=15)
    decisions = []
    pipeline = Pipeline([camera], on_decision=decisions.append)
    with pipeline:
        pipeline.run()
    # a delivery takes moments of wall time, so by the frames' clock it is quiet until a bit after 15, and 35
    assert [d.alert.at for d in decisions if d.alert] == [0, 20, 40]
    assert len(quick.told) == len(slow.told) == 3


def announced(sinks, alerts=1, inline=False):
    """Announce and wait; gives what `on_done` was told, and the counts."""
    board, words = Board([]), []
    announcer = Announcer(
        [SinkRoute(sink, sink.name) for sink in sinks], board, lambda e: pytest.fail(str(e)), inline=inline
    )
    for _ in range(alerts):
        announcer.announce(ALERT, sinks, words.append)
    announcer.close(SOON_S)
    return words, board.snapshot().alerts


class SlowSink(FakeSink):
    def __init__(self, name, seconds, errors=()):
        super().__init__(name, errors)
        self._seconds = seconds

    def deliver(self, alert):
        time.sleep(self._seconds)
        super().deliver(alert)


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("sinks", "passed_s"),
    [
        ([], None),
        ([SlowSink("a", 0.0)], 0.0),
        ([SlowSink("a", 0.1), SlowSink("b", 0.2), SlowSink("c", 0.0)], 0.2),
        ([SlowSink("a", 0.0, [AlertError("a: no")]), SlowSink("b", 0.1)], 0.1),
        ([SlowSink("a", 0.1), SlowSink("b", 0.6, [AlertError("b: no")])], 0.1),
        ([SlowSink("a", 0.0, [AlertError("a: no")]), SlowSink("b", 0.1, [AlertError("b: no")])], None),
    ],
    ids=["no sink", "one", "three", "first fails", "last fails", "all fail"],
)
def test_word_comes_back_once_with_the_time_of_the_last_delivery(sinks, passed_s):
    words, _ = announced(sinks)
    if passed_s is None:
        assert words == [None]
    else:
        (word,) = words
        assert ALERT.at + passed_s <= word < ALERT.at + passed_s + 0.4


def test_inline_no_time_passes():
    words, counts = announced([SlowSink("a", 0.05)], inline=True)
    assert words == [ALERT.at]
    assert counts == {("a", "delivered"): 1}


def test_alerts_are_dropped_and_counted_when_enough_wait_for_a_sink():
    gate = threading.Event()
    stuck, quick = FakeSink("stuck", gate=gate), FakeSink("quick")
    board, words = Board([]), []
    announcer = Announcer(
        [SinkRoute(stuck, "stuck"), SinkRoute(quick, "quick")], board, lambda e: pytest.fail(str(e))
    )
    announcer.announce(ALERT, [stuck], words.append)
    until(announcer._workers[stuck]._jobs.empty)  # it is at work on the first
    for number in range(WAITING_UNHEARD + 2):
        announcer.announce(ALERT, [stuck, quick], words.append)
        until(lambda number=number: len(quick.told) > number)
    until(lambda: len(words) == 2)  # those that the stuck sink dropped, the quick one delivered
    assert None not in words
    announcer.announce(ALERT, [stuck], words.append)
    assert words[-1] is None
    gate.set()
    announcer.close(SOON_S)
    assert board.snapshot().alerts == {
        ("stuck", "delivered"): 1 + WAITING_UNHEARD,
        ("stuck", "dropped"): 3,
        ("quick", "delivered"): WAITING_UNHEARD + 2,
    }
    assert len(words) == WAITING_UNHEARD + 4


class ProbedSink(FakeSink):
    """Is tried without being heard, and then says the next of `findings`: why it fails, or None."""

    def __init__(self, findings):
        super().__init__()
        self.probed = []
        self._findings = list(findings)

    def probe(self, sentences):
        self.probed.append(tuple(sentences))
        problem = self._findings.pop(0)
        if problem is not None:
            raise AlertError(problem)


def problems(pipeline):
    return [(sink.name, sink.cameras, sink.problem) for sink in pipeline.board.snapshot().sinks]


@pytest.mark.logs_errors
def test_a_sink_that_cannot_tell_is_known_before_there_is_an_alert_and_so_is_its_recovery(
    monkeypatch, caplog
):
    monkeypatch.setattr("maskwatch.pipeline.announcer.PROBE_S", 0.1)
    caplog.set_level(logging.INFO)
    sink, plain = ProbedSink(["fake: no sound", "fake: no player", None]), FakeSink("plain")
    cameras = [
        make_camera(
            FakeSource(live=True), name, sinks=(sink, plain), sentences=("Please!", f"{name} is gone")
        )
        for name in ("door", "gate")
    ]
    pipeline = Pipeline(cameras)
    with pipeline:
        thread = threading.Thread(target=pipeline.run)
        thread.start()
        until(lambda: len(sink.probed) == 1)
        until(lambda: problems(pipeline)[0][2] == "fake: no sound")
        assert problems(pipeline)[1] == ("plain", ("door", "gate"), None)
        until(lambda: problems(pipeline)[0] == ("fake", ("door", "gate"), "fake: no player"))
        since_s = pipeline.board.snapshot().sinks[0].since_s
        until(lambda: problems(pipeline)[0][2] is None)
        assert pipeline.board.snapshot().sinks[0].since_s > since_s
        time.sleep(0.3)
        pipeline.stop()
        thread.join()
    assert sink.probed == [("Please!", "door is gone", "gate is gone")] * 3  # none while it works
    said = [r.getMessage().split(";")[0] for r in caplog.records if r.getMessage().startswith("fake: ")]
    assert said == ["fake: no sound", "fake: works again"]


@pytest.mark.logs_errors
def test_a_delivery_that_fails_stands_on_the_board_until_one_succeeds_and_in_the_line_for_systemd(shot):
    sink = FakeSink(errors=[None, AlertError("fake: no sound"), AlertError("fake: no player")])
    camera = make_camera(FakeSource([shot(at) for at in range(4)]), sinks=(sink,), cooldown_s=0)
    seen = []
    pipeline = Pipeline([camera], replay=True, on_decision=lambda _: seen.append(pipeline.board.snapshot()))
    with pipeline:
        pipeline.run()
    assert [each.sinks[0].problem for each in seen] == [None, "fake: no sound", "fake: no player", None]
    assert seen[1].sinks[0].since_s == seen[2].sinks[0].since_s > seen[0].sinks[0].since_s
    assert ", fake: no player" in status_line(seen[2])
    assert "fake" not in status_line(seen[3])


@pytest.mark.logs_errors
def test_two_sinks_of_one_kind_do_not_hide_each_other(shot):
    """One fails, and the other tells: else a healthy voice would stand for a broken one."""
    broken, shared = FakeSink(errors=[AlertError("fake: no sound")]), FakeSink()
    gate = make_camera(FakeSource([shot(0, camera="gate")]), "gate", sinks=(shared,))
    door = make_camera(FakeSource([shot(0)]), sinks=(shared, broken))
    pipeline = Pipeline([gate, door], replay=True)
    with pipeline:
        pipeline.run()
    sinks = {(each.name, each.cameras): each.problem for each in pipeline.board.snapshot().sinks}
    assert sinks == {("fake", ("gate", "door")): None, ("fake 2", ("door",)): "fake: no sound"}


# cameras that give no picture


def make_offline_rule(dead_after_s=1.0):
    return CameraOffline("door", dead_after_s=dead_after_s, say="The door's camera is dead.")


def test_a_dead_camera_is_told_of_once_while_the_other_goes_on(shot, monkeypatch):
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.05)
    sink, hang = FakeSink(), threading.Event()
    door = make_camera(FakeSource(live=True), sinks=(sink,), offline_rule=make_offline_rule())
    frames = [item for at in range(200) for item in (shot(at, MASKED, "gate"), lambda: time.sleep(0.01))]
    gate = make_camera(
        FakeSource([*frames, lambda: hang.wait(SOON_S)], live=True),
        "gate",
        offline_rule=make_offline_rule(60),
    )
    pipeline = Pipeline([door, gate])
    with running(pipeline):
        began = time.monotonic()
        until(lambda: sink.told)
        assert time.monotonic() - began > 0.5
        seen = status(pipeline, "gate").analysed
        until(lambda: status(pipeline, "gate").analysed > seen)
        time.sleep(1.2)
        hang.set()
    (alert,) = sink.told
    assert (alert.kind, alert.camera, alert.say) == (
        AlertKind.CAMERA_DEAD,
        "door",
        "The door's camera is dead.",
    )
    assert alert.reason == "fake: unreachable"
    assert abs(alert.at - time.time()) < 60


def test_a_camera_whose_thread_waits_for_ever_is_down_until_a_frame_comes(shot, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.05)
    sink, hang, end = FakeSink(), threading.Event(), threading.Event()
    script = [shot(0.0, MASKED), lambda: hang.wait(SOON_S), shot(1.0, MASKED), lambda: end.wait(SOON_S)]
    pipeline = Pipeline(
        [make_camera(FakeSource(script, live=True), sinks=(sink,), offline_rule=make_offline_rule(0.5))]
    )
    with running(pipeline):
        until(lambda: sink.told)
        assert status(pipeline).state is CameraState.DOWN
        assert status(pipeline).reason.startswith("no frame for ")
        assert status(pipeline).protected_ratio is None
        hang.set()
        until(lambda: status(pipeline).state is CameraState.UP)
        until(lambda: len(sink.told) == 2)  # it is gone again
        end.set()
    assert caplog.text.count("door: down: no frame for") == 2


@pytest.mark.logs_errors
def test_an_absence_of_which_nobody_heard_is_told_again(shot, monkeypatch):
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.05)
    sink = FakeSink(errors=[AlertError("fake: no sound")])
    pipeline = Pipeline(
        [make_camera(FakeSource(live=True), sinks=(sink,), offline_rule=make_offline_rule(0.3))]
    )
    with running(pipeline):
        until(lambda: sink.told)
    assert pipeline.board.snapshot().alerts == {("fake", "failed"): 1, ("fake", "delivered"): 1}


def test_footage_that_has_ended_is_not_missed(shot, monkeypatch):
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.05)
    sink, forever = FakeSink(), threading.Event()
    clip = make_camera(FakeSource([shot(0.0, MASKED)]), sinks=(sink,), offline_rule=make_offline_rule(0.2))
    live = make_camera(FakeSource([lambda: forever.wait(SOON_S)], live=True), "gate")
    pipeline = Pipeline([clip, live])
    with running(pipeline):
        until(lambda: status(pipeline).state is CameraState.ENDED)
        time.sleep(0.6)
        forever.set()
    assert sink.told == []


class IdleSource(FakeSource):
    """After its script it is well, and brings nothing."""

    def __init__(self, *script):
        super().__init__(script, live=True)
        self.over = threading.Event()

    def on_idle(self, tell):
        self._tell = tell

    def check(self):
        return "fake: well"

    def frames(self):
        yield from super().frames()
        while not self.over.wait(0.02):
            self._tell()


def test_a_camera_that_brings_nothing_and_is_well_is_up_and_its_alert_is_over(shot, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.05)
    monkeypatch.setattr(offline_watch, "LOST_S", 0.3)
    sink, source = FakeSink(), IdleSource(shot(0.0, BARE))
    camera = make_camera(source, sinks=(sink,), offline_rule=make_offline_rule(0.5))
    pipeline = Pipeline([camera])
    with running(pipeline):
        until(lambda: [each.kind for each in sink.told] == [AlertKind.UNPROTECTED])
        until(lambda: not status(pipeline).standing)
        time.sleep(1)
        assert status(pipeline).state is CameraState.UP
        assert "down" not in caplog.text
        assert len(sink.told) == 1
        source.over.set()


def test_a_crash_in_the_last_jobs_is_raised_at_the_end(shot):
    """The sink breaks after `run` has returned."""
    gate = threading.Event()
    camera = make_camera(FakeSource([shot(0.0)]), sinks=(FakeSink(errors=[BrokenError()], gate=gate),))
    pipeline = Pipeline([camera])
    with pytest.raises(BrokenError), pipeline:
        pipeline.run()
        gate.set()


def test_a_crash_that_run_raised_is_not_raised_twice_and_hides_no_other(shot):
    pipeline = Pipeline([make_camera(FakeSource([explode]))])
    with pipeline, pytest.raises(BrokenError):
        pipeline.run()
    pipeline = Pipeline([make_camera(FakeSource([explode]))])
    with pytest.raises(KeyError), pipeline:
        until(lambda: pipeline._crash)
        raise KeyError


# measures


def test_the_board_is_told_how_long_models_and_decisions_took(shot):
    class Slow(FakeDetector):
        def detect(self, frames):
            time.sleep(0.05 * len(frames))
            return super().detect(frames)

    seen = lambda: status(pipeline).analysed  # noqa: E731
    script = [item for at in range(3) for item in (shot(at), lambda at=at: until(lambda: seen() > at))]
    pipeline = Pipeline([make_camera(FakeSource(script), detector=Slow(), sinks=())])
    with pipeline:
        pipeline.run()
    board = pipeline.board.snapshot()
    assert board.inference_s[ModelKind.DETECTOR] >= 0.05
    assert 0 <= board.inference_s[ModelKind.CLASSIFIER] < 0.05
    assert status(pipeline).latency.sum_s >= 0.15
    assert sum(status(pipeline).latency.counts) == 3
    assert pipeline.versions() == {"door": Versions("fake", "fake")}


# store


@pytest.mark.logs_errors
def test_a_failing_store_is_logged_once_and_counted_until_it_works_again(shot, caplog):
    full = QueueError("queue: full")
    store = FakeStore(errors=[full, full, None, full])
    frames = [shot(60.0 * at, UNSURE) for at in range(5)]
    camera = make_camera(FakeSource(frames), selection=make_selection())
    decisions = []
    with Pipeline([camera], store=store, replay=True, on_decision=decisions.append) as pipeline:
        pipeline.run()
    board = pipeline.board.snapshot()
    assert (board.queued, board.not_queued) == (2, 3)
    assert [d.queued for d in decisions] == [None, None, "sample-1200", None, "sample-2400"]
    assert caplog.text.count("queue: full") == 2


@pytest.mark.logs_errors
def test_the_store_is_looked_after_although_no_sample_comes_and_a_full_one_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr("maskwatch.pipeline.sampling.TIDY_S", 0.05)
    caplog.set_level("INFO")
    store = FakeStore()
    ends = threading.Event()

    def script():
        ends.wait(SOON_S)
        yield from ()

    pipeline = Pipeline([make_camera(FakeSource(script()))], store=store)
    problem = lambda: pipeline.board.snapshot().store_problem  # noqa: E731
    with pipeline:
        engine = threading.Thread(target=pipeline.run)
        engine.start()
        until(lambda: store.tidied)
        assert problem() is None
        store.full = True
        until(problem)
        assert problem() == "queue: full"
        seen = store.tidied
        until(lambda: store.tidied > seen + 1)
        assert caplog.text.count("queue: full") == 1
        assert "no samples are stored now" in status_line(pipeline.board.snapshot())
        store.full = False
        until(lambda: problem() is None)
        ends.set()
        engine.join()
    assert caplog.text.count("stores samples again") == 1
    assert "no samples" not in status_line(pipeline.board.snapshot())


@pytest.mark.logs_errors
def test_a_store_that_cannot_write_is_no_better_for_having_room(shot):
    store = FakeStore(errors=[QueueError("queue: read-only")])
    camera = make_camera(FakeSource([shot(0.0, UNSURE)]), selection=make_selection())
    pipeline = Pipeline([camera], store=store, replay=True)
    with pipeline:
        pipeline.run()
    pipeline._sampling.tidy()
    assert pipeline.board.snapshot().store_problem == "queue: read-only"


@pytest.mark.parametrize("part", ["add", "tidy"])
def test_what_a_store_wants_seen_to_is_told_while_it_stores(shot, part):
    store = FakeStore()
    camera = make_camera(FakeSource([shot(0.0, UNSURE), shot(60.0, UNSURE)]), selection=make_selection())
    pipeline = Pipeline([camera], store=store, replay=True)
    store.notice = "queue: 2 files that should go may not be removed"
    if part == "add":
        with pipeline:
            pipeline.run()
    else:
        pipeline._sampling.tidy()
    board = pipeline.board.snapshot()
    assert (board.store_problem, board.queued) == (None, 2 if part == "add" else 0)
    assert status_line(board).endswith(store.notice)
    store.notice = None
    pipeline._sampling.tidy()
    assert pipeline.board.snapshot().notices == {}


def test_a_slow_store_does_not_hold_the_engine_up_and_what_it_misses_is_counted(shot):
    gate = threading.Event()
    store = FakeStore(gate=gate)
    number = STORE_WAITING + 5
    analysed = lambda: status(pipeline).analysed  # noqa: E731

    def script():
        for at in range(number):
            yield shot(60.0 * at, UNSURE)
            until(lambda at=at: analysed() > at)

    pipeline = Pipeline([make_camera(FakeSource(script()), selection=make_selection())], store=store)
    with pipeline:
        pipeline.run()
        assert pipeline.board.snapshot().not_queued >= 4
        gate.set()
    board = pipeline.board.snapshot()
    assert analysed() == number
    assert board.queued + board.not_queued == number
    assert board.queued == len(store.kept) >= STORE_WAITING


@pytest.mark.parametrize(("selection", "store"), [(None, FakeStore()), (make_selection(), None)])
def test_nothing_is_queued_where_it_is_not_wanted(shot, selection, store):
    (decision,) = replayed(make_camera(FakeSource([shot(0.0, UNSURE)]), selection=selection), store=store)
    assert decision.queued is None
    assert store is None or store.kept == []


class LosesTheCard(FakeDetector):
    """Raises what a detector on a card that is lost raises."""

    def detect(self, frames):
        super().detect(frames)
        raise DeviceLost("device: cuda is given up: CUDA error: unspecified launch failure")


@pytest.mark.logs_errors
def test_a_lost_card_falls_back_to_the_processor_and_no_frame_is_lost(shot, caplog):
    lost, well = LosesTheCard(), FakeDetector()
    camera = replace(make_camera(FakeSource([shot(float(at)) for at in range(20)])), detector=lost)
    decided = []
    pipeline = Pipeline([camera], replay=True, on_decision=decided.append)
    pipeline.fall_back_on(lambda: {"door": CameraModels(well, FakeClassifier(), None)})
    with pipeline:
        pipeline.run()
    assert [decision.frame.at for decision in decided] == list(range(20))
    assert all(decision.report.faces for decision in decided)
    assert len(lost.batches) == 1
    assert sum(map(len, well.batches)) == 20
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert told.startswith("device: cuda is given up: CUDA error: unspecified launch failure; the processor")
    assert "the processor computes" in pipeline.board.snapshot().notices["device"]


def test_without_anything_to_fall_back_on_a_lost_card_ends_the_run(shot):
    camera = replace(make_camera(FakeSource([shot(0.0)])), detector=LosesTheCard())
    with Pipeline([camera], replay=True) as pipeline, pytest.raises(DeviceLost):
        pipeline.run()


class OnCards:
    """Detectors on two cards; each waits until the other computes, too, and one is lost at its third batch."""

    def __init__(self):
        self.together = threading.Barrier(2)
        self.lost = False
        self.threads = {}

    def detector(self, device):
        cards = self

        class Detecting(FakeDetector):
            def detect(self, frames):
                cards.threads.setdefault(device, set()).add(threading.current_thread().name)
                if not cards.lost:
                    cards.together.wait(SOON_S)
                    if device == "cuda:1" and len(self.batches) == 2:
                        cards.lost = True
                        raise DeviceLost("device: cuda:1 is given up: CUDA error: unspecified launch failure")
                return super().detect(frames)

        return Detecting()


@pytest.mark.logs_errors
def test_two_cards_compute_at_once_and_the_cameras_of_a_lost_one_go_to_the_other(shot, caplog):
    cards, decided = OnCards(), []
    detectors = {device: cards.detector(device) for device in ("cuda:0", "cuda:1")}
    cameras = {
        name: replace(make_camera(name=name), detector=detectors[device], device=device)
        for name, device in (("door", "cuda:0"), ("gate", "cuda:1"))
    }

    def batches(frames):
        """One of each camera together, as a busy service has them."""
        return [frames[place : place + 2] for place in range(0, len(frames), 2)]

    pipeline = Pipeline(list(cameras.values()), replay=True, on_decision=decided.append)
    left = detectors["cuda:0"]
    pipeline.fall_back_on(
        lambda: {name: CameraModels(left, FakeClassifier(), None, device="cuda:0") for name in cameras}
    )
    frames = [shot(float(at), camera=name) for at in range(6) for name in cameras]
    for batch in batches(frames):
        pipeline._handle(batch)
    assert [(each.frame.camera, each.frame.at) for each in decided] == [(f.camera, f.at) for f in frames]
    assert all(each.report.faces for each in decided)
    assert {device: len(names) for device, names in cards.threads.items()} == {"cuda:0": 2, "cuda:1": 1}
    assert sum(map(len, left.batches)) == 3 + 2 * 4  # the third of its own was asked about twice
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert told.startswith("device: cuda:1 is given up: CUDA error")
    assert told.endswith("; cuda:0 computes from now on, until the next start")
    assert "cuda:0 computes" in pipeline.board.snapshot().notices["device"]


@pytest.mark.logs_errors
def test_when_one_card_after_the_other_is_lost_the_processor_computes(shot, caplog):
    lost, made, well = LosesTheCard(), [], FakeDetector()

    def make():
        made.append(len(made))
        if len(made) == 1:
            raise DeviceLost("device: cuda:0 is given up: CUDA error: all is lost")
        return {"door": CameraModels(well, FakeClassifier(), None)}

    pipeline = Pipeline([replace(make_camera(), detector=lost)], replay=True)
    pipeline.fall_back_on(make)
    pipeline._handle([shot(0.0)])
    assert made == [0, 1]
    told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "CUDA error: all is lost; the processor computes from now on" in told[-1]
