"""The wall clock. What decides takes its time from the frame instead."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The date and time now, aware, in UTC."""
    return datetime.now(UTC)
