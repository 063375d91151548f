"""What the pipeline decides, as events. They hold nothing about a single person: no track, box or picture."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from uuid import uuid4

from maskwatch.core.events import Event, EventKind
from maskwatch.core.ports import AlertPictures, EventLog
from maskwatch.core.records import Alert, CameraState, Decision, Outcome, Passage


def alert_event(alert: Alert, at: float) -> Event:
    """The event of an alert that was decided at the Unix time `at`; a withheld one is not delivered, which is known at once."""
    return _event(
        EventKind.ALERT,
        at,
        alert.camera,
        rule=alert.rule,
        alert_kind=alert.kind.value,
        level=alert.level,
        quiet=alert.quiet,
        withheld=alert.withheld,
        say=alert.say,
        people=alert.people,
        unprotected=alert.unprotected,
        protected_ratio=alert.protected_ratio,
        reason=alert.reason,
        delivered=False if alert.withheld else None,
        sinks={},
    )


def with_outcomes(event: Event, sinks: Mapping[str, str], *, delivered: bool, now: float) -> Event:
    """An alert's event with the outcome at each sink, by its name; an alert that reached nobody is over `now` (Unix time)."""
    data = {**event.data, "delivered": delivered, "sinks": dict(sinks)}
    return replace(event, data=data, ended_at=event.ended_at if delivered else now)


def ended(event: Event, at: float, *, cut_off: bool = False) -> Event:
    """The same event, over at the Unix time `at`; `cut_off`: nobody saw its end."""
    return replace(event, ended_at=at, data={**event.data, "cut_off": True} if cut_off else event.data)


def passage_event(passage: Passage, at: float) -> Event:
    """The event of somebody who passed at the Unix time `at`."""
    kind = {"label": passage.label.value, "direction": passage.direction.value}
    return _event(EventKind.PASSAGE, at, passage.camera, **kind, line=passage.line, zones=list(passage.zones))


def announcement_event(camera: str, outcome: Outcome, at: float) -> Event:
    """The event of an announcement's outcome, which is known since the Unix time `at`."""
    counts = {name: len(getattr(outcome, name)) for name in ("addressed", "put_on", "unknown")}
    return _event(EventKind.ANNOUNCEMENT, at, camera, told=outcome.told, **counts)


def service_event(
    state: str, at: float, *, version: str | None = None, reason: str | None = None, cut_off: bool = False
) -> Event:
    """The event of a service that is started, stopped or reloaded (`state`).

    `version` is the program's; `reason` is the error that ended it, without any password.
    """
    more: dict[str, object] = {"reason": reason} if reason else {}
    more |= {"cut_off": True} if cut_off else {}
    return _event(EventKind.SERVICE, at, None, state=state, version=version, **more)


def _event(kind: EventKind, at: float, camera: str | None, **data: object) -> Event:
    return Event(uuid4().hex, kind, at, camera, data=data)


class EventFeed:
    """Records in `log` when alerts and outages begin, change and end, and what happens between. Any thread may call.

    `clock` gives Unix time, at which events of footage are recorded. Frames of the cameras in `live` have Unix times of
    their own, perhaps old ones, where clips are put into a folder. `pictures` gets each frame and alert.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], float],
        pictures: AlertPictures | None = None,
        live: Collection[str] = (),
    ) -> None:
        self._log = log
        self._pictures = pictures
        self._clock = clock
        self._live = frozenset(live)
        self._lock = threading.Lock()
        self._alerts: dict[str, Event] = {}  # that go on, by the alert's id
        self._outages: dict[str, Event] = {}  # by camera
        self._is_closed = False

    def on_alert(self, alert: Alert) -> None:
        """Record an alert that was decided just now."""
        with self._lock:
            event = alert_event(alert, alert.at if alert.camera in self._live else self._clock())
            if (before := self._alerts.get(alert.id)) is not None:  # footage that begins anew
                self._log.record(ended(before, event.at))
            self._alerts[alert.id] = event
            self._log.record(event)
            if self._pictures is not None:
                self._pictures.on_alert(event.id, alert.camera, alert)

    def on_outcomes(self, alert: Alert, sinks: Mapping[str, str], delivered: bool) -> None:  # noqa: FBT001 - as the announcer calls it
        """Record an alert's outcome at each sink."""
        with self._lock:
            if alert.id not in self._alerts:
                return
            event = with_outcomes(self._alerts[alert.id], sinks, delivered=delivered, now=self._clock())
            self._log.record(event)
            if delivered:
                self._alerts[alert.id] = event
            else:
                del self._alerts[alert.id]

    def on_ended(self, over: Alert) -> None:
        """Record that an alert is over, since `over.ended_at` on the camera's clock."""
        with self._lock:
            if over.id not in self._alerts:
                return
            event = self._alerts.pop(over.id)
            lasted_s = max(0.0, (over.at if over.ended_at is None else over.ended_at) - over.at)
            self._log.record(ended(event, min(event.at + lasted_s, max(event.at, self._clock()))))

    def on_decision(self, decision: Decision) -> None:
        """Record who passed, and what came of announcements."""
        if self._pictures is not None:
            self._pictures.update(decision)
        if not decision.passages and not decision.outcomes:
            return
        now = decision.report.at if decision.report.camera in self._live else self._clock()
        for passage in decision.passages:
            self._log.record(passage_event(passage, now - max(0.0, decision.report.at - passage.at)))
        for outcome in decision.outcomes:
            self._log.record(announcement_event(decision.report.camera, outcome, now))

    def on_camera_state(
        self, camera: str, state: CameraState, reason: str | None, frame_age_s: float
    ) -> None:
        """Record an outage's begin or end when a camera's state has changed; its last frame, or the start, was `frame_age_s` ago."""
        with self._lock:
            now = self._clock()
            outage = self._outages.get(camera)
            if self._is_closed:
                return
            if state is CameraState.DOWN and outage is None:
                outage = _event(EventKind.OUTAGE, now - frame_age_s, camera, reason=reason)
                self._outages[camera] = outage
                self._log.record(outage)
            elif state is not CameraState.DOWN and outage is not None:
                del self._outages[camera]
                self._log.record(ended(outage, now, cut_off=state is not CameraState.UP))

    def on_models(self, version: str, before: str, reason: str | None) -> None:
        """Record that another version of the models serves."""
        self._record_models(reason, version=version, before=before)

    def on_models_refused(self, version: str, serving: str, reason: str | None) -> None:
        """Record that a version was refused, and which one still serves."""
        self._record_models(reason, version=serving, refused=version)

    def _record_models(self, reason: str | None, **said: object) -> None:
        why = {"reason": reason} if reason else {}
        self._log.record(_event(EventKind.MODELS, self._clock(), None, **said, **why))

    def close(self) -> None:
        """Record that alerts and outages that go on are cut off, as nobody sees their end."""
        with self._lock:
            now = self._clock()
            self._is_closed = True
            for event in (*self._alerts.values(), *self._outages.values()):
                self._log.record(ended(event, now, cut_off=True))
            self._alerts, self._outages = {}, {}
