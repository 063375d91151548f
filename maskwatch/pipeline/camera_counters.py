"""One camera's part of the status board."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

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
    Passage,
    StandingAlert,
)
from maskwatch.core.view import Fault
from maskwatch.core.window import Window
from maskwatch.platform.clock import local_day

WINDOW_S = 10.0  # of the rates
HOUR_S = 3600.0
STILL_S = 5.0  # after so long without a frame, an idle camera sees nobody


class CameraCounters:
    """Counters and state of one camera, which the board's lock protects. Times are monotonic, in seconds."""

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
        """Add an alert that was decided now."""
        since_s = next((e.since_s for e in self.standing.values() if e.alert.rule == alert.rule), now_s)
        self.standing[alert.id] = StandingAlert(alert, since_s, now_s)

    def on_frame(self, dropped: int, now_s: float) -> None:
        """Count a captured frame; `dropped` is how many were dropped so far."""
        self.frame_s = now_s
        self._captured += 1
        self._rates[0].add(now_s)
        self._rates[1].add(now_s, count=dropped - self._dropped)
        self._dropped = dropped

    def on_state(self, state: CameraState, reason: str | None, now_s: float) -> None:
        """Set the state; `reason` is why the camera is down."""
        if state is not self.state:
            self._since_s = now_s
            self._reconnects += (self.state, state) == (CameraState.DOWN, CameraState.UP)
        self.state, self._reason = state, reason

    def on_report(
        self, report: FrameReport, arrived_s: float | None, passages: Sequence[Passage], now_s: float
    ) -> None:
        """Count a decided frame, which arrived at `arrived_s`, and who passed."""
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
        """Everything as one record that does not change."""
        captured, dropped, analysed = (rate.per_s(now_s) for rate in self._rates)
        # what a camera without frames showed last is no longer so
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
