"""The engine's thread: takes what is ready from all mailboxes, analyses it as one batch, and has it decided."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

from maskwatch.core.errors import DeviceLost, SourceError
from maskwatch.core.ports import AlertPictures, EventLog, SampleStore
from maskwatch.core.records import (
    Coverage,
    Decision,
    Detections,
    Frame,
    FrameReport,
    Rgb,
    Versions,
)
from maskwatch.pipeline import capture
from maskwatch.pipeline.alerting import Alerting
from maskwatch.pipeline.camera import Camera, CameraMemory, CameraModels, Checkpoints
from maskwatch.pipeline.decisions import Decisions
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.event_feed import EventFeed
from maskwatch.pipeline.latest import Latest
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.offline_watch import OfflineWatch
from maskwatch.pipeline.sampling import Sampling
from maskwatch.pipeline.shadow import ShadowRun
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.turns import Turns

log = logging.getLogger(__name__)

IDLE_S = 0.5  # without frames, a round of the engine takes so long
REPLAY_BATCH = 8
CLOSE_S = 1.0  # for each part to end; all together stay well under systemd's time limit


class Pipeline:
    """Runs cameras until they end, `stop` is called, or a thread fails.

    Live (`replay=False`), the newest frame wins, and alerts and samples are handled by workers, so that
    nothing slow holds the engine up. In a replay every frame is analysed in order and handled at once,
    so the same clip gives the same decisions twice; `checkpoints` are taken between two frames. A resumed replay is given
    `seen`, what each camera's last frame showed. `analyse` returns the reports of frames that were analysed before; None:
    the engine analyses them.
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
        self._swaps: deque[Mapping[str, CameraModels]] = deque()  # to be taken by the engine's thread
        self._fall_back: Callable[[], Mapping[str, CameraModels]] | None = None
        self._companions: list[AbstractContextManager[object]] = []
        self._entered = ExitStack()
        self.board = Board(list(self._cameras))
        self.latest = Latest(self._cameras)
        self._engine = Engine(self._cameras, self.board.count_inference)
        self._alerting = Alerting(cameras, self.board, self.fail, inline=replay)
        self._sampling = Sampling(self._cameras, store, self.board, self.fail, self._is_behind, inline=replay)
        self.shadow = ShadowRun(self._cameras, self.board.shadow, self.fail, self._is_behind, inline=replay)
        self._decisions = Decisions(self._cameras, self.board, self._alerting, self._sampling)
        self._offline = OfflineWatch(self._cameras, self.board, self._alerting)
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
        for companion in self._companions:
            self._entered.enter_context(companion)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything. Raises what a thread raised meanwhile, for example in its last jobs."""
        self.stop()
        self._entered.__exit__(kind, error, trace)  # some do something else after an error
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
        """The cameras that it runs."""
        return tuple(self._cameras.values())

    def versions(self) -> dict[str, Versions]:
        """The models that judge each camera now."""
        return self._engine.versions()

    def add_background_task(self, companion: AbstractContextManager[object]) -> None:
        """Enter a context manager when this pipeline starts, and exit it when the pipeline ends."""
        self._companions.append(companion)

    def record_events(self, log: EventLog, pictures: AlertPictures | None = None) -> None:
        """Record what happens in a log, and alerts' pictures; to be called before the pipeline starts."""
        live = [name for name, camera in self._cameras.items() if camera.source.live]
        self._alerting.feed = EventFeed(log, time.time, pictures, live)
        self.board.listen(self._alerting.feed)

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Use other models from the next batch on; the next frame is fully analysed, none is lost. Thread-safe."""
        self._swaps.append(models)

    def fall_back_on(self, make: Callable[[], Mapping[str, CameraModels]]) -> None:
        """Set what makes models that need no lost graphics card. Without it, a card that is lost ends `run`."""
        self._fall_back = make

    def is_looking_again(self) -> bool:
        """Whether a second look is under way; it may take seconds, even after the pipeline's end."""
        return self._sampling.is_looking_again

    def release(self) -> None:
        """Free the models that were swapped out, on the caller's thread."""
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
            if not self._replay:
                self._offline.check(time.monotonic())
                self._sampling.tidy_now_and_then()
                self._alerting.probe(time.monotonic())
            self.board.beat()
        self._raise_crash()
        errors = [each.error for each in self._captures.values() if each.error is not None]
        if errors and not self._stopping.is_set():
            raise SourceError(" and ".join(str(error) for error in errors))

    def _taken(self) -> list[Frame] | None:
        """The frames that are ready, perhaps none; None when no camera will give any more. The bell is held."""
        if all(mailbox.is_over() for mailbox in self._mailboxes.values()):
            return None
        ready = [name for name, mailbox in self._mailboxes.items() if mailbox.is_ready()]
        if not self._replay:
            ready = self._turns.next(ready, self._engine.device_of)
        return [frame for name in ready for frame in self._mailboxes[name].take()]

    def _batches(self, frames: list[Frame]) -> Iterator[list[Frame]]:
        """The frames as one batch, or as two where a checkpoint lies between them."""
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
            decision = self._decisions.decide(frame, report)
            self.board.count_analysed(decision.report, frame.arrived_s, decision.passages)
            self._compare(frame, decision.report, took_s)
            if not self._replay:
                self.latest.update(decision)
            if self._alerting.feed is not None:
                self._alerting.feed.on_decision(decision)
            if self._on_decision is not None:
                self._on_decision(decision)

    def _compare(self, frame: Frame, report: FrameReport, took_s: float) -> None:
        """Have the candidate in the shadow, if any, judge the frame; frames that it judges differently are queued."""
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
        """Swap in the same models on the devices that are left, with new motion gates: the old ones count the frames as seen."""
        try:
            models = make()
        except DeviceLost as e:  # another card is lost, too; the last device is the processor
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

    def _is_behind(self) -> bool:
        with self._bell:
            return any(mailbox.is_ready() for mailbox in self._mailboxes.values())

    def fail(self, error: BaseException) -> None:
        """Have `run` raise the exception that ended a thread. Any thread may call this."""
        self._crash = error
        with self._bell:
            self._bell.notify_all()

    def _raise_crash(self) -> None:
        """Raise what a thread raised, once."""
        crash, self._crash = self._crash, None
        if crash is not None:
            raise crash
