"""How many passed one camera: in all, and in the last minute, the last hour and today."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from itertools import count

from maskwatch.core.records import Passage, PassageCounts, PassageKind

MINUTE_S, HOUR_S = 60.0, 3600.0


class Counts:
    """Counts passages by their kind. `day_of` gives the local day of a time on the frames' clock (live: Unix time).

    A passage may be counted a while after it happened. Where the clock is set back, passages that are then in the future
    count as recent until they are a minute, or an hour, ahead; a new day begins only when it is set back by more than an
    hour.
    """

    def __init__(self, day_of: Callable[[float], date]) -> None:
        self._day_of = day_of
        self._total: Counter[PassageKind] = Counter()
        self._minute, self._hour = _Lately(MINUTE_S), _Lately(HOUR_S)
        self._day, self._turned_at = date.min, float("-inf")
        self._today: Counter[PassageKind] = Counter()

    def add(self, at: float, passages: Iterable[Passage]) -> None:
        """Count passages that became known at `at`, on the clock of their own times."""
        self._count(at, passages, in_total=True)

    def restore(self, at: float, passages: Iterable[Passage]) -> None:
        """Count passages from before counting began: they are in the recent counts, and in no total."""
        self._count(at, passages, in_total=False)

    def at(self, at: float) -> PassageCounts:
        """The counts at that time."""
        self._turn_to(at)
        return PassageCounts(dict(self._total), self._minute.at(at), self._hour.at(at), dict(+self._today))

    def _count(self, at: float, passages: Iterable[Passage], *, in_total: bool) -> None:
        self._turn_to(at)
        for passage in passages:
            kind = PassageKind(passage.zones, passage.line, passage.direction, passage.label)
            self._total[kind] += in_total
            self._minute.add(passage.at, kind)
            self._hour.add(passage.at, kind)
            self._today[kind] += self._day_of(passage.at) == self._day

    def _turn_to(self, at: float) -> None:
        """Begin a new day, if it is one."""
        day = self._day_of(at)
        if day > self._day or (day < self._day and at < self._turned_at - HOUR_S):
            self._day, self._turned_at, self._today = day, at, Counter()


class _Lately:
    """Counts within the last `seconds`; asking takes no longer with many passages."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._events: list[tuple[float, int, PassageKind]] = []  # a heap, the oldest first
        self._numbers = count()
        self._counts: Counter[PassageKind] = Counter()
        self._latest_at = float("-inf")

    def add(self, at: float, kind: PassageKind) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), kind))
        self._counts[kind] += 1
        self._latest_at = max(self._latest_at, at)

    def at(self, at: float) -> dict[PassageKind, int]:
        if at < self._latest_at:
            self._take_back(at + self._seconds)
        self._latest_at = at
        while self._events and self._events[0][0] <= at - self._seconds:
            self._counts[heapq.heappop(self._events)[2]] -= 1
        return {kind: number for kind, number in self._counts.items() if number}

    def _take_back(self, at: float) -> None:
        """Forget what is at that time or later: the clock was set back."""
        self._events = [event for event in self._events if event[0] < at]
        heapq.heapify(self._events)
        self._counts = Counter(kind for _, _, kind in self._events)
