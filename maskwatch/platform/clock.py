"""The wall clock. What decides takes its time from the frame instead."""

from datetime import UTC, date, datetime


def utc_now() -> datetime:
    """The date and time now, aware, in UTC."""
    return datetime.now(UTC)


def local_day(at: float) -> date:
    """The day of a Unix time in this machine's time zone."""
    return datetime.fromtimestamp(at).astimezone().date()


def midnight(day: date) -> float:
    """The Unix time at which a day begins in this machine's time zone, also on a day when the clock is changed."""
    return datetime(day.year, day.month, day.day).astimezone().timestamp()
