"""The people who were in view lately: how many wore a mask."""

from collections import Counter
from collections.abc import Iterable

from maskwatch.core.records import Label, PeopleCount, Person


class PeopleLately:
    """Counts the people of one camera within a sliding time of so many seconds, each once, by her last verdict.

    People, not frames or seconds: looks at the same person are no independent ones, and an interval of them would
    be far too narrow. Times are monotonic, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[int, tuple[float, Label]] = {}  # by track, whom nobody saw for longest first
        self._counts: Counter[Label] = Counter()

    def update(self, now_s: float, persons: Iterable[Person]) -> None:
        """These are in view."""
        for person in persons:
            if person.track in self._seen:
                self._counts[self._seen.pop(person.track)[1]] -= 1
            self._seen[person.track] = now_s, person.label
            self._counts[person.label] += 1
        self._drop_expired(now_s)

    def count(self, now_s: float) -> PeopleCount:
        """Who was in view until now."""
        self._drop_expired(now_s)
        return PeopleCount(**{label.value: self._counts[label] for label in Label})

    def _drop_expired(self, now_s: float) -> None:
        while self._seen:
            track = next(iter(self._seen))
            seen_s, label = self._seen[track]
            if now_s - seen_s <= self._seconds:
                break
            del self._seen[track]
            self._counts[label] -= 1
