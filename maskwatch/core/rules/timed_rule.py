"""A condition that holds for long enough is an alert, and nobody spoke just now. An alert has a beginning and an end."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskwatch.core.records import Alert, FrameReport, Passage
from maskwatch.core.rules.condition import Condition, Finding
from maskwatch.core.rules.escalation import Escalation, Repeats
from maskwatch.core.rules.schedule import Schedule

NOT_ASKED = 4  # alerts that are over are kept for who does not ask at each frame; for who never asks, no more


@dataclass(frozen=True, slots=True)
class Timing:
    """When a rule speaks, and what.

    The condition has to hold for `for_s`; `cooldown_s` of silence starts at the delivery. After more than `max_gap_s`
    without a frame `for_s` counts anew. Outside of the `schedule` (None: always) there is no alert; while `quiet` holds
    (None: never) an alert is a quiet one. Schedules need frames whose time is Unix time.
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
    """An alert that is not over, the tracks whom it is about, and when it was last seen to go on."""

    alert: Alert
    subjects: frozenset[int]
    lasting_at: float


class TimedRule:
    """Fills the port `Rule` for one camera by asking a condition at each frame.

    A delivered alert ends when the condition is over, when for more than `max_gap_s` nobody could tell, when the
    schedule ends or the camera gives no frames, or when the next one is delivered and stands in its place.
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
        self._over: deque[Alert] = deque(maxlen=NOT_ASKED)

    def update(self, report: FrameReport, passages: Sequence[Passage] = ()) -> Alert | None:
        """The alert that is due with this frame, mostly None; call it with each report of a camera, in order."""
        at = report.at
        finding = self._condition.judge(report, passages)
        if self._timing.schedule is not None and not self._timing.schedule.holds(at):
            self._rest(at)
            finding = replace(finding, holding=frozenset())
        else:
            self._look_for_the_end(at, finding)
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
        """The alert reached people at `at`, on the camera's clock: the cooldown starts."""
        if self._in_flight is not None:
            self._replace(self._in_flight)
            if self._repeats is not None and not self._in_flight.alert.quiet:  # which nobody may have heard
                self._repeats.delivered(at)
        self._in_flight = None
        self._delivered_at = at

    def failed(self) -> None:
        """Nobody was told: no cooldown, but `for_s` must pass again, so that a broken sink is not hammered."""
        self._in_flight = None
        self._since = {}

    def interrupt(self) -> None:
        """The camera gives no frames: a delivered alert is over, when the last frame was."""
        self._since = {}
        if self._last_at is not None:
            self._rest(self._last_at)

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
        """Since when it holds for each of them, over gaps and with a clock that may be set back."""
        if self._last_at is not None and at - self._last_at > self._timing.max_gap_s:
            self._since = {}
        self._last_at = at
        if self._delivered_at is not None and at < self._delivered_at:
            self._delivered_at = at  # the clock was set back: never silent for longer than the cooldown
        self._since = {each: min(at, self._since.get(each, at)) for each in holding}

    def _look_for_the_end(self, at: float, finding: Finding) -> None:
        for each in (self._in_flight, self._standing):
            if each is not None and each.subjects & finding.lasting:
                each.lasting_at = at
        standing = self._standing
        if standing is None:
            return
        lost = not 0 <= at - standing.lasting_at <= self._timing.max_gap_s
        if standing.subjects <= finding.over or lost:
            self._rest(at)

    def _rest(self, at: float) -> None:
        """What stands is over, and so is its condition."""
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
