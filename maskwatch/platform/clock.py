"""The wall clock. What decides takes its time from the frame instead."""

from datetime import UTC, date, datetime


def utc_now() -> datetime:
    """The date and time now, aware, in UTC."""
    return datetime.now(UTC)


def local_day(at: float) -> date:
    """The day of a Unix time where this machine is."""
    return datetime.fromtimestamp(at).astimezone().date()
