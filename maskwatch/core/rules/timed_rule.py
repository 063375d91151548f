"""Rules: a condition that holds for long enough is an alert, unless there was one just before. Alerts begin and end."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskwatch.core.records import Alert, FrameReport, Passage
from maskwatch.core.rules.condition import Condition, Finding
from maskwatch.core.rules.escalation import Escalation, Repeats
from maskwatch.core.rules.schedule import Schedule

MAX_ENDED = 4  # ended alerts that are kept for a caller that does not ask for them at each frame


@dataclass(frozen=True, slots=True)
class Timing:
    """When a rule alerts, and what the alert says.

    The condition has to hold for `for_s`; after a delivery there is no alert for `cooldown_s`. After more than `max_gap_s`
    without a frame `for_s` starts again. Outside of the `schedule` (None: always) there is no alert; while `quiet` holds
    (None: never) alerts are quiet. Schedules need frames whose time is Unix time.
    """

    say: str
    for_s: float = 1.0
    cooldown_s: float = 30.0
    max_gap_s: float = 5.0
    schedule: Schedule | None = None
    quiet: Schedule | None = None
    escalation: Escalation | None = None


@dataclass(slots=True)
class _Open:
    """An alert that is not over, the tracks that it is about, and when its condition was last seen to hold."""

    alert: Alert
    subjects: frozenset[int]
    lasting_at: float


class TimedRule:
    """A `Rule` for one camera, which checks a condition on each frame.

    A delivered alert ends when the condition is over, when it has been unknown for more than `max_gap_s`, when the schedule
    ends or the camera gives no frames, or when the next alert is delivered.
    """

    def __init__(self, name: str, condition: Condition, timing: Timing) -> None:
        self.name = name
        self._condition = condition
        self._timing = timing
        self._repeats = None if timing.escalation is None else Repeats(timing.escalation)
        self._last_at: float | None = None
        self._since: dict[int, float] = {}  # for whom it holds, and since when
        self._delivered_at: float | None = None
        self._in_flight: _Open | None = None
        self._standing: _Open | None = None  # delivered, and not over
        self._over: deque[Alert] = deque(maxlen=MAX_ENDED)

    def update(self, report: FrameReport, passages: Sequence[Passage] = ()) -> Alert | None:
        """The alert that is due with this frame, mostly None; to be called with each report of the camera, in order."""
        at = report.at
        finding = self._condition.judge(report, passages)
        if self._timing.schedule is not None and not self._timing.schedule.holds(at):
            self._end(at)
            finding = replace(finding, holding=frozenset())
        else:
            self._check_end(at, finding)
        self._count(at, finding.holding)
        goes_on = bool(finding.holding) or self._standing is not None
        level = 1 if self._repeats is None else self._repeats.level(at, goes_on=goes_on)
        due = frozenset(each for each, since in self._since.items() if at - since >= self._timing.for_s)
        if not due or self._in_flight is not None or self._is_silent(at):
            return None
        alert = self._alert(report, finding, due, level)
        self._in_flight = _Open(alert, due, at)
        return alert

    def ended(self) -> Alert | None:
        """An alert that is over; each is given once."""
        return self._over.popleft() if self._over else None

    def delivered(self, at: float) -> None:
        """Note that the alert was delivered at `at`, on the camera's clock: the cooldown starts."""
        if self._in_flight is not None:
            self._replace(self._in_flight)
            if self._repeats is not None and not self._in_flight.alert.quiet:  # which nobody may have heard
                self._repeats.delivered(at)
        self._in_flight = None
        self._delivered_at = at

    def failed(self) -> None:
        """Note that the alert reached nobody: no cooldown, but `for_s` must pass again, so that a broken sink gets a pause."""
        self._in_flight = None
        self._since = {}

    def interrupt(self) -> None:
        """End a delivered alert at the last frame's time, as the camera gives no frames."""
        self._since = {}
        if self._last_at is not None:
            self._end(self._last_at)

    def _alert(self, report: FrameReport, finding: Finding, due: frozenset[int], level: int) -> Alert:
        timing = self._timing
        louder = timing.escalation.say if level > 1 and timing.escalation else None
        return Alert(
            camera=report.camera,
            at=report.at,
            protected_ratio=finding.protected_ratio,
            people=finding.people,
            unprotected=finding.unprotected,
            say=timing.say if louder is None else louder,
            kind=self._condition.kind,
            faces=report.faces,
            rule=self.name,
            tracks=tuple(sorted(due)) if 0 not in due else finding.tracks,
            level=level,
            quiet=timing.quiet is not None and timing.quiet.holds(report.at),
        )

    def _count(self, at: float, holding: frozenset[int]) -> None:
        """Note since when the condition holds for each subject, also over gaps and when the clock is set back."""
        if self._last_at is not None and at - self._last_at > self._timing.max_gap_s:
            self._since = {}
        self._last_at = at
        if self._delivered_at is not None and at < self._delivered_at:
            self._delivered_at = at  # the clock was set back: never silent for longer than the cooldown
        self._since = {each: min(at, self._since.get(each, at)) for each in holding}

    def _check_end(self, at: float, finding: Finding) -> None:
        for each in (self._in_flight, self._standing):
            if each is not None and each.subjects & finding.lasting:
                each.lasting_at = at
        standing = self._standing
        if standing is None:
            return
        lost = not 0 <= at - standing.lasting_at <= self._timing.max_gap_s
        if standing.subjects <= finding.over or lost:
            self._end(at)

    def _end(self, at: float) -> None:
        """End the standing alert, if any, and its condition."""
        if self._standing is not None:
            self._over.append(replace(self._standing.alert, ended_at=at))
            self._standing = None
            if self._repeats is not None:
                self._repeats.over(at)

    def _replace(self, successor: _Open) -> None:
        if self._standing is not None:
            self._over.append(replace(self._standing.alert, ended_at=successor.alert.at))
        self._standing = successor

    def _is_silent(self, at: float) -> bool:
        return self._delivered_at is not None and at - self._delivered_at < self._timing.cooldown_s
