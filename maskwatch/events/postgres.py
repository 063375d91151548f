"""PostgreSQL: one database that several services share. Needs psycopg."""

from importlib.util import find_spec
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, func, inspect, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from maskwatch.core.errors import ConfigError
from maskwatch.events.tables import SHARED, SITES

CONNECT_S = 5
ANSWER_S = 10  # a server that says nothing for so long is away
NUMBER = 0x6D61736B  # of the lock that only one holds who makes tables
NEIGHBOUR_S = 180  # another that wrote under the same name so lately does so still


def address_of(url: SecretStr) -> URL:
    """The address as SQLAlchemy takes it. Raises `ConfigError`, without any part of it, when it is none."""
    if find_spec("psycopg") is None:
        raise ConfigError("events.url: psycopg is not installed (it comes with maskwatch[postgres])")
    try:
        return make_url(url.get_secret_value()).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise ConfigError(
            "events.url: must be postgresql://USER:PASSWORD@HOST/DATABASE; a / ? # @ : in the password is written "
            "percent-encoded"
        ) from None  # its context would show the password


def connected(url: URL, site: str) -> Engine:
    """For a server that need not be there. Of two connections, one is kept."""
    settings = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": ANSWER_S * 1000,
        "keepalives_idle": ANSWER_S,
        "application_name": f"maskwatch {site}",
        "options": f"-c statement_timeout={ANSWER_S}s -c lock_timeout={ANSWER_S}s",
    }
    own = {name: value for name, value in settings.items() if name not in url.query}
    return create_engine(url, connect_args=own, pool_size=1, max_overflow=1, pool_pre_ping=True)


def make(engine: Engine) -> None:
    """Make the tables where they are not there; several services may do so at a time. Raises as SQLAlchemy does."""
    with engine.begin() as connection:
        if set(SHARED.tables) <= set(inspect(connection).get_table_names()):
            return  # without the lock: thousands of services come back at once when the server was away
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": NUMBER})
        SHARED.create_all(connection)


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
