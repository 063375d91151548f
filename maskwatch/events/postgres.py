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
from maskwatch.events.schema import SHARED, SHARED_EVENTS, SITES

CONNECT_S = 5
READERS = 6
# without the just-in-time compiler, which would compile the sites' query for far longer than it runs
READ_ONLY = "-c default_transaction_read_only=on -c jit=off"
ANSWER_S = 10  # then a server that has not answered counts as away
LOCK_ID = 0x6D61736B  # of the advisory lock that is held while tables are created; the next one, for indexes
OWNS_EVENTS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('events')"
TRY_LOCK = "SELECT pg_try_advisory_lock(:id)"  # without waiting: creating an index waits for whoever waits for a lock
HEARTBEAT_TIMEOUT_S = 180  # then a service that has not announced itself counts as gone


def address_of(url: SecretStr, key: str = "events.url") -> URL:
    """The address as SQLAlchemy takes it. Raises `ConfigError`, which names `key` and shows no part of the address."""
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


def writing_engine(url: URL, site: str) -> Engine:
    """For a service that writes; the server need not be up yet. At most two connections, of which one is kept."""
    return create_engine(
        url, connect_args=_settings(url, site), pool_size=1, max_overflow=1, pool_pre_ping=True
    )


def reading_engine(url: URL) -> Engine:
    """For pages: read-only, whatever its role may do. At most `READERS` connections, of which two are kept."""
    settings = _settings(url, "console", READ_ONLY)
    more = {"pool_size": 2, "max_overflow": READERS - 2, "pool_timeout": ANSWER_S}
    return create_engine(url, connect_args=settings, pool_pre_ping=True, **more)


def _settings(url: URL, name: str, options: str = "") -> dict[str, Any]:
    """Libpq's settings of a connection, without those that the address has itself."""
    settings = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": ANSWER_S * 1000,
        "keepalives_idle": ANSWER_S,
        "application_name": f"maskwatch {name}",
        "options": f"-c statement_timeout={ANSWER_S}s -c lock_timeout={ANSWER_S}s {options}".rstrip(),
    }
    return {name: value for name, value in settings.items() if name not in url.query}


def create_tables(engine: Engine) -> None:
    """Create the tables that are missing; several services may do so at a time. Raises as SQLAlchemy does."""
    with engine.begin() as connection:
        if set(SHARED.tables) <= set(inspect(connection).get_table_names()):
            return  # without the lock: thousands of services come back at once when the server was away
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})
        SHARED.create_all(connection)


def missing_indexes(engine: Engine) -> list[str]:
    """The names of indexes that tables of an earlier release lack, or whose creation broke off. Raises as SQLAlchemy does."""
    valid = text(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = to_regclass('events') AND i.indisvalid"
    )
    with engine.connect() as connection:
        there = set(connection.execute(valid).scalars())
    return sorted(str(index.name) for index in SHARED_EVENTS.indexes if index.name not in there)


def add_indexes(engine: Engine) -> list[str]:
    """Create the missing indexes while others go on writing, which takes minutes for millions of events.

    Returns the names of those that are still missing, because the role does not own the tables or another service is
    creating them. Raises as SQLAlchemy does.
    """
    missing = missing_indexes(engine)
    if not missing:
        return []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text(OWNS_EVENTS)) or not connection.scalar(
            text(TRY_LOCK), {"id": LOCK_ID + 1}
        ):
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
    """Note that this instance writes as `site`; returns whether another did so within `HEARTBEAT_TIMEOUT_S`, by the server's clock."""
    mine: dict[str, Any] = {"site": site, "instance": instance}
    note = insert(SITES).values(**mine, seen_at=func.now())
    connection.execute(
        note.on_conflict_do_update(index_elements=["site", "instance"], set_={"seen_at": func.now()})
    )
    lately = func.now() - text(f"interval '{HEARTBEAT_TIMEOUT_S} seconds'")
    others = select(func.count()).where(
        SITES.c.site == site, SITES.c.instance != instance, SITES.c.seen_at > lately
    )
    return bool(connection.execute(others).scalar_one())
