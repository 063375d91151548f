"""The status board: what the threads of the service write, and what status, metrics and pages read."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from maskwatch.core.events import EventLogStatus
from maskwatch.core.records import (
    Alert,
    CameraState,
    EffectStatus,
    FrameReport,
    ModelKind,
    Passage,
    SinkStatus,
    Status,
)
from maskwatch.core.view import Fault
from maskwatch.core.window import Window
from maskwatch.pipeline.camera_counters import CameraCounters
from maskwatch.pipeline.shadow_tally import ShadowTally

INFERENCE_WINDOW_S = 60.0  # longer than the rates' window, as models seldom run while nothing moves


class Listener(Protocol):
    """Is called when something is set on the board, on the thread that sets it."""

    def on_camera_state(
        self, camera: str, state: CameraState, reason: str | None, frame_age_s: float
    ) -> None:
        """A camera's state has changed; its last frame, or the start, was `frame_age_s` ago."""
        ...

    def on_models(self, version: str, before: str, reason: str | None) -> None:
        """Another version of the models serves; `reason` is why, for people, None where nobody said."""
        ...

    def on_models_refused(self, version: str, serving: str, reason: str | None) -> None:
        """A version was refused; `serving` still serves."""
        ...


class Board:
    """Counters and states of the running service. Thread-safe. `shadow` has those of a shadow run."""

    def __init__(self, cameras: list[str]) -> None:
        now_s = time.monotonic()
        self._lock = threading.Lock()
        self._cameras = {name: CameraCounters(now_s) for name in cameras}
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
        """Everything at this moment, as one record that does not change; takes a millisecond with 64 cameras."""
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
        """One camera's state alone; much cheaper than `snapshot`, for callers that ask at every frame."""
        with self._lock:
            return self._cameras[camera].state

    @property
    def engine_beat(self) -> float:
        """The monotonic time at which the engine last finished a round."""
        with self._lock:
            return self._engine_beat

    def beat(self) -> None:
        """Note that the engine has finished a round."""
        with self._lock:
            self._engine_beat = time.monotonic()

    def count_captured(self, camera: str, dropped: int) -> None:
        """Count a captured frame; `dropped` is how many were dropped so far."""
        with self._lock:
            self._cameras[camera].on_frame(dropped, time.monotonic())

    def note_idle(self, camera: str) -> None:
        """Note that a camera without new frames works."""
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
        """Count a decided frame, which arrived at the monotonic time `arrived_s`, and who passed."""
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
        """Add an alert that was decided and is about to be delivered."""
        with self._lock:
            self._cameras[alert.camera].on_alert(alert, time.monotonic())

    def remove_standing(self, alert: Alert) -> None:
        """Remove an alert that is over, or reached nobody."""
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
        """Set the status of the event log; its problems become notices, too."""
        with self._lock:
            self._events = status
        problem, copying = status.problem, status.copy_problem
        self.set_notice("events", problem and f"no events are stored now: {problem}")
        self.set_notice("events shared", copying and f"the shared database of events: {copying}")

    def restore_passages(self, camera: str, at: float, passages: Iterable[Passage]) -> None:
        """Count people who passed before this start: in the last hour's and today's counts, not in the total.

        `at` is the time now on the camera's clock.
        """
        with self._lock:
            self._cameras[camera].passages.restore(at, passages)

    def listen(self, listener: Listener) -> None:
        """Call this listener, and no other, from now on."""
        self._listener = listener

    def set_notice(self, about: str, text: str | None) -> None:
        """Set a notice that somebody should act on; None removes it."""
        with self._lock:
            self._notices.pop(about, None)
            if text is not None:
                self._notices[about] = text
