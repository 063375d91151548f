"""An event as a row of the table, and back."""

import math
from collections.abc import Mapping
from typing import Any

from maskwatch.core.events import Event, EventKind

LATEST = 250_000_000_000.0  # a Unix time in the year 9892; `datetime` ends with the year 9999


def as_row(event: Event) -> dict[str, object]:
    """The columns of an event without `version`, which the store sets."""
    return {
        "id": event.id,
        "site": event.site,
        "kind": event.kind.value,
        "camera": event.camera,
        "at": event.at,
        "ended_at": event.ended_at,
        "data": _as_json(event.data),
    }


def _as_json(value: object) -> Any:
    """JSON that every database takes: without NaN and infinity, NUL characters and unpaired surrogates."""
    if isinstance(value, Mapping):
        return {_as_text(str(key)): _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _as_text(value) if isinstance(value, str) else value


def _as_text(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "")


def as_event(row: Mapping[str, Any]) -> Event:
    """The event of a row. Raises `ValueError` or `TypeError` for a malformed one, and `KeyError` where a column is missing."""
    ended_at, camera, data = row["ended_at"], row["camera"], row["data"]
    if not isinstance(data, dict):
        raise TypeError("an event's data is no mapping")
    return Event(
        row["id"],
        EventKind(row["kind"]),
        _unix_time(row["at"]),
        None if camera is None else str(camera),
        None if ended_at is None else _unix_time(ended_at),
        data,
        str(row["site"]),
    )


def _unix_time(value: Any) -> float:
    """A Unix time from 1970 to `LATEST`. Raises `ValueError`."""
    if not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise ValueError("an event's time is out of range")
    return value
