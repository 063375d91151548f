"""How far long work is, as lines of the log: for a journal, a pipe or a file, where no bar can be drawn."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

log = logging.getLogger(__name__)

FIRST_S, LAST_S = 30.0, 600.0  # between two lines: at first, and at most
TENTH = 0.1  # of the time that it took so far, in between: an hour has a dozen lines, a day some hundred


class ProgressLog:
    """Of work called `what`, of `total` items; None when nobody knows how many. Work that is quick says nothing."""

    def __init__(self, what: str, total: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._total = total
        self._clock = clock
        self._done = 0.0
        self._begun_s = clock()
        self._due_s = self._begun_s + FIRST_S

    def advance(self, count: float = 1) -> None:
        """So many more items are done."""
        self.update(self._done + count)

    def update(self, done: float) -> None:
        """So many items are done in all."""
        self._done = done
        now_s = self._clock()
        if now_s >= self._due_s:
            took_s = now_s - self._begun_s
            self._due_s = now_s + min(max(FIRST_S, TENTH * took_s), LAST_S)
            log.info("%s: %s", self._what, self._told(took_s))

    def _told(self, took_s: float) -> str:
        """`1200 of 4000 (30%) in 0:02:00, about 0:04:40 left`."""
        done = f"{int(self._done)}"
        if not self._total:
            return f"{done} in {_duration(took_s)}"
        share = min(self._done / self._total, 1.0)
        left = f", about {_duration(took_s * (1 / share - 1))} left" if 0 < share < 1 else ""
        return f"{done} of {int(self._total)} ({share:.0%}) in {_duration(took_s)}{left}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
