"""Alerts about a camera itself: one at a time, from its decision until it is over."""

from dataclasses import replace

from maskwatch.core.records import Alert, AlertKind


class OneAlert:
    """Base class of the rules about a camera; each decides by itself when its alert is due, and when it is over."""

    def __init__(self, camera: str, say: str, kind: AlertKind, rule: str, *, quiet: bool = False) -> None:
        self._template = Alert(camera, 0.0, None, 0, 0, say, kind, rule=rule, quiet=quiet)
        self._in_flight: Alert | None = None
        self._standing: Alert | None = None  # delivered, and not over
        self._over: Alert | None = None

    def ended(self) -> Alert | None:
        """The alert that is over since the last `update`; given once."""
        over, self._over = self._over, None
        return over

    def delivered(self, _at: float) -> None:
        """Note that the alert was delivered."""
        self._standing, self._in_flight = self._in_flight, None

    def _decide(self, at: float, reason: str) -> Alert:
        self._in_flight = replace(self._template, at=at, reason=reason)
        return self._in_flight

    def _end(self, at: float) -> None:
        if self._standing is not None:
            self._over, self._standing = replace(self._standing, ended_at=at), None
