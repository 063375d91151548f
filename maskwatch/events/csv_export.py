"""Events as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from maskwatch.core.events import Event

DATA = (
    *("rule", "alert_kind", "level", "quiet", "withheld", "say", "people", "unprotected", "protected_ratio"),
    *("reason", "delivered", "sinks", "label", "direction", "line", "zones", "told", "addressed", "put_on"),
    *("unknown", "version", "before", "state", "user", "keys", "address", "action", "target", "cut_off"),
    "refused",
)
"""The keys of events' data (see `EventKind`), a column each."""
COLUMNS = ("time", "ended", "seconds", "kind", "camera", "site", *DATA, "id")
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # text that begins with one of these would be computed as a formula
BOM = "\ufeff"  # without this mark Excel does not read the file as UTF-8


def csv_lines(events: Iterable[Event]) -> Iterator[str]:
    """A header line, then a line for each event; times are ISO 8601 in this machine's zone, with its offset from UTC."""
    yield BOM + _line(COLUMNS)
    for event in events:
        ended = event.ended_at
        seconds = "" if ended is None else f"{ended - event.at:.1f}"
        about = (event.kind.value, event.camera, event.site, *(event.data.get(key) for key in DATA), event.id)
        yield _line((_time(event.at), "" if ended is None else _time(ended), seconds, *map(_cell, about)))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:.6g}" if isinstance(value, float) else str(value)
        case dict():
            text = ", ".join(f"{key}: {each}" for key, each in value.items())
        case list() | tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
