"""The status board: what every thread writes and every onlooker reads."""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from maskwatch.core.events import EventLogStatus
from maskwatch.core.people.counts import Counts
from maskwatch.core.people.lately import PeopleLately
from maskwatch.core.records import (
    LATENCIES_S,
    Alert,
    CameraState,
    CameraStatus,
    EffectStatus,
    FrameReport,
    Label,
    Latency,
    ModelKind,
    Passage,
    SinkStatus,
    StandingAlert,
    Status,
)
from maskwatch.core.view import Fault
from maskwatch.core.window import Window
from maskwatch.pipeline.shadow_tally import ShadowTally
from maskwatch.platform.clock import local_day

WINDOW_S = 10.0  # rates are over so long
INFERENCE_WINDOW_S = 60.0  # a still view asks the models seldom
HOUR_S = 3600.0
STILL_S = 5.0  # after so long without a frame, an idle camera sees nobody


class Listener(Protocol):
    """Is told of what is set on the board, on the thread that sets it."""

    def on_camera_state(
        self, camera: str, state: CameraState, reason: str | None, frame_age_s: float
    ) -> None:
        """A camera's state is another; its last frame, or the start, was `frame_age_s` ago."""
        ...

    def on_models(self, version: str, before: str, reason: str | None) -> None:
        """Another version serves; `reason` is why, for people, None where nobody said."""
        ...

    def on_models_refused(self, version: str, serving: str, reason: str | None) -> None:
        """A version is not to serve, `serving` goes on."""
        ...


