"""How many passed: counted by the database, so that no event is read for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, Text, cast, func, select

from maskwatch.core.events import EventKind
from maskwatch.events.store import EventFilter, EventStore


@dataclass(frozen=True, slots=True)
class PassageTally:
    """`number` passages of one camera, direction, line and label in the interval that begins at the Unix time `begin`."""

    begin: int
    camera: str | None
    direction: str
    line: str | None
    label: str
    number: int
    site: str = ""


def tally_passages(store: EventStore, wanted: EventFilter, every_s: int) -> list[PassageTally]:
    """The passages in each interval of `every_s` seconds of Unix time, whatever kinds are wanted. Raises `EventError`."""
    columns = store.table.c
    begin = (cast(func.floor(columns.at / every_s), BigInteger) * every_s).label("begin")
    data = cast(columns.data, Text).label(
        "data"
    )  # as text: to extract each of its keys takes three times as long
    grouped: list[Any] = [begin, columns.site, columns.camera, data]
    query: Select[Any] = select(*grouped, func.count().label("number"))
    query = store.filtered(query, replace(wanted, kinds=(EventKind.PASSAGE,))).group_by(*grouped)
    rows = store.rows(query)
    with store.errors():
        return [_as_tally(row) for row in rows]


def _as_tally(row: Mapping[str, Any]) -> PassageTally:
    direction, line, label = _parsed(row["data"])
    return PassageTally(row["begin"], row["camera"], direction, line, label, row["number"], row["site"])


@lru_cache(1024)  # there are few distinct ones
def _parsed(data: str) -> tuple[str, str | None, str]:
    """Direction, line and label."""
    passage = json.loads(data)
    return passage.get("direction"), passage.get("line"), passage.get("label")
