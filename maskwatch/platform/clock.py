"""The wall clock. What decides takes its time from the frame instead."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
