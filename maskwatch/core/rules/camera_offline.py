"""Alerts about a camera that gives no frames: one for each outage."""

from maskwatch.core.records import Alert, AlertKind
from maskwatch.core.rules.one_alert import OneAlert

NAME = "camera_offline"  # of the rule, in its alerts


class CameraOffline(OneAlert):
    """Decides for one camera by how long it has given no frame.

    It alerts after `dead_after_s`, and again only after a frame came. If the alert reached nobody (`failed`), it alerts again
    after another `dead_after_s`. A delivered alert ends when a frame comes.
    """

    def __init__(self, camera: str, *, dead_after_s: float, say: str) -> None:
        super().__init__(camera, say, AlertKind.CAMERA_DEAD, NAME)
        self._dead_after_s = dead_after_s
        self._since_s: float | None = None
        self._gone_s = 0.0
        self._due_s: float | None = dead_after_s  # None: this outage has had its alert

    def update(self, since_s: float, now_s: float, at: float, reason: str | None) -> Alert | None:
        """The alert that is due now, mostly None.

        `since_s` is when the last frame came, or the start, on the clock of `now_s`; `at` is the Unix time now; `reason` is
        why the camera is down, if that is known.
        """
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
        """Note that the alert reached nobody."""
        self._in_flight = None
        if self._due_s is None:
            self._due_s = self._gone_s + self._dead_after_s
