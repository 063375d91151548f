"""PostgreSQL: one database that several services share. Needs psycopg."""

from importlib.util import find_spec
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, func, inspect, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateIndex

from maskwatch.core.errors import ConfigError
from maskwatch.events.tables import SHARED, SHARED_EVENTS, SITES

CONNECT_S = 5
READERS = 6
# PostgreSQL takes the sites' query for a large one, and would compile it for far longer than it runs
READING = "-c default_transaction_read_only=on -c jit=off"
ANSWER_S = 10  # a server that says nothing for so long is away
NUMBER = 0x6D61736B  # of the lock that only one holds who makes tables
OWNS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('events')"
TRY_LOCK = "SELECT pg_try_advisory_lock(:number)"  # not one to wait for: making an index waits for who waits
NEIGHBOUR_S = 180  # another that wrote under the same name so lately does so still


def address_of(url: SecretStr, key: str = "events.url") -> URL:
    """The address as SQLAlchemy takes it. Raises `ConfigError`, with `key` and without any part of it, when it is none."""
    if find_spec("psycopg") is None:
        raise ConfigError(f"{key}: psycopg is not installed (it comes with maskwatch[postgres])")
    try:
        return make_url(url.get_secret_value()).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{key}: must be postgresql://USER:PASSWORD@HOST/DATABASE; a / ? # @ : in the password is written "
            "percent-encoded"
        ) from None  # its context would show the password


def place_of(url: URL) -> str:
    """`HOST/DATABASE`, for people."""
    return f"{url.host or url.query.get('host', '')}/{url.database}"


def connected(url: URL, site: str) -> Engine:
    """For a server that need not be there. Of two connections, one is kept."""
    return create_engine(
        url, connect_args=_settings(url, site), pool_size=1, max_overflow=1, pool_pre_ping=True
    )


def connected_to_read(url: URL) -> Engine:
    """The same for pages: it writes nothing, whatever its role may do. Of `READERS` connections, two are kept."""
    settings = _settings(url, "console", READING)
    more = {"pool_size": 2, "max_overflow": READERS - 2, "pool_timeout": ANSWER_S}
    return create_engine(url, connect_args=settings, pool_pre_ping=True, **more)


def _settings(url: URL, name: str, options: str = "") -> dict[str, Any]:
    """Of a connection, but for those that the address has itself."""
    settings = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": ANSWER_S * 1000,
        "keepalives_idle": ANSWER_S,
        "application_name": f"maskwatch {name}",
        "options": f"-c statement_timeout={ANSWER_S}s -c lock_timeout={ANSWER_S}s {options}".rstrip(),
    }
    return {name: value for name, value in settings.items() if name not in url.query}


def make(engine: Engine) -> None:
    """Make the tables where they are not there; several services may do so at a time. Raises as SQLAlchemy does."""
    with engine.begin() as connection:
        if set(SHARED.tables) <= set(inspect(connection).get_table_names()):
            return  # without the lock: thousands of services come back at once when the server was away
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": NUMBER})
        SHARED.create_all(connection)


def missing_indexes(engine: Engine) -> list[str]:
    """The names of those that the tables of an earlier release lack, or that nobody finished. Raises as SQLAlchemy does."""
    valid = text(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = to_regclass('events') AND i.indisvalid"
    )
    with engine.connect() as connection:
        there = set(connection.execute(valid).scalars())
    return sorted(str(index.name) for index in SHARED_EVENTS.indexes if index.name not in there)


def add_indexes(engine: Engine) -> list[str]:
    """Make those that are missing, while others go on writing; takes minutes for millions of events. Gives what is missing still.

    That is so where the role does not own the tables, or another service is at it. Raises as SQLAlchemy does.
    """
    missing = missing_indexes(engine)
    if not missing:
        return []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text(OWNS)) or not connection.scalar(text(TRY_LOCK), {"number": NUMBER + 1}):
            return missing
        try:
            connection.exec_driver_sql("SET statement_timeout = 0; SET lock_timeout = 0")
            for index in SHARED_EVENTS.indexes:
                if index.name in missing:
                    connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                    made = str(CreateIndex(index).compile(engine)).replace("INDEX", "INDEX CONCURRENTLY", 1)
                    connection.exec_driver_sql(made)
        finally:
            connection.invalidate()  # its lock and its settings go with it
    return missing_indexes(engine)


def announce(connection: Connection, site: str, instance: str) -> bool:
    """Note that this instance writes as `site`; gives whether another has done so lately, by the server's clock."""
    mine: dict[str, Any] = {"site": site, "instance": instance}
    note = insert(SITES).values(**mine, seen_at=func.now())
    connection.execute(
        note.on_conflict_do_update(index_elements=["site", "instance"], set_={"seen_at": func.now()})
    )
    lately = func.now() - text(f"interval '{NEIGHBOUR_S} seconds'")
    others = select(func.count()).where(
        SITES.c.site == site, SITES.c.instance != instance, SITES.c.seen_at > lately
    )
    return bool(connection.execute(others).scalar_one())