class Board:
    """Counters and states of the running service; any thread may call any method. `shadow` tells of a shadow run."""

    def __init__(self, cameras: list[str]) -> None:
        now_s = time.monotonic()
        self._lock = threading.Lock()
        self._cameras = {name: _Camera(now_s) for name in cameras}
        self._alerts: Counter[tuple[str, str]] = Counter()
        self._inference = {stage: Window(INFERENCE_WINDOW_S, now_s) for stage in ModelKind}
        self._queued = 0
        self._not_queued = 0
        self._store_problem: str | None = None
        self._started_s = self._engine_beat = now_s
        self._models = ""
        self._notices: dict[str, str] = {}
        self._sinks: dict[tuple[str, tuple[str, ...]], SinkStatus] = {}
        self._events: EventLogStatus | None = None
        self._listener: Listener | None = None
        self.shadow = ShadowTally()

    def snapshot(self) -> Status:
        """All that is known at this moment, as one record that does not change; takes a millisecond with 64 cameras."""
        with self._lock:
            now_s = time.monotonic()
            return Status(
                {name: camera.status(now_s) for name, camera in self._cameras.items()},
                dict(self._alerts),
                self._queued,
                self._not_queued,
                self._engine_beat,
                now_s,
                self._started_s,
                {stage: window.mean(now_s) for stage, window in self._inference.items()},
                self._store_problem,
                self._models,
                dict(self._notices),
                tuple(self._sinks.values()),
                self._events,
                self.shadow.status(),
            )

    def camera_state(self, camera: str) -> CameraState:
        """One camera's state alone, for whoever asks at every frame: `snapshot` is about all that is known."""
        with self._lock:
            return self._cameras[camera].state

    @property
    def engine_beat(self) -> float:
        """When the engine last finished a round, on the monotonic clock."""
        with self._lock:
            return self._engine_beat

    def beat(self) -> None:
        """The engine finished a round."""
        with self._lock:
            self._engine_beat = time.monotonic()

    def count_captured(self, camera: str, dropped: int) -> None:
        """Count a captured frame; `dropped` is how many were dropped so far."""
        with self._lock:
            self._cameras[camera].on_frame(dropped, time.monotonic())

    def note_idle(self, camera: str) -> None:
        """A camera that brings no frames now is well."""
        with self._lock:
            self._cameras[camera].idle_s = time.monotonic()

    def set_camera_state(self, camera: str, state: CameraState, reason: str | None = None) -> None:
        """Set a camera's state; `reason` is why it is down, without any password."""
        with self._lock:
            now_s = time.monotonic()
            seen = self._cameras[camera]
            frame_s = self._started_s if seen.frame_s is None else seen.frame_s
            is_another = state is not seen.state
            seen.on_state(state, reason, now_s)
        if is_another and self._listener is not None:
            self._listener.on_camera_state(camera, state, reason, now_s - frame_s)

    def count_analysed(
        self, report: FrameReport, arrived_s: float | None = None, passages: Sequence[Passage] = ()
    ) -> None:
        """Count an analysed frame, of which all is decided, and who passed; it came at the monotonic time `arrived_s`."""
        with self._lock:
            self._cameras[report.camera].on_report(report, arrived_s, passages, time.monotonic())

    def set_view(self, camera: str, fault: Fault | None) -> None:
        """Set why a camera sees nothing useful; None: it does."""
        with self._lock:
            self._cameras[camera].view = fault

    def set_effect(self, camera: str, effect: EffectStatus) -> None:
        """Set what came of a camera's announcements."""
        with self._lock:
            self._cameras[camera].effect = effect

    def add_standing(self, alert: Alert) -> None:
        """An alert is decided, and about to be told."""
        with self._lock:
            self._cameras[alert.camera].on_alert(alert, time.monotonic())

    def remove_standing(self, alert: Alert) -> None:
        """It is over, or reached nobody."""
        with self._lock:
            self._cameras[alert.camera].standing.pop(alert.id, None)

    def set_store_problem(self, reason: str | None) -> None:
        """Set why no samples are stored; None: they are."""
        with self._lock:
            self._store_problem = reason

    def count_inference(self, stage: ModelKind, took_s: float, inputs: int) -> None:
        """Count one call of a model, with `inputs` in the batch."""
        with self._lock:
            self._inference[stage].add(time.monotonic(), took_s, inputs)

    def count_alert(self, sink: str, outcome: str) -> None:
        """Count an alert by its outcome at one sink: `delivered`, `kept`, `failed` or `dropped`."""
        with self._lock:
            self._alerts[sink, outcome] += 1

    def set_sink_status(self, name: str, cameras: tuple[str, ...], problem: str | None) -> None:
        """Set why the sink of these cameras cannot deliver; None: it can, as far as is known."""
        with self._lock:
            known = self._sinks.get((name, cameras))
            goes_on = known is not None and (known.problem is None) == (problem is None)
            since_s = known.since_s if known is not None and goes_on else time.monotonic()
            self._sinks[name, cameras] = SinkStatus(name, cameras, problem, since_s)

    def count_queued(self, *, stored: bool) -> None:
        """Count a sample that was stored, or could not be."""
        with self._lock:
            self._queued += stored
            self._not_queued += not stored

    def set_models(self, version: str, reason: str | None = None) -> None:
        """Set the serving version, and why it is that."""
        with self._lock:
            before, self._models = self._models, version
        if before not in {"", version} and self._listener is not None:
            self._listener.on_models(version, before, reason)

    def note_refused(self, version: str, reason: str | None) -> None:
        """A version is not to serve."""
        with self._lock:
            serving = self._models
        if self._listener is not None:
            self._listener.on_models_refused(version, serving, reason)

    def set_events(self, status: EventLogStatus) -> None:
        """Set how the keeping of events goes; what is wrong with it is a notice, too."""
        with self._lock:
            self._events = status
        problem, copying = status.problem, status.copy_problem
        self.set_notice("events", problem and f"no events are stored now: {problem}")
        self.set_notice("events shared", copying and f"the shared database of events: {copying}")

    def restore_passages(self, camera: str, at: float, passages: Iterable[Passage]) -> None:
        """Who passed before this start, at `at` on the camera's clock: counts lately and today, and not in the total."""
        with self._lock:
            self._cameras[camera].passages.restore(at, passages)

    def listen(self, listener: Listener) -> None:
        """Tell one listener from now on."""
        self._listener = listener

    def set_notice(self, about: str, text: str | None) -> None:
        """Set what somebody should see to; None removes it."""
        with self._lock:
            self._notices.pop(about, None)
            if text is not None:
                self._notices[about] = text


