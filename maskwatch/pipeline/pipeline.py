"""The engine's thread: takes what is ready from all mailboxes, analyses it as one batch, and decides."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Protocol, Self

from maskwatch.core.errors import DeviceLost, SourceError
from maskwatch.core.ports import AlertPictures, EventLog, SampleStore
from maskwatch.core.records import (
    CameraState,
    CameraStatus,
    Coverage,
    Decision,
    Detections,
    Frame,
    FrameReport,
    Outcome,
    Rgb,
    Versions,
)
from maskwatch.pipeline import capture
from maskwatch.pipeline.alerting import Alerting
from maskwatch.pipeline.camera import Camera, CameraMemory, CameraModels
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.event_feed import EventFeed
from maskwatch.pipeline.latest import Latest
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.sampling import Sampling
from maskwatch.pipeline.shadow import ShadowRun
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.turns import Turns

log = logging.getLogger(__name__)

IDLE_S = 0.5  # the engine shows that it lives at least so often
REPLAY_BATCH = 8
LOOK_S = 0.5  # how often cameras without frames are looked for
LOST_S = 5.0  # a camera that is down for so long ends what was told of its people
CLOSE_S = 1.0  # what each part gets to end by itself; all together stay well under systemd's patience


class Checkpoints(Protocol):
    """Decides where a replay can be gone on with."""

    def is_due(self, frame: Frame) -> bool:
        """Whether one is wanted before this frame; asked of each, in order."""
        ...

    def take(self, memory: Mapping[str, CameraMemory]) -> None:
        """All frames so far are decided, and this is what is known of each camera."""
        ...


class Pipeline:
    """Runs cameras until they end, `stop` is called, or a thread fails.

    Live (`replay=False`), the newest frame wins, and alerts and samples are handled by workers, so that
    nothing slow holds the engine up. In a replay every frame is analysed in order and handled at once,
    so the same clip gives the same decisions twice; `checkpoints` are taken between two frames, and `seen` is what the
    cameras' last frames showed where one goes on. `analyse` gives a report a frame where they were analysed before.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        *,
        store: SampleStore | None = None,
        replay: bool = False,
        on_decision: Callable[[Decision], None] | None = None,
        checkpoints: Checkpoints | None = None,
        seen: Mapping[str, Detections] | None = None,
        analyse: Callable[[Sequence[Frame]], list[FrameReport]] | None = None,
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._replay = replay
        self._on_decision = on_decision
        self._bell = threading.Condition()
        self._crash: BaseException | None = None
        self._stopping = threading.Event()
        self._looked_s = time.monotonic()
        self._swaps: deque[Mapping[str, CameraModels]] = deque()  # to be taken by the engine's thread
        self._fall_back: Callable[[], Mapping[str, CameraModels]] | None = None
        self._beside: list[AbstractContextManager[object]] = []
        self._entered = ExitStack()
        self.board = Board(list(self._cameras))
        self.latest = Latest(self._cameras)
        self._engine = Engine(self._cameras, self.board.count_inference)
        self._alerting = Alerting(cameras, self.board, self.fail, inline=replay)
        self._sampling = Sampling(self._cameras, store, self.board, self.fail, self._is_behind, inline=replay)
        self.shadow = ShadowRun(self._cameras, self.board.shadow, self.fail, self._is_behind, inline=replay)
        self._engine.seen.update(seen or {})
        self._checkpoints = checkpoints
        self._analyse = analyse or self._engine.analyse
        self._mailboxes = {
            name: Mailbox(self._bell, capacity=REPLAY_BATCH if replay else 1, blocks=replay)
            for name in self._cameras
        }
        self._captures = {
            name: capture.Capture(name, camera.source, self._mailboxes[name], self.board, replay=replay)
            for name, camera in self._cameras.items()
        }
        self._turns = Turns(self._cameras)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._threads = [capture.start(c, name, self.fail) for name, c in self._captures.items()]
        for companion in self._beside:
            self._entered.enter_context(companion)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises what a thread raised meanwhile, in its last jobs say."""
        self.stop()
        self._entered.__exit__(kind, error, trace)  # some tell a crash from an end
        for each in self._captures.values():
            each.stop()
        deadline = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.shadow.close(CLOSE_S)
        self._sampling.close(CLOSE_S)
        self._alerting.close(CLOSE_S / 2)
        if kind is None:
            self._raise_crash()

    def stop(self) -> None:
        """Ask `run` to return; any thread may."""
        self._stopping.set()
        with self._bell:
            self._bell.notify_all()

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """Those that it runs."""
        return tuple(self._cameras.values())

    def versions(self) -> dict[str, Versions]:
        """The models that judge each camera now."""
        return self._engine.versions()

    def add_background_task(self, companion: AbstractContextManager[object]) -> None:
        """Something that is to begin and to end with this pipeline."""
        self._beside.append(companion)

    def record_events(self, log: EventLog, pictures: AlertPictures | None = None) -> None:
        """Tell a log what happens, from now on until the end of the block; to be called before it begins."""
        live = [name for name, camera in self._cameras.items() if camera.source.live]
        self._alerting.feed = EventFeed(log, time.time, pictures, live)
        self.board.listen(self._alerting.feed)

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Use other models from the next batch on; the next frame is fully re-analysed, none is lost. Thread-safe."""
        self._swaps.append(models)

    def fall_back_on(self, make: Callable[[], Mapping[str, CameraModels]]) -> None:
        """What makes models that do without a lost graphics card, should one be lost while they run; else that ends `run`."""
        self._fall_back = make

    def is_looking_again(self) -> bool:
        """Whether a second look is under way, which may go on for seconds after the end."""
        return self._sampling.is_looking_again

    def release(self) -> None:
        """Free the models that were exchanged, on the caller's thread."""
        self._engine.release()

    def sample_inputs(self) -> list[Rgb]:
        """One detector input per shape, to warm up new models."""
        return self._engine.sample_inputs()

    def run(self) -> None:
        """Analyse until `stop` or until every camera has ended.

        Raises what a thread raised, and in a replay `SourceError` when a source broke off.
        """
        while not self._stopping.is_set():
            with self._bell:
                frames = self._taken()
                if frames is None:
                    break
                if not frames:
                    self._bell.wait(IDLE_S)
                    frames = self._taken() or []
            if self._crash is not None:
                break
            for batch in self._batches(frames):
                self._handle(batch)
            self._look_for_the_dead()
            self._sampling.tidy_now_and_then()
            if not self._replay:
                self._alerting.probe(time.monotonic())
            self.board.beat()
        self._raise_crash()
        errors = [each.error for each in self._captures.values() if each.error is not None]
        if errors and not self._stopping.is_set():
            raise SourceError(" and ".join(str(error) for error in errors))

    def _taken(self) -> list[Frame] | None:
        """What is ready, a frame or more; None when nothing will ever come. The bell is held."""
        if all(mailbox.is_over() for mailbox in self._mailboxes.values()):
            return None
        ready = [name for name, mailbox in self._mailboxes.items() if mailbox.is_ready()]
        if not self._replay:
            ready = self._turns.next(ready, self._engine.device_of)
        return [frame for name in ready for frame in self._mailboxes[name].take()]

    def _batches(self, frames: list[Frame]) -> Iterator[list[Frame]]:
        """All in one; a checkpoint lies between two."""
        begin = 0
        for place, frame in enumerate(frames if self._checkpoints else ()):
            if self._checkpoints is not None and self._checkpoints.is_due(frame):
                if place > begin:
                    yield frames[begin:place]
                begin = place
                self._alerting.deliver_results()
                self._checkpoints.take(self._memory())
        if frames[begin:]:
            yield frames[begin:]

    def _memory(self) -> dict[str, CameraMemory]:
        seen = self._engine.seen
        return {
            name: CameraMemory(c.gate, c.people, c.rules, c.selection, c.effect, seen.get(name))
            for name, c in self._cameras.items()
        }

    def _handle(self, frames: list[Frame]) -> None:
        began_s = time.monotonic()
        reports = self._analysed(frames)
        looked_at = sum(report.look is not Coverage.CARRIED for report in reports)
        took_s = (time.monotonic() - began_s) / max(1, looked_at)
        for frame, report in zip(frames, reports, strict=True):
            self._alerting.deliver_results()
            self._alerting.note_time(frame.camera, frame.at)
            decision = self._decide(frame, report)
            self.board.count_analysed(decision.report, frame.arrived_s, decision.passages)
            self._compare(frame, decision.report, took_s)
            if not self._replay:
                self.latest.update(decision)
            if self._alerting.feed is not None:
                self._alerting.feed.on_decision(decision)
            if self._on_decision is not None:
                self._on_decision(decision)

    def _compare(self, frame: Frame, report: FrameReport, took_s: float) -> None:
        """With a candidate in the shadow, if there is one; what differs is queued."""
        self.shadow.consider(frame, report, took_s)
        self._sampling.store_new(self.shadow.picks())

    def _analysed(self, frames: list[Frame]) -> list[FrameReport]:
        self._take_models()
        while True:
            try:
                return self._analyse(frames)
            except DeviceLost as e:
                if self._fall_back is None:
                    raise
                self._take_fallback(e, self._fall_back)

    def _take_models(self) -> None:
        while self._swaps:
            models = self._swaps.popleft()
            self._engine.swap(models)
            self._sampling.swap(models)

    def _take_fallback(self, error: DeviceLost, make: Callable[[], Mapping[str, CameraModels]]) -> None:
        """The same models on what is left, with new motion gates: the old ones take the frames for seen."""
        try:
            models = make()
        except DeviceLost as e:  # one after the other, and the processor at last
            log.error("%s", error)
            self._take_fallback(e, make)
            return
        left = ", ".join(sorted({each.device for each in models.values()} - {"cpu"}))
        computes = f"{left} computes" if left else "the processor computes"
        log.error("%s; %s from now on, until the next start", error, computes)
        self.board.set_notice("device", f"{error}; {computes}")
        self._swaps.clear()  # of the lost card, too
        self._swaps.append(models)
        self._take_models()

    def _decide(self, frame: Frame, found: FrameReport) -> Decision:
        camera = self._cameras[frame.camera]
        report, passages = camera.people.update(frame, found) if camera.people else (found, ())
        outcomes = self._follow_effect(camera, report)
        alerts = []
        for rule in camera.rules:
            alert = rule.update(report, passages)
            self._alerting.announce_ends(camera, rule)
            if alert is not None:
                alert = camera.effect.decided(alert, report) if camera.effect else alert
                alerts.append(alert)
                self._alerting.announce(camera, camera.with_picture(alert, frame, report), rule)
        self._look_at_the_view(camera, frame, report)
        queued = self._sampling.take(frame, report)
        return Decision(frame, report, tuple(alerts), queued, passages, outcomes)

    def _look_at_the_view(self, camera: Camera, frame: Frame, report: FrameReport) -> None:
        rule = camera.view_rule
        if rule is None:
            return
        alert = rule.update(frame, report)
        self._alerting.announce_ends(camera, rule)
        self.board.set_view(camera.name, rule.fault)
        if alert is not None:
            self._alerting.announce(camera, camera.with_picture(alert, frame, report), rule)

    def _follow_effect(self, camera: Camera, report: FrameReport) -> tuple[Outcome, ...]:
        if camera.effect is None:
            return ()
        outcomes = camera.effect.update(report)
        self.board.set_effect(camera.name, camera.effect.status)
        for each in outcomes:
            how = "told" if each.told else "withheld"
            counts = map(len, (each.addressed, each.put_on, each.unknown))
            told = "%s: an announcement (%s) addressed %d without a mask: %d put one on, of %d it is unknown"
            log.info(told, camera.name, how, *counts)
        return outcomes

    def _look_for_the_dead(self) -> None:
        """A camera that has given no frame for long is told of, whatever its thread thinks of it.

        What was told of people before is over.
        """
        now_s = time.monotonic()
        if self._replay or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        self._alerting.deliver_results()
        status = self.board.snapshot()
        for name, camera in self._cameras.items():
            seen = status.cameras[name]
            self._interrupt(camera, seen, now_s)
            if camera.offline_rule is None or seen.state is CameraState.ENDED:
                continue
            since_s = max(status.started_s, seen.frame_s or 0.0, seen.idle_s or 0.0)
            alert = camera.offline_rule.update(since_s, now_s, time.time(), seen.reason)
            self._alerting.announce_ends(camera, camera.offline_rule)
            if alert is None:
                continue
            if seen.state is not CameraState.DOWN:  # its thread waits for something that does not come
                log.warning("%s: down: %s", name, alert.reason)
                self.board.set_camera_state(name, CameraState.DOWN, alert.reason)
            self._alerting.announce(camera, alert, camera.offline_rule)

    def _interrupt(self, camera: Camera, seen: CameraStatus, now_s: float) -> None:
        lost = False
        if seen.frame_s is not None and now_s - seen.frame_s >= LOST_S:
            is_idle = seen.idle_s is not None and seen.idle_s > seen.frame_s
            lost = seen.state is CameraState.DOWN or is_idle
        if lost or seen.state is CameraState.ENDED:
            for rule in camera.rules:
                rule.interrupt()
                self._alerting.announce_ends(camera, rule)
            if camera.view_rule is not None:
                camera.view_rule.interrupt()
                self._alerting.announce_ends(camera, camera.view_rule)
            self.board.set_view(camera.name, None)

    def _is_behind(self) -> bool:
        with self._bell:
            return any(mailbox.is_ready() for mailbox in self._mailboxes.values())

    def fail(self, error: BaseException) -> None:
        """A thread died: `run` raises its exception, and the process ends with it. Any thread may call this."""
        self._crash = error
        with self._bell:
            self._bell.notify_all()

    def _raise_crash(self) -> None:
        """Once, by whoever comes first."""
        crash, self._crash = self._crash, None
        if crash is not None:
            raise crash
