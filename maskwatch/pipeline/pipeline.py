"""The engine's thread: takes what is ready from all mailboxes, analyses it as one batch, and decides."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Protocol, Self

from maskwatch.core.errors import QueueError, QueueFull, SourceError
from maskwatch.core.ports import AlertPictures, AlertRule, EventLog, SampleStore
from maskwatch.core.records import (
    Alert,
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
from maskwatch.core.selection import Pick
from maskwatch.pipeline import capture
from maskwatch.pipeline.announcer import Announcer, sink_routes
from maskwatch.pipeline.camera import Camera, CameraMemory, CameraModels
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.event_feed import EventFeed
from maskwatch.pipeline.latest import Latest
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.second_look import SecondLooks
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.worker import Worker

log = logging.getLogger(__name__)

IDLE_S = 0.5  # the engine shows that it lives at least so often
STORE_WAITING = 8  # samples that may wait for the disk
TIDY_S = 60.0  # the queue is looked after so often
REPLAY_BATCH = 8
LOOK_S = 0.5  # how often cameras without frames are looked for
LOST_S = 5.0  # a camera that is down for so long ends what was told of its people
CLOSE_S = 1.0  # what each part gets to end by itself; all together stay well under systemd's patience


class Followed(Protocol):
    """Is told how an alert fared."""

    def delivered(self, at: float) -> None:
        """It reached people at `at`, on the camera's clock."""
        ...

    def failed(self) -> None:
        """It reached nobody."""
        ...


class Checkpoints(Protocol):
    """Decides where a replay can be gone on with."""

    def is_due(self, frame: Frame) -> bool:
        """Whether one is wanted before this frame; asked of each, in order."""
        ...

    def take(self, memory: Mapping[str, CameraMemory]) -> None:
        """All frames so far are decided, and this is what is known of each camera."""
        ...


