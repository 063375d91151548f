"""How many of the people in view within a sliding time wore a mask."""

from collections import Counter
from collections.abc import Iterable

from maskwatch.core.records import Label, PeopleCount, Person


class PeopleLately:
    """Counts the people of one camera within the last `seconds`, each once, by the last verdict on her.

    It counts people, not frames: looks at the same person are not independent, and a confidence interval of frames would be
    far too narrow. Times are monotonic, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[int, tuple[float, Label]] = {}  # by track, those not seen for longest first
        self._counts: Counter[Label] = Counter()

    def update(self, now_s: float, persons: Iterable[Person]) -> None:
        """Note who is in view."""
        for person in persons:
            if person.track in self._seen:
                self._counts[self._seen.pop(person.track)[1]] -= 1
            self._seen[person.track] = now_s, person.label
            self._counts[person.label] += 1
        self._drop_expired(now_s)

    def count(self, now_s: float) -> PeopleCount:
        """The people in view within the last `seconds`."""
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
