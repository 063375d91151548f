"""Schedules: days and hours of local time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Holds on `days` (0 is Monday) that are no `holidays`, within `hours`; all day where `hours` is empty.

    `hours` are pairs of minutes since midnight, the second one excluded. Where the second is smaller, it is on the next day,
    and the span belongs to the day on which it began. `zone` None is the machine's.

    Local time decides: of an hour that is skipped in spring nothing happens, and one that is repeated in autumn holds twice.
    """

    days: frozenset[int] = EVERY_DAY
    hours: tuple[tuple[int, int], ...] = ()
    holidays: frozenset[date] = frozenset()
    zone: tzinfo | None = None

    def holds(self, at: float) -> bool:
        """Whether the Unix time `at`, in seconds, is within the schedule."""
        local = datetime.fromtimestamp(at, self.zone)
        today, minute = local.date(), 60 * local.hour + local.minute
        if not self.hours:
            return self._counts(today)
        return any(
            (self._counts(today) and first <= minute and (minute < last or last < first))
            or (last < first and minute < last and self._counts(today - timedelta(days=1)))
            for first, last in self.hours
        )

    def _counts(self, day: date) -> bool:
        return day.weekday() in self.days and day not in self.holidays
