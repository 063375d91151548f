"""A candidate beside the pipeline: compared, counted, queued, and never in the way."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Box, Coverage, Face, Frame, ShadowCounts, ShadowStatus, Versions
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection
from maskwatch.pipeline.camera import Camera, ShadowModels
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.pipeline.shadow import ShadowRun
from maskwatch.pipeline.shadow_tally import ShadowTally

SEEN, MORE = Face(Box(5, 5, 25, 30), 0.99), Face(Box(40, 5, 60, 30), 0.8)
SINCE = datetime(2026, 11, 27, tzinfo=UTC)
SOON_S = 60.0
RGB = np.full((48, 64, 3), 90, np.uint8)


class Source:
    """Yields frames, of a clip as fast as they are taken, of a live camera with `between` after each."""

    name = "fake"

    def __init__(self, camera, count, *, live=False, between=lambda _: None):
        self.live = live
        self._camera = camera
        self._count = count
        self._between = between

    def frames(self):
        for n in range(self._count):
            yield Frame(self._camera, "clip", n, n / 5, RGB)
            self._between(n)

    def expected(self):
        return None


class Detector:
    """Finds `faces` each time; notes its threads, waits for `gate`, raises `error`."""

    def __init__(self, version, *faces, gate=None, error=None):
        self.version = version
        self.faces = faces
        self.gate = gate
        self.error = error
        self.threads = []

    def detect(self, frames):
        self.threads.append(threading.current_thread().name)
        if self.gate is not None:
            assert self.gate.wait(SOON_S)
        if self.error is not None:
            raise self.error
        return [self.faces for _ in frames]


class Classifier:
    def __init__(self, version, probability):
        self.version = version
        self._probability = probability

    def classify(self, faces):
        return [self._probability for _ in faces]


class Store:
    notice = None

    def __init__(self):
        self.kept = []

    def add(self, frame, report, reasons):
        self.kept.append((frame.seq, reasons, report))
        return f"sample-{frame.seq}"

    def tidy(self):
        pass


def camera(name="door", count=5, *, selection=True, ignore=(), **source):
    rule = Rule(protected_ratio=0.75, min_people=1, for_s=0.0, cooldown_s=30.0, say="please")
    chosen = Selection(classifier_band=(0, 0), detector_band=(0, 0), max_per_hour=1000)
    return Camera(
        name,
        Detector("detector@old", SEEN),
        Classifier("classifier@old", 0.9),
        0.5,
        12,
        ignore,
        Source(name, count, **source),
        (rule,),
        (),
        chosen if selection else None,
        privacy=Privacy.FULL if selection else Privacy.AGGREGATE,
    )


def candidate(*faces, probability=0.9, **how):
    return ShadowModels(
        Detector("detector@new", *faces, **how), Classifier("classifier@new", probability), 0.75
    )


def begin(pipeline, share=1.0, counted=(), **models):
    status = ShadowStatus("new", "old", SINCE, dict(counted))
    pipeline.shadow.begin(status, models, share)


def replayed(*cameras, share=1.0, counted=(), **models):
    store = Store()
    with Pipeline(cameras, store=store, replay=True) as pipeline:
        begin(pipeline, share, counted, **models)
        pipeline.run()
        return store.kept, pipeline.board.snapshot().shadow


def test_a_candidate_is_compared_counted_and_its_differences_queued_with_both_judgements():
    kept, status = replayed(camera(), door=candidate(SEEN, MORE, probability=0.1))
    counts = status.cameras["door"]
    assert replace(counts, serving_s=0, candidate_s=0) == ShadowCounts(5, 5, 0, 5, 5, 5)
    assert counts.serving_s > 0
    assert counts.candidate_s > 0
    ((number, reasons, report),) = kept
    assert (number, reasons) == (0, ("shadow",))
    said = report.shadow
    assert (said.version, said.serving, said.models) == (
        "new",
        "old",
        Versions("detector@new", "classifier@new"),
    )
    assert [(face.box, face.protected) for face in said.faces] == [(SEEN.box, 0.1), (MORE.box, 0.1)]
    assert [(face.box, face.protected) for face in report.faces] == [(SEEN.box, 0.9)]
    assert report.models == Versions("detector@old", "classifier@old")


def test_who_agrees_is_counted_and_nothing_is_queued_and_counts_go_on_from_before():
    kept, status = replayed(camera(), counted={"door": ShadowCounts(10, 2)}, door=candidate(SEEN))
    assert kept == []
    counts = status.cameras["door"]
    assert (counts.frames, counts.differing) == (15, 2)


def test_nothing_is_decided_by_a_candidate():
    def alerts(**models):
        told = []
        pipeline = Pipeline([camera(count=10)], replay=True, on_decision=told.append)
        with pipeline:
            begin(pipeline, **models)
            pipeline.run()
        return [(each.report.faces, each.alerts) for each in told]

    assert alerts(door=candidate(SEEN, MORE, probability=0.0)) == alerts()


def test_a_camera_without_samples_is_counted_and_gives_none():
    kept, status = replayed(camera(selection=False), door=candidate(MORE))
    assert kept == []
    assert status.cameras["door"].differing == 5


def test_a_face_where_it_is_ignored_is_no_difference():
    right = ((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0))
    _, status = replayed(camera(ignore=(right,)), door=candidate(SEEN, MORE))
    assert (status.cameras["door"].frames, status.cameras["door"].differing) == (5, 0)


def test_a_camera_that_is_not_in_the_shadow_is_left_alone():
    other = candidate(MORE)
    _, status = replayed(camera("door"), camera("gate"), gate=other)
    assert list(status.cameras) == ["gate"]


def test_a_frame_that_is_queued_already_is_not_queued_once_more():
    door = camera(count=1)
    unsure = Selection(classifier_band=(0.8, 1), detector_band=(0, 0), max_per_hour=1000)
    kept, status = replayed(replace(door, selection=unsure), door=candidate(MORE))
    assert [reasons for _, reasons, _ in kept] == [("classifier",)]
    assert status.cameras["door"].differing == 1


@pytest.mark.logs_errors
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), MemoryError(), KeyError("layer")], ids=repr)
def test_whatever_goes_wrong_with_a_candidate_ends_its_run_with_one_line(error, caplog):
    broken = candidate(error=error)
    kept, status = replayed(camera(), door=broken)
    assert kept == []
    assert len(broken.detector.threads) == 1
    assert type(error).__name__ in status.problem
    assert caplog.text.count("version new: its shadow run has ended") == 1


def test_a_run_that_ends_is_not_looked_for_any_more():
    old = candidate(MORE)
    with Pipeline([camera()], store=Store(), replay=True) as pipeline:
        begin(pipeline, door=old)
        pipeline.shadow.end()
        pipeline.run()
        assert pipeline.board.snapshot().shadow is None
    assert old.detector.threads == []


def test_a_live_camera_goes_on_while_a_candidate_takes_its_time():
    gate, store = threading.Event(), Store()
    slow = candidate(MORE, gate=gate)

    def between(n):
        until(lambda: pipeline.board.snapshot().cameras["door"].analysed > n)
        if n == 0:
            until(lambda: slow.detector.threads)
        if n == 20:  # all of them were analysed while it looked at the first
            assert slow.detector.threads == ["shadow"]
            gate.set()

    pipeline = Pipeline([camera(count=40, between=between)], store=store)
    with pipeline:
        begin(pipeline, door=slow)
        pipeline.run()
        assert pipeline.board.snapshot().cameras["door"].dropped == 0
    assert store.kept[0][:2] == (0, ("shadow",))


# whose turn it is


class Clock:
    """Time for a run; a look takes `look_s`."""

    def __init__(self, monkeypatch, look_s=1.0):
        self.now_s = 1000.0
        self.looks = []
        self._look_s = look_s
        monkeypatch.setattr("maskwatch.pipeline.shadow.time.monotonic", lambda: self.now_s)

    def detect(self, frames):
        self.looks.append(self.now_s)
        self.now_s += self._look_s
        return [(SEEN,) for _ in frames]


@pytest.fixture
def offered(monkeypatch, report):
    """Offer frames of cameras to a run, every `step_s`; gives when and whose were looked at."""

    def offer(names, seconds, *, share, step_s=0.5, look=Coverage.FULL, behind=False, gone=lambda *_: False):
        clock = Clock(monkeypatch)
        cameras = {name: camera(name) for name in names}
        run = ShadowRun(cameras, ShadowTally(), pytest.fail, lambda: behind, inline=True)
        models = ShadowModels(clock, Classifier("c", 0.9), 0.75)
        clock.version = "d"
        run.begin(ShadowStatus("new", "old", SINCE), dict.fromkeys(names, models), share)
        looks, began_s = [], clock.now_s
        while clock.now_s - began_s < seconds:
            for name in names:
                if gone(name, clock.now_s - began_s):
                    continue
                before = len(clock.looks)
                seen = replace(report(clock.now_s, 0.9, camera=name), look=look)
                run.consider(Frame(name, "clip", 0, clock.now_s, RGB), seen, 0.1)
                looks += [(name, at - began_s) for at in clock.looks[before:]]
            clock.now_s += step_s
        return looks

    return offer


def test_a_candidate_looks_for_its_share_of_the_time_alone(offered):
    looks = offered(["door"], 200, share=0.05)
    assert len(looks) == 10  # of a second each
    assert [at for _, at in looks][:3] == [0, 20, 40]


def test_of_several_cameras_each_has_its_turn_and_one_that_is_gone_is_not_waited_for(offered):
    looks = [name for name, _ in offered(["door", "gate", "yard"], 180, share=0.1)]
    assert looks[:6] == ["door", "gate", "yard"] * 2
    gone = offered(["door", "gate"], 200, share=0.1, gone=lambda name, at: name == "gate" and at > 45)
    assert [name for name, at in gone if at > 80] == ["door"] * 12


def test_nothing_is_looked_at_while_frames_wait_or_of_frames_that_were_not_looked_at_as_a_whole(offered):
    assert offered(["door"], 50, share=1.0, behind=True) == []
    assert offered(["door"], 50, share=1.0, look=Coverage.PART) == []
    assert offered(["door"], 50, share=1.0, look=Coverage.CARRIED) == []
