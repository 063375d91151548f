"""The status board: what every thread writes and every onlooker reads."""

import threading
import time
from collections import Counter
from dataclasses import replace

from maskwatch.core.records import CameraState, CameraStatus, FrameReport, Status


class Board:
    """Counters and states of the running service; any thread may call any method."""

    def __init__(self, cameras: list[str]) -> None:
        self._lock = threading.Lock()
        self._cameras = dict.fromkeys(cameras, CameraStatus())
        self._alerts: Counter[tuple[str, str]] = Counter()
        self._queued = 0
        self._not_queued = 0
        self._engine_beat = time.monotonic()
        self._models = ""
        self._notices: dict[str, str] = {}

    def snapshot(self) -> Status:
        with self._lock:
            return Status(
                dict(self._cameras),
                dict(self._alerts),
                self._queued,
                self._not_queued,
                self._engine_beat,
                self._models,
                dict(self._notices),
            )

    def beat(self) -> None:
        """The engine finished a round."""
        with self._lock:
            self._engine_beat = time.monotonic()

    def captured(self, camera: str, dropped: int) -> None:
        """A frame came in; `dropped` is how many were dropped so far."""
        with self._lock:
            before = self._cameras[camera]
            self._cameras[camera] = replace(before, captured=before.captured + 1, dropped=dropped)

    def state(self, camera: str, state: CameraState, reason: str | None = None) -> None:
        with self._lock:
            before = self._cameras[camera]
            came_back = state is CameraState.UP and before.state is CameraState.DOWN
            self._cameras[camera] = replace(
                before, state=state, reason=reason, reconnects=before.reconnects + came_back
            )

    def analysed(self, report: FrameReport) -> None:
        with self._lock:
            before = self._cameras[report.camera]
            self._cameras[report.camera] = replace(
                before,
                analysed=before.analysed + 1,
                people=report.people,
                protected_ratio=report.protected_ratio,
            )

    def alert(self, sink: str, outcome: str) -> None:
        with self._lock:
            self._alerts[sink, outcome] += 1

    def queued(self, *, stored: bool) -> None:
        with self._lock:
            self._queued += stored
            self._not_queued += not stored

    def models(self, version: str) -> None:
        """The version that serves from now on."""
        with self._lock:
            self._models = version

    def notice(self, about: str, text: str | None) -> None:
        """What somebody should see to; None: it is done with."""
        with self._lock:
            self._notices.pop(about, None)
            if text is not None:
                self._notices[about] = text
