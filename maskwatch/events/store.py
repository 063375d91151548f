"""The database of events, through SQLAlchemy."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Engine,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    cast,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import Select

from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind

FILE = "events.db"
METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("camera", String(64)),
    Column("at", Float(53), nullable=False),
    Column("ended_at", Float(53)),
    Column("data", JSON, nullable=False),
    Index("events_at", "at"),
    Index("events_kind_at", "kind", "at"),
    Index("events_camera_at", "camera", "at"),
)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted: those that began from `since` on and before `until`, Unix times; None and empty: all."""

    since: float | None = None
    until: float | None = None
    cameras: Collection[str] = ()
    kinds: Collection[EventKind] = ()
    sites: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class PassageTally:
    """So many passages of one kind in the time that began at the Unix time `begin`."""

    begin: int
    camera: str | None
    direction: str
    line: str | None
    label: str
    number: int


class EventStore:
    """Keeps events. Any thread may call it, and several processes may have one database open."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The SQLite database in a folder, made where it is not there. Raises `EventError`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        path.touch(mode=0o600)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
        event.listen(engine, "connect", _as_a_journal)
        try:
            METADATA.create_all(engine)
        except SQLAlchemyError as e:
            raise EventError(f"events: {path}: {e.__cause__ or e}") from e
        return cls(engine)

    def add(self, events: Sequence[Event]) -> None:
        """Store them, all or none; when this returns they survive a SIGKILL. One whose id is there replaces it. Raises `EventError`."""
        if not events:
            return
        insert = self._insert(EVENTS).values([_as_row(each) for each in events])
        changed = {each.name: insert.excluded[each.name] for each in EVENTS.columns if not each.primary_key}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changed))
        except SQLAlchemyError as e:
            raise EventError(f"events: {e.__cause__ or e}") from e

    def find(self, wanted: EventFilter, *, limit: int, offset: int = 0) -> list[Event]:
        """Those that fit, the newest first. Raises `EventError`."""
        query = (
            _filtered(select(EVENTS), wanted)
            .order_by(EVENTS.c.at.desc(), EVENTS.c.id)
            .limit(limit)
            .offset(offset)
        )
        return [_as_event(row) for row in self._rows(query)]

    def count(self, wanted: EventFilter) -> int:
        """How many fit. Raises `EventError`."""
        return int(self._rows(_filtered(select(func.count()).select_from(EVENTS), wanted))[0]["count_1"])

    def get(self, event_id: str) -> Event | None:
        """The event of that id. Raises `EventError`."""
        rows = self._rows(select(EVENTS).where(EVENTS.c.id == event_id))
        return _as_event(rows[0]) if rows else None

    def passages(self, wanted: EventFilter, every_s: int) -> list[PassageTally]:
        """How many passed in each `every_s` seconds of Unix time, whatever kinds are wanted. Raises `EventError`."""
        begin = (cast(func.floor(EVENTS.c.at / every_s), BigInteger) * every_s).label("begin")
        data = cast(EVENTS.c.data, Text).label(
            "data"
        )  # as it stands: read for each row, it takes three times as long
        columns: list[Any] = [begin, EVENTS.c.camera, data]
        query: Select[Any] = select(*columns, func.count().label("number"))
        query = _filtered(query, replace(wanted, kinds=(EventKind.PASSAGE,))).group_by(*columns)
        return [_as_tally(row) for row in self._rows(query)]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _rows(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        try:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as e:
            raise EventError(f"events: {e.__cause__ or e}") from e


def _as_a_journal(connection: Any, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _filtered(query: Select[Any], wanted: EventFilter) -> Select[Any]:
    columns = EVENTS.c
    if wanted.since is not None:
        query = query.where(columns.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(columns.at < wanted.until)
    for column, values in (
        (columns.camera, wanted.cameras),
        (columns.kind, wanted.kinds),
        (columns.site, wanted.sites),
    ):
        if values:
            query = query.where(column.in_([str(value) for value in values]))
    return query


def _as_row(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "site": event.site,
        "kind": event.kind.value,
        "camera": event.camera,
        "at": event.at,
        "ended_at": event.ended_at,
        "data": dict(event.data),
    }


def _as_tally(row: Mapping[str, Any]) -> PassageTally:
    said = json.loads(row["data"])
    direction, line, label = (said.get(key) for key in ("direction", "line", "label"))
    return PassageTally(row["begin"], row["camera"], direction, line, label, row["number"])


def _as_event(row: Mapping[str, Any]) -> Event:
    return Event(
        row["id"], EventKind(row["kind"]), row["at"], row["camera"], row["ended_at"], row["data"], row["site"]
    )
