"""Escalation: what an alert says after earlier ones did not help."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Escalation:
    """After `after` alerts that did not help, the level is 2, with the sentence `say` (None: the same one).

    An alert did not help when the condition was never over for `reset_s` after it. With `within_s`, `after` alerts within
    that time count, too, however often the condition was over between them.
    """

    after: int
    say: str | None = None
    within_s: float | None = None
    reset_s: float = 60.0


class Repeats:
    """Counts the delivered alerts of one rule for an escalation. Times are the frames' own, in seconds."""

    def __init__(self, escalation: Escalation) -> None:
        self._escalation = escalation
        self._in_row = 0
        self._over_at: float | None = None
        self._lately: deque[float] = deque(maxlen=escalation.after)

    def level(self, at: float, *, goes_on: bool) -> int:
        """The level (1 or 2) of an alert at `at`; to be asked at each frame, in order. `goes_on`: the condition is not over."""
        if self._over_at is not None:
            self._over_at = min(self._over_at, at)  # the clock was set back
            if at - self._over_at >= self._escalation.reset_s:
                self._in_row = 0
        self._over_at = None if goes_on else at if self._over_at is None else self._over_at
        if self._lately and at < self._lately[-1]:
            self._lately = deque((min(each, at) for each in self._lately), self._lately.maxlen)
        within_s = self._escalation.within_s
        many = within_s is not None and len(self._lately) == self._escalation.after
        if self._in_row >= self._escalation.after or (many and at - self._lately[0] <= (within_s or 0)):
            return 2
        return 1

    def delivered(self, at: float) -> None:
        """Note that an alert was delivered."""
        self._in_row += 1
        self._lately.append(at)

    def over(self, at: float) -> None:
        """Note that the condition is over, though perhaps no frame follows."""
        self._over_at = at
