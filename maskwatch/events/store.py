"""The database of events, through SQLAlchemy."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
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
from maskwatch.events.schema import NOTES, OWN_EVENTS, SHARED_EVENTS

FILE = own.FILE
KINDS = frozenset(kind.value for kind in EventKind)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted: those that began at `since` or later and before `until` (Unix times); None or empty: all."""

    since: float | None = None
    until: float | None = None
    cameras: Collection[str] = ()
    kinds: Collection[EventKind] = ()
    sites: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """An event for another database, with its version."""

    event: Event
    version: int


class EventStore:
    """Stores events. Any thread may call it, and several processes may have one database open.

    `in_folder` opens a service's own database, `shared` and `read_only` the one that several services share. A file that
    was removed or put aside meanwhile is created anew.
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
        """The SQLite database in a folder, created where it is missing. Raises `EventError`."""
        path = folder / FILE
        store = cls(own.engine_at(path), OWN_EVENTS, path=path)
        with store.errors():
            store._ensure_file()
        return store

    @classmethod
    def shared(cls, url: SecretStr, site: str) -> Self:
        """The PostgreSQL database at an address, not yet connected. Raises `ConfigError`."""
        address = postgres.address_of(url)
        return cls(postgres.writing_engine(address, site), SHARED_EVENTS, secret=address.password)

    @classmethod
    def read_only(cls, url: SecretStr, key: str) -> Self:
        """The same, to read only, by several threads at once; `key` names the address in errors. Raises `ConfigError`."""
        address = postgres.address_of(url, key)
        return cls(postgres.reading_engine(address), SHARED_EVENTS, secret=address.password)

    def add(self, events: Sequence[Event]) -> None:
        """Store all of them or none; then they survive a SIGKILL. An event replaces the one of the same id. Raises `EventError`."""
        self._version = max(self._version + 1, time.time_ns() // 1000)
        self._write([as_row(each) | {"version": self._version} for each in events])

    def copy_in(self, copies: Sequence[Copy]) -> None:
        """Store all of another database's events or none; of two versions of an event the newer stays. Raises `EventError`."""
        self._write([as_row(each.event) | {"version": each.version} for each in copies], keeps_newer=True)

    def find(self, wanted: EventFilter, *, limit: int, offset: int = 0) -> list[Event]:
        """The events that match, newest first. Raises `EventError`.

        An event of a kind that this release does not know is left out.
        """
        at, id_ = self.table.c.at, self.table.c.id
        query = self.filtered(select(self.table), wanted)
        return self.events(query.order_by(at.desc(), id_.desc()).limit(limit).offset(offset))

    def count(self, wanted: EventFilter) -> int:
        """How many match. Raises `EventError`."""
        query = select(func.count().label("number")).select_from(self.table)
        return int(self.rows(self.filtered(query, wanted))[0]["number"])

    def get(self, event_id: str) -> Event | None:
        """The event of that id. Raises `EventError`."""
        found = self.events(select(self.table).where(self.table.c.id == event_id))
        return found[0] if found else None

    def ongoing(self) -> list[Event]:
        """The alerts and outages that have no end yet, as far as is stored. Raises `EventError`."""
        return self.events(select(self.table).where(self._is_ongoing()))

    def delete(self, wanted: EventFilter, *, limit: int, ongoing: bool) -> list[str]:
        """Delete the oldest that match, at most `limit`; returns their ids. Raises `EventError`.

        Without `ongoing`, events that have no end yet stay.
        """
        at, id_ = self.table.c.at, self.table.c.id
        oldest = self.filtered(select(id_), wanted).order_by(at, id_).limit(limit)
        if not ongoing:
            oldest = oldest.where(~self._is_ongoing())
        with self.errors(), self.begin() as connection:
            gone = delete(self.table).where(id_.in_(oldest)).returning(id_)
            return list(connection.execute(gone).scalars())

    def ids(self, wanted: EventFilter, *, limit: int) -> list[str]:
        """The ids of the oldest that match, at most `limit`, also of kinds that this release does not know. Raises `EventError`."""
        at, id_ = self.table.c.at, self.table.c.id
        query = self.filtered(select(id_), wanted).order_by(at, id_).limit(limit)
        return [row["id"] for row in self.rows(query)]

    def users(self) -> dict[str, int]:
        """In how many events each person is named: as who looked or changed something, or as the user who was changed.

        Raises `EventError`.
        """
        target = self._data("target")
        columns: list[Any] = [
            self._data("user").label("person"),
            case((~target.startswith("/"), target)).label("changed"),  # others are paths of pages
        ]
        query: Select[Any] = select(*columns, func.count().label("number")).where(self._of_people())
        counts: Counter[str] = Counter()
        for row in self.rows(query.group_by("person", "changed")):
            counts.update(dict.fromkeys({row["person"], row["changed"]} - {None, ""}, row["number"]))
        return dict(counts)

    def of_user(self, user: str, *, limit: int) -> list[Event]:
        """At most `limit` of the events that name a person of `users`. Raises `EventError`."""
        is_named = or_(self._data("user") == user, self._data("target") == user)
        query = select(self.table).where(self._of_people(), is_named).limit(limit)
        return [as_event(row) for row in self.rows(query)]

    def uncopied(self, limit: int) -> list[Copy]:
        """At most `limit` of the events of which the shared database lacks the latest version, oldest first. Raises `EventError`."""
        columns = OWN_EVENTS.c
        query = select(OWN_EVENTS).where(columns.copied < columns.version, columns.kind.in_(KINDS))
        rows = self.rows(query.order_by(columns.at).limit(limit))
        with self.errors():
            return [Copy(as_event(row), int(row["version"])) for row in rows]

    def note_copied(self, copies: Sequence[Copy]) -> None:
        """Note that the shared database has these versions; an event that changed since is still to be copied. Raises `EventError`."""
        noted = update(OWN_EVENTS).where(OWN_EVENTS.c.id == bindparam("its_id"))
        rows = [{"its_id": each.event.id, "its_version": each.version} for each in copies]
        with self.errors(), self.begin() as connection:
            connection.execute(noted.values(copied=bindparam("its_version")), rows)

    def count_uncopied(self) -> int:
        """Of how many events the shared database lacks the latest version. Raises `EventError`."""
        columns = OWN_EVENTS.c
        query = select(func.count().label("number")).where(
            columns.copied < columns.version, columns.kind.in_(KINDS)
        )
        return int(self.rows(query)[0]["number"])

    def try_to_write(self) -> None:
        """Store an event in a transaction that is rolled back. Raises `EventError`."""
        probe = Event(uuid4().hex, EventKind.SERVICE, 0.0)
        with self.errors():
            self._ensure_file()
            with self.engine.connect() as connection:
                connection.execute(self._upsert(keeps_newer=True), [as_row(probe) | {"version": 0}])
                connection.rollback()

    def check(self) -> None:
        """Check the whole file for damage, which takes seconds for a large one. Raises `EventsDamaged`, `EventError`."""
        with self.errors(), self.begin() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise EventsDamaged(f"events: {self.path}: {' '.join(str(found).split())}")

    def note(self, name: str) -> Any:
        """The value that is noted under a name, None where there is none. Raises `EventError`."""
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
        self._ensure_file()
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raises what fails in the block as an `EventError`, without the password."""
        where = "events" if self.path is None else f"events: {self.path}"
        try:
            yield
        except SQLAlchemyError as e:
            message = f"{where}: {_first_line(self._redacted(str(e.__cause__ or type(e).__name__)))}"
            raise (EventsDamaged if own.is_damaged(e) else EventError)(message) from None
        except OSError as e:
            raise EventError(f"{where}: {e.strerror or e}") from e
        except MALFORMED as e:
            raise EventError(f"{where}: holds an event that cannot be read ({type(e).__name__})") from e

    def _ensure_file(self) -> None:
        if self.path is None or (self._inode is not None and own.inode(self.path) == self._inode):
            return
        self.engine.dispose()  # closes connections to a file that was removed
        self._inode = None
        self._inode = own.create_tables(self.engine, self.path)

    def _redacted(self, message: str) -> str:
        return message.replace(self._secret, "***") if self._secret else message

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
        """The rows of a query over `table`, as mappings by column name. Raises `EventError`."""
        with self.errors(), self.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def events(self, query: Select[Any]) -> list[Event]:
        """The events of a query for whole rows of `table`, of known kinds. Raises `EventError`."""
        rows = self.rows(query)
        with self.errors():
            return [as_event(row) for row in rows if row["kind"] in KINDS]

    def _is_ongoing(self) -> ColumnElement[bool]:
        columns = self.table.c
        return and_(columns.ended_at.is_(None), columns.kind.in_([kind.value for kind in LASTING]))

    def _data(self, key: str) -> ColumnElement[str]:
        value: ColumnElement[str] = self.table.c.data[key].as_string()
        return value

    def _of_people(self) -> ColumnElement[bool]:
        return self.table.c.kind.in_([EventKind.ACCESS.value, EventKind.SETTINGS.value])

    def filtered(self, query: Select[Any], wanted: EventFilter) -> Select[Any]:
        """The query, restricted to the events that match."""
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


def _first_line(text: str) -> str:
    """Of PostgreSQL's messages what failed; a hint and the place in the query are on the lines below."""
    return " ".join(text.strip().partition("\n")[0].split())