class _Camera:
    """One camera's part of the board; the board's lock is held."""

    def __init__(self, now_s: float) -> None:
        self.state = CameraState.CONNECTING
        self._reason: str | None = None
        self._since_s = now_s
        self.frame_s: float | None = None
        self.idle_s: float | None = None
        self._captured = self._dropped = self._analysed = self._reconnects = 0
        self._rates = [Window(WINDOW_S, now_s) for _ in range(3)]  # captured, dropped, analysed
        self._people = 0
        self._ratio: float | None = None
        self._hour = PeopleLately(HOUR_S)
        self._faces: Counter[Label] = Counter()
        self._latencies = [0] * (len(LATENCIES_S) + 1)
        self._latency_s = 0.0
        self._latency = Window(WINDOW_S, now_s)
        self.passages = Counts(local_day)
        self._clock_s = 0.0  # the frames' clock, less the monotonic one
        self.effect: EffectStatus | None = None
        self.view: Fault | None = None
        self._in_view = 0
        self.standing: dict[str, StandingAlert] = {}  # by their ids, the newest last

    def on_alert(self, alert: Alert, now_s: float) -> None:
        since_s = next((e.since_s for e in self.standing.values() if e.alert.rule == alert.rule), now_s)
        self.standing[alert.id] = StandingAlert(alert, since_s, now_s)

    def on_frame(self, dropped: int, now_s: float) -> None:
        self.frame_s = now_s
        self._captured += 1
        self._rates[0].add(now_s)
        self._rates[1].add(now_s, count=dropped - self._dropped)
        self._dropped = dropped

    def on_state(self, state: CameraState, reason: str | None, now_s: float) -> None:
        if state is not self.state:
            self._since_s = now_s
            self._reconnects += (self.state, state) == (CameraState.DOWN, CameraState.UP)
        self.state, self._reason = state, reason

    def on_report(
        self, report: FrameReport, arrived_s: float | None, passages: Sequence[Passage], now_s: float
    ) -> None:
        self._analysed += 1
        self._clock_s = report.at - now_s
        self.passages.add(report.at, passages)
        self._rates[2].add(now_s)
        self._people = report.people
        self._in_view = report.in_view
        self._ratio = report.protected_ratio
        self._hour.update(now_s, report.counted)
        self._faces.update(face.label for face in report.faces)
        if arrived_s is not None:
            latency_s = now_s - arrived_s
            self._latencies[bisect_left(LATENCIES_S, latency_s)] += 1
            self._latency_s += latency_s
            self._latency.add(now_s, latency_s)

    def status(self, now_s: float) -> CameraStatus:
        captured, dropped, analysed = (rate.per_s(now_s) for rate in self._rates)
        # of one that is gone, or brings nothing now, what was seen last is no longer so
        is_idle = (
            self.idle_s is not None and self.frame_s is not None and self.idle_s - self.frame_s > STILL_S
        )
        sees = self.state not in {CameraState.DOWN, CameraState.ENDED} and not is_idle
        return CameraStatus(
            state=self.state,
            reason=self._reason,
            captured=self._captured,
            dropped=self._dropped,
            analysed=self._analysed,
            people=self._people if sees else 0,
            protected_ratio=self._ratio if sees else None,
            reconnects=self._reconnects,
            since_s=self._since_s,
            frame_s=self.frame_s,
            idle_s=self.idle_s,
            captured_fps=captured,
            dropped_fps=dropped,
            analysed_fps=analysed,
            faces={label: self._faces[label] for label in Label},
            latency=Latency(tuple(self._latencies), self._latency_s, self._latency.mean(now_s)),
            hour=self._hour.count(now_s),
            passages=self.passages.at(now_s + self._clock_s),
            view=None if self.view is None else self.view.value,
            effect=self.effect,
            in_view=self._in_view if sees else 0,
            standing=tuple({each.alert.rule: each for each in self.standing.values()}.values()),
        )
