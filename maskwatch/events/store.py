"""The database of events, through SQLAlchemy."""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from maskwatch.core.errors import MALFORMED, EventError, EventsDamaged
from maskwatch.core.events import LASTING, Event, EventKind
from maskwatch.events import postgres
from maskwatch.events import sqlite as own
from maskwatch.events.rows import as_event, as_row
from maskwatch.events.tables import NOTES, OWN_EVENTS, SHARED_EVENTS

FILE = own.FILE
KINDS = frozenset(kind.value for kind in EventKind)


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
    site: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """An event as another database is to have it, with its version."""

    event: Event
    version: int


class EventStore:
    """Keeps events. Any thread may call it, and several processes may have one database open.

    `in_folder` gives a service's own one, `shared` one that several services write to. A file that is removed or put
    aside meanwhile is begun anew.
    """

    def __init__(
        self, engine: Engine, events: Table, *, path: Path | None = None, secret: str | None = None
    ) -> None:
        self.engine = engine
        self.path = path
        self.table = events
        self._secret = secret
        self._inode: int | None = None
        self._version = 0
        self.is_shared = engine.dialect.name == "postgresql"
        self._dialect: Any = postgresql if self.is_shared else sqlite

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The SQLite database in a folder, made where it is not there. Raises `EventError`."""
        path = folder / FILE
        store = cls(own.connected(path), OWN_EVENTS, path=path)
        with store.errors():
            store._find_the_file()
        return store

    @classmethod
    def shared(cls, url: SecretStr, site: str) -> Self:
        """The PostgreSQL database at an address, not yet connected. Raises `ConfigError`."""
        address = postgres.address_of(url)
        return cls(postgres.connected(address, site), SHARED_EVENTS, secret=address.password)

    @classmethod
    def to_look_up(cls, url: SecretStr, key: str) -> Self:
        """The same for who only reads it, several threads at once; `key` names the address in errors. Raises `ConfigError`."""
        address = postgres.address_of(url, key)
        return cls(postgres.connected_to_read(address), SHARED_EVENTS, secret=address.password)

    def add(self, events: Sequence[Event]) -> None:
        """Store them, all or none; when this returns they survive a SIGKILL. One whose id is there replaces it. Raises `EventError`."""
        self._version = max(self._version + 1, time.time_ns() // 1000)
        self._write([as_row(each) | {"version": self._version} for each in events])

    def copy_in(self, copies: Sequence[Copy]) -> None:
        """Store what another database has, all or none; of an event that is here already, the newer version stays. Raises `EventError`."""
        self._write([as_row(each.event) | {"version": each.version} for each in copies], keeps_newer=True)

    def find(self, wanted: EventFilter, *, limit: int, offset: int = 0) -> list[Event]:
        """Those that fit, the newest first. Raises `EventError`.

        An event of a kind that this release does not know is left out.
        """
        at, id_ = self.table.c.at, self.table.c.id
        query = self.filtered(select(self.table), wanted)
        return self.found(query.order_by(at.desc(), id_.desc()).limit(limit).offset(offset))

    def count(self, wanted: EventFilter) -> int:
        """How many fit. Raises `EventError`."""
        query = select(func.count().label("number")).select_from(self.table)
        return int(self.rows(self.filtered(query, wanted))[0]["number"])

    def get(self, event_id: str) -> Event | None:
        """The event of that id. Raises `EventError`."""
        found = self.found(select(self.table).where(self.table.c.id == event_id))
        return found[0] if found else None

    def passages(self, wanted: EventFilter, every_s: int) -> list[PassageTally]:
        """How many passed in each `every_s` seconds of Unix time, whatever kinds are wanted. Raises `EventError`."""
        begin = (cast(func.floor(self.table.c.at / every_s), BigInteger) * every_s).label("begin")
        data = cast(self.table.c.data, Text).label(
            "data"
        )  # whole: to look into each takes three times as long
        columns: list[Any] = [begin, self.table.c.site, self.table.c.camera, data]
        query: Select[Any] = select(*columns, func.count().label("number"))
        query = self.filtered(query, replace(wanted, kinds=(EventKind.PASSAGE,))).group_by(*columns)
        with self.errors(), self.begin() as connection:
            rows = connection.execute(query).all()
        with self.errors():
            return [_as_tally(*row) for row in rows]

    def lasting(self) -> list[Event]:
        """Those that go on still, as far as is stored. Raises `EventError`."""
        return self.found(select(self.table).where(self._goes_on()))

    def delete(self, wanted: EventFilter, *, limit: int, lasting: bool) -> list[str]:
        """Delete the oldest that fit, at most `limit`; gives their ids. Those that go on only with `lasting`. Raises `EventError`."""
        at, id_ = self.table.c.at, self.table.c.id
        oldest = self.filtered(select(id_), wanted).order_by(at, id_).limit(limit)
        if not lasting:
            oldest = oldest.where(~self._goes_on())
        with self.errors(), self.begin() as connection:
            gone = delete(self.table).where(id_.in_(oldest)).returning(id_)
            return list(connection.execute(gone).scalars())

    def ids(self, wanted: EventFilter, *, limit: int) -> list[str]:
        """The ids of the oldest that fit, at most `limit`, also of kinds that this release does not know. Raises `EventError`."""
        at, id_ = self.table.c.at, self.table.c.id
        query = self.filtered(select(id_), wanted).order_by(at, id_).limit(limit)
        return [row["id"] for row in self.rows(query)]

    def users(self) -> dict[str, int]:
        """Who stands in events as the one who looked at or changed something, and in how many. Raises `EventError`."""
        columns: list[Any] = [self._user().label("person"), func.count().label("number")]
        query: Select[Any] = select(*columns).where(self._of_people()).group_by("person")
        return {row["person"]: row["number"] for row in self.rows(query) if row["person"] is not None}

    def of_user(self, user: str, *, limit: int) -> list[Event]:
        """Some of the events of somebody that `users` named. Raises `EventError`."""
        query = select(self.table).where(self._of_people(), self._user() == user).limit(limit)
        return [as_event(row) for row in self.rows(query)]

    def uncopied(self, limit: int) -> list[Copy]:
        """Some of those that the shared database does not have as they are here, the oldest first. Raises `EventError`."""
        columns = OWN_EVENTS.c
        query = select(OWN_EVENTS).where(columns.copied < columns.version, columns.kind.in_(KINDS))
        rows = self.rows(query.order_by(columns.at).limit(limit))
        with self.errors():
            return [Copy(as_event(row), int(row["version"])) for row in rows]

    def note_copied(self, copies: Sequence[Copy]) -> None:
        """The shared database has them; one that was changed meanwhile is still to be copied. Raises `EventError`."""
        noted = update(OWN_EVENTS).where(OWN_EVENTS.c.id == bindparam("its_id"))
        rows = [{"its_id": each.event.id, "its_version": each.version} for each in copies]
        with self.errors(), self.begin() as connection:
            connection.execute(noted.values(copied=bindparam("its_version")), rows)

    def count_uncopied(self) -> int:
        """How many the shared database does not have as they are here. Raises `EventError`."""
        columns = OWN_EVENTS.c
        query = select(func.count().label("number")).where(
            columns.copied < columns.version, columns.kind.in_(KINDS)
        )
        return int(self.rows(query)[0]["number"])

    def try_to_write(self) -> None:
        """Store an event and take it back, seen by nobody. Raises `EventError`."""
        probe = Event(uuid4().hex, EventKind.SERVICE, 0.0)
        with self.errors():
            self._find_the_file()
            with self.engine.connect() as connection:
                connection.execute(self._upsert(keeps_newer=True), [as_row(probe) | {"version": 0}])
                connection.rollback()

    def check(self) -> None:
        """Look through the whole file, which takes seconds for a large one. Raises `EventsDamaged`, `EventError`."""
        with self.errors(), self.begin() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise EventsDamaged(f"events: {self.path}: {' '.join(str(found).split())}")

    def note(self, name: str) -> Any:
        """What is noted under a name, None where nothing is. Raises `EventError`."""
        rows = self.rows(select(NOTES.c.value).where(NOTES.c.name == name))
        return rows[0]["value"] if rows else None

    def set_note(self, name: str, value: object) -> None:
        """Note something; None removes it. Raises `EventError`."""
        with self.errors(), self.begin() as connection:
            if value is None:
                connection.execute(delete(NOTES).where(NOTES.c.name == name))
                return
            noted = sqlite.insert(NOTES).values(name=name, value=value)
            connection.execute(
                noted.on_conflict_do_update(index_elements=["name"], set_={"value": noted.excluded.value})
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction. Raises as SQLAlchemy does, and `OSError`: within `errors`."""
        self._find_the_file()
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Makes an `EventError` of what fails in the block, without the password."""
        where = "events" if self.path is None else f"events: {self.path}"
        try:
            yield
        except SQLAlchemyError as e:
            told = f"{where}: {_first_line(self._redacted(str(e.__cause__ or type(e).__name__)))}"
            raise (EventsDamaged if own.is_damaged(e) else EventError)(told) from None
        except OSError as e:
            raise EventError(f"{where}: {e.strerror or e}") from e
        except MALFORMED as e:
            raise EventError(f"{where}: holds an event that cannot be read ({type(e).__name__})") from e

    def _find_the_file(self) -> None:
        if self.path is None or (self._inode is not None and own.inode(self.path) == self._inode):
            return
        self.engine.dispose()  # connections to a file that is not there any more
        self._inode = None
        self._inode = own.make(self.engine, self.path)

    def _redacted(self, told: str) -> str:
        return told.replace(self._secret, "***") if self._secret else told

    def _write(self, rows: Sequence[Mapping[str, object]], *, keeps_newer: bool = False) -> None:
        if rows:
            with self.errors(), self.begin() as connection:
                connection.execute(self._upsert(keeps_newer=keeps_newer), list(rows))

    def _upsert(self, *, keeps_newer: bool) -> Any:
        insert = self._dialect.insert(self.table)
        new, old = insert.excluded, self.table.c
        changed = {name: new[name] for name in SHARED_EVENTS.c.keys() if name != "id"}  # noqa: SIM118 - no mapping
        newer = new.version >= old.version if keeps_newer else None
        if not keeps_newer:  # whatever the clock says
            changed["version"] = case((new.version > old.version, new.version), else_=old.version + 1)
        return insert.on_conflict_do_update(index_elements=["id"], set_=changed, where=newer)

    def rows(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        """What a query over `table` gives, by the columns' names. Raises `EventError`."""
        with self.errors(), self.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def found(self, query: Select[Any]) -> list[Event]:
        """The events of a query for whole rows of `table`. Raises `EventError`."""
        rows = self.rows(query)
        with self.errors():
            return [as_event(row) for row in rows if row["kind"] in KINDS]

    def _goes_on(self) -> ColumnElement[bool]:
        columns = self.table.c
        return and_(columns.ended_at.is_(None), columns.kind.in_([kind.value for kind in LASTING]))

    def _user(self) -> ColumnElement[str]:
        user: ColumnElement[str] = self.table.c.data["user"].as_string()
        return user

    def _of_people(self) -> ColumnElement[bool]:
        return self.table.c.kind.in_([EventKind.ACCESS.value, EventKind.SETTINGS.value])

    def filtered(self, query: Select[Any], wanted: EventFilter) -> Select[Any]:
        """The query, of what fits alone."""
        columns = self.table.c
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


def _as_tally(begin: int, site: str, camera: str | None, data: str, number: int) -> PassageTally:
    direction, line, label = _way(data)
    return PassageTally(begin, camera, direction, line, label, number, site)


@lru_cache(1024)  # there are few ways to pass, and many who do
def _way(data: str) -> tuple[str, str | None, str]:
    said = json.loads(data)
    return said.get("direction"), said.get("line"), said.get("label")


def _first_line(text: str) -> str:
    """What failed; PostgreSQL says below it what one might ask oneself, or where in the query it was."""
    return " ".join(text.strip().partition("\n")[0].split())