class _OnBoard:
    """Takes an alert that reached nobody from the board; one that was told stands there until it is over."""

    def __init__(self, board: Board, alert: Alert) -> None:
        self._board = board
        self._alert = alert

    def delivered(self, at: float) -> None:
        pass

    def failed(self) -> None:
        self._board.remove_standing(self._alert)


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
        self._store = store
        self._replay = replay
        self._on_decision = on_decision
        self._bell = threading.Condition()
        self._crash: BaseException | None = None
        self._stopping = threading.Event()
        self._words: deque[tuple[Followed, float | None]] = deque()  # from the sinks to the rules
        self._looked_s = time.monotonic()
        self._tidied_s = -TIDY_S
        self._store_problem: QueueError | None = None
        self._swaps: deque[Mapping[str, CameraModels]] = deque()  # to be taken by the engine's thread
        self._beside: list[AbstractContextManager[object]] = []
        self._entered = ExitStack()
        self._feed: EventFeed | None = None
        self.board = Board(list(self._cameras))
        self.latest = Latest(self._cameras)
        self._engine = Engine(self._cameras, self.board.count_inference)
        self._engine.seen.update(seen or {})
        self._checkpoints = checkpoints
        self._analyse = analyse or self._engine.analyse
        self._announcer = Announcer(sink_routes(cameras), self.board, self.fail, inline=replay)
        self._second_looks = SecondLooks(self._cameras, self.fail, inline=replay)
        self._writer = Worker("queue", capacity=STORE_WAITING, on_crash=self.fail, inline=replay)
        self._mailboxes = {
            name: Mailbox(self._bell, capacity=REPLAY_BATCH if replay else 1, blocks=replay)
            for name in self._cameras
        }
        self._captures = {
            name: capture.Capture(name, camera.source, self._mailboxes[name], self.board, replay=replay)
            for name, camera in self._cameras.items()
        }
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._threads = [capture.start(c, name, self.fail) for name, c in self._captures.items()]
        for companion in self._beside:
            self._entered.enter_context(companion)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Raises what a thread raised meanwhile, in its last jobs say."""
        self.stop()
        self._entered.close()
        for each in self._captures.values():
            each.stop()
        deadline = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._second_looks.close(CLOSE_S)
        self._writer.close(CLOSE_S)
        self._announcer.close(CLOSE_S / 2)
        if self._feed is not None:
            self._feed.close()
        if error is None:
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
        self._feed = EventFeed(log, time.time, pictures)
        self.board.listen(self._feed)

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Use other models from the next batch on; the next frame is fully re-analysed, none is lost. Thread-safe."""
        self._swaps.append(models)

    def is_looking_again(self) -> bool:
        """Whether a second look is under way, which may go on for seconds after the end."""
        return self._second_looks.is_busy

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
            self._tidy_the_store()
            if not self._replay:
                self._announcer.probe(time.monotonic())
            self.board.beat()
        self._raise_crash()
        errors = [each.error for each in self._captures.values() if each.error is not None]
        if errors and not self._stopping.is_set():
            raise SourceError(" and ".join(str(error) for error in errors))

    def _taken(self) -> list[Frame] | None:
        """What is ready, a frame or more; None when nothing will ever come. The bell is held."""
        if all(mailbox.is_over() for mailbox in self._mailboxes.values()):
            return None
        ready = [mailbox for mailbox in self._mailboxes.values() if mailbox.is_ready()]
        return [frame for mailbox in ready for frame in mailbox.take()]

    def _batches(self, frames: list[Frame]) -> Iterator[list[Frame]]:
        """All in one; a checkpoint lies between two."""
        begin = 0
        for place, frame in enumerate(frames if self._checkpoints else ()):
            if self._checkpoints is not None and self._checkpoints.is_due(frame):
                if place > begin:
                    yield frames[begin:place]
                begin = place
                self._pass_words_on()
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
        while self._swaps:
            models = self._swaps.popleft()
            self._engine.swap(models)
            self._second_looks.swap(models)
        for frame, report in zip(frames, self._analyse(frames), strict=True):
            self._pass_words_on()
            self._announcer.note_time(frame.camera, frame.at)
            decision = self._decide(frame, report)
            self.board.count_analysed(decision.report, frame.arrived_s, decision.passages)
            if not self._replay:
                self.latest.update(decision)
            if self._feed is not None:
                self._feed.on_decision(decision)
            if self._on_decision is not None:
                self._on_decision(decision)

    def _decide(self, frame: Frame, found: FrameReport) -> Decision:
        camera = self._cameras[frame.camera]
        report, passages = camera.people.update(frame, found) if camera.people else (found, ())
        outcomes = self._follow_effect(camera, report)
        alerts = []
        for rule in camera.rules:
            alert = rule.update(report, passages)
            self._announce_ends(camera, rule)
            if alert is not None:
                alert = camera.effect.decided(alert, report) if camera.effect else alert
                alerts.append(alert)
                self._announce(camera, camera.with_picture(alert, frame, report), rule)
        self._look_at_the_view(camera, frame, report)
        queued = self._select(camera, frame, report)
        return Decision(frame, report, tuple(alerts), queued, passages, outcomes)

    def _look_at_the_view(self, camera: Camera, frame: Frame, report: FrameReport) -> None:
        rule = camera.view_rule
        if rule is None:
            return
        alert = rule.update(frame, report)
        self._announce_ends(camera, rule)
        self.board.set_view(camera.name, rule.fault)
        if alert is not None:
            self._announce(camera, camera.with_picture(alert, frame, report), rule)

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
        self._pass_words_on()
        status = self.board.snapshot()
        for name, camera in self._cameras.items():
            seen = status.cameras[name]
            self._interrupt(camera, seen, now_s)
            if camera.offline_rule is None or seen.state is CameraState.ENDED:
                continue
            since_s = status.started_s if seen.frame_s is None else seen.frame_s
            alert = camera.offline_rule.update(since_s, now_s, time.time(), seen.reason)
            self._announce_ends(camera, camera.offline_rule)
            if alert is None:
                continue
            if seen.state is not CameraState.DOWN:  # its thread waits for something that does not come
                log.warning("%s: down: %s", name, alert.reason)
                self.board.set_camera_state(name, CameraState.DOWN, alert.reason)
            self._announce(camera, alert, camera.offline_rule)

    def _interrupt(self, camera: Camera, seen: CameraStatus, now_s: float) -> None:
        lost = seen.state is CameraState.DOWN and seen.frame_s is not None and now_s - seen.frame_s >= LOST_S
        if lost or seen.state is CameraState.ENDED:
            for rule in camera.rules:
                rule.interrupt()
                self._announce_ends(camera, rule)
            if camera.view_rule is not None:
                camera.view_rule.interrupt()
                self._announce_ends(camera, camera.view_rule)
            self.board.set_view(camera.name, None)

    def _announce(self, camera: Camera, alert: Alert, rule: AlertRule) -> None:
        """Tell people; or of one that is withheld nobody, and the rule goes on as if they had been told."""
        announcement = camera.effect.announcement(alert) if camera.effect else None
        followed: list[Followed] = [rule] if announcement is None else [rule, announcement]
        if self._feed is not None:
            self._feed.on_alert(alert)
        if alert.withheld:
            log.info("%s: an announcement is withheld (alert.withhold_share)", camera.name)
            self._words.append((rule, alert.at))
            return
        shown = replace(alert, frame=None)
        self.board.add_standing(shown)
        followed.append(_OnBoard(self.board, shown))

        def on_told(sinks: Mapping[str, str], delivered: bool) -> None:  # noqa: FBT001
            if self._feed is not None:
                self._feed.on_told(alert, sinks, delivered)

        self._announcer.announce(
            alert,
            camera.sinks_for(alert),
            lambda at: self._words.extend((each, at) for each in followed),
            on_told,
        )

    def _announce_ends(self, camera: Camera, rule: AlertRule) -> None:
        while (over := rule.ended()) is not None:
            self.board.remove_standing(over)
            if self._feed is not None:
                self._feed.on_ended(over)
            self._announcer.announce_end(over, camera.sinks_for(over))

    def _pass_words_on(self) -> None:
        """Tell the rules on the engine's thread, their only one, how their alerts fared."""
        while self._words:
            rule, delivered_at = self._words.popleft()
            if delivered_at is None:
                rule.failed()
            else:
                rule.delivered(delivered_at)

    def _select(self, camera: Camera, frame: Frame, report: FrameReport) -> str | None:
        """The sample's id where it is known at once, in a replay; live, the disk comes later."""
        if camera.selection is None or self._store is None or report.look is Coverage.CARRIED:
            return None
        picks = camera.selection.update(frame, report)
        if all(pick.frame is not frame for pick in picks) and (self._replay or not self._is_behind()):
            self._second_looks.consider(frame, report)
        stored: list[str] = []
        for pick in (*picks, *self._second_looks.picks()):
            if not self._writer.submit(lambda pick=pick: stored.extend(self._add(pick))):  # type: ignore[misc]
                self.board.count_queued(stored=False)
        return stored[-1] if stored and self._replay else None

    def _is_behind(self) -> bool:
        with self._bell:
            return any(mailbox.is_ready() for mailbox in self._mailboxes.values())

    def _add(self, pick: Pick) -> list[str]:
        assert self._store is not None
        try:
            sample = self._store.add(pick.frame, pick.report, pick.reasons)
        except QueueError as e:
            self._note_store(e)
            self.board.count_queued(stored=False)
            return []
        finally:
            self.board.set_notice("queue", self._store.notice)
        self._note_store(None)
        self.board.count_queued(stored=True)
        return [sample]

    def _tidy_the_store(self) -> None:
        now_s = time.monotonic()
        if self._store is not None and not self._replay and now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._writer.submit(self._tidy)

    def _tidy(self) -> None:
        assert self._store is not None
        try:
            self._store.tidy()
        except QueueError as e:
            self._note_store(e)
        else:
            if isinstance(self._store_problem, QueueFull):  # of other problems, a sample must tell
                self._note_store(None)
        self.board.set_notice("queue", self._store.notice)

    def _note_store(self, problem: QueueError | None) -> None:
        """Say once that no samples are stored, and once that they are again."""
        if problem is not None and self._store_problem is None:
            log.error("%s; further samples are only counted until it works", problem)
        if problem is None and self._store_problem is not None:
            log.info("queue: stores samples again")
        self._store_problem = problem
        self.board.set_store_problem(None if problem is None else str(problem))

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
