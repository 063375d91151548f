"""Days and hours on the clock on the wall."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is to be. Holds on `days` (0 is Monday) that are no `holidays`, within `hours`, or all day without any.

    `hours` are pairs of minutes since midnight: from the first on, until just before the second. Where the second is
    the smaller one it is that of the next day, and the day is that on which it began. `zone` None is that of the machine.

    The clock on the wall decides: in the hour that is left out in spring nothing is, and in the one that is there twice
    in autumn it holds twice.
    """

    days: frozenset[int] = EVERY_DAY
    hours: tuple[tuple[int, int], ...] = ()
    holidays: frozenset[date] = frozenset()
    zone: tzinfo | None = None

    def holds(self, at: float) -> bool:
        """At the Unix time `at`, in seconds."""
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
