"""When to tell that a camera is offline: once, until it does."""

from maskwatch.core.records import Alert, AlertKind
from maskwatch.core.rules.one_alert import OneAlert

NAME = "camera_offline"  # of the rule, in its alerts


class CameraOffline(OneAlert):
    """Decides for one camera from how long it has given no frame.

    It answers with an alert at `dead_after_s`, and with no other before a frame came, unless `failed` tells
    that it reached nobody: then after another `dead_after_s`. A delivered alert ends when a frame comes.
    """

    def __init__(self, camera: str, *, dead_after_s: float, say: str) -> None:
        super().__init__(camera, say, AlertKind.CAMERA_DEAD, NAME)
        self._dead_after_s = dead_after_s
        self._since_s: float | None = None
        self._gone_s = 0.0
        self._due_s: float | None = dead_after_s  # None: it is told

    def update(self, since_s: float, now_s: float, at: float, reason: str | None) -> Alert | None:
        """`since_s`: when the last frame came, or the start, on the clock of `now_s`; `at`: Unix time, for the alert."""
        if since_s != self._since_s:
            self._due_s = self._dead_after_s  # a frame came
            self._end(at)
        self._since_s, self._gone_s = since_s, now_s - since_s
        gone_s = self._gone_s
        if self._due_s is None or gone_s < self._due_s:
            return None
        self._due_s = None
        return self._decide(at, reason or f"no frame for {gone_s:.0f} s")

    def failed(self) -> None:
        """Nobody was told."""
        self._in_flight = None
        if self._due_s is None:
            self._due_s = self._gone_s + self._dead_after_s
