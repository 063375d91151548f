"""When to tell that a camera is offline: once, until it does."""

from dataclasses import replace

from maskwatch.core.records import Alert, AlertKind

NAME = "camera_offline"  # of the rule, in its alerts


class CameraOffline:
    """Decides for one camera from how long it has given no frame.

    It answers with an alert at `dead_after_s`, and with no other before a frame came, unless `failed` tells
    that it reached nobody: then after another `dead_after_s`. A delivered alert ends when a frame comes.
    """

    def __init__(self, camera: str, *, dead_after_s: float, say: str) -> None:
        self._camera = camera
        self._dead_after_s = dead_after_s
        self._say = say
        self._since_s: float | None = None
        self._gone_s = 0.0
        self._due_s: float | None = dead_after_s  # None: it is told
        self._in_flight: Alert | None = None
        self._standing: Alert | None = None  # delivered, and not over
        self._over: Alert | None = None

    def update(self, since_s: float, now_s: float, at: float, reason: str | None) -> Alert | None:
        """`since_s`: when the last frame came, or the start, on the clock of `now_s`; `at`: Unix time, for the alert."""
        if since_s != self._since_s:
            self._due_s = self._dead_after_s  # a frame came
            if self._standing is not None:
                self._over, self._standing = replace(self._standing, ended_at=at), None
        self._since_s, self._gone_s = since_s, now_s - since_s
        gone_s = self._gone_s
        if self._due_s is None or gone_s < self._due_s:
            return None
        self._due_s = None
        self._in_flight = Alert(
            camera=self._camera,
            at=at,
            protected_ratio=None,
            people=0,
            unprotected=0,
            say=self._say,
            kind=AlertKind.CAMERA_DEAD,
            reason=reason or f"no frame for {gone_s:.0f} s",
            rule=NAME,
        )
        return self._in_flight

    def ended(self) -> Alert | None:
        """The alert that is over since the last `update`; given once."""
        over, self._over = self._over, None
        return over

    def delivered(self, _at: float) -> None:
        """Somebody knows."""
        self._standing, self._in_flight = self._in_flight, None

    def failed(self) -> None:
        """Nobody was told."""
        self._in_flight = None
        if self._due_s is None:
            self._due_s = self._gone_s + self._dead_after_s
