"""The database schema: a service's own tables, and those that several services share."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)


def _events(metadata: MetaData, *more: Any) -> Table:
    """The table of events. `version` grows with each change of an event (microseconds of Unix time): of two copies the larger is newer."""
    return Table(
        "events",
        metadata,
        Column("id", String(32), primary_key=True),
        Column("site", String(64), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("camera", String(64)),
        Column("at", Float(53), nullable=False),
        Column("ended_at", Float(53)),
        Column("data", JSON, nullable=False),
        Column("version", BigInteger, nullable=False),
        Index("events_at", "at", "id"),
        Index("events_kind_at", "kind", "at", "id"),
        Index("events_camera_at", "camera", "at", "id"),
        *more,
    )


OWN = MetaData()
OWN_EVENTS = _events(
    OWN,
    Column(
        "copied", BigInteger, nullable=False, server_default="0"
    ),  # the version that the shared database has
    Index("events_uncopied", "at", sqlite_where=text("copied < version")),
)
NOTES = Table("notes", OWN, Column("name", String(16), primary_key=True), Column("value", JSON))
"""What a service notes about itself: `instance`, its id, and while it runs `alive`, a Unix time."""

SHARED = MetaData()
SHARED_EVENTS = _events(
    SHARED,
    Index("events_site_at", "site", "at", "id"),
    Index("events_site_camera_at", "site", "camera", "at", "id"),
    Index(
        "events_lasting",
        "site",
        postgresql_where=text("ended_at IS NULL AND kind IN ('alert', 'outage')"),
    ),
)
SITES = Table(
    "sites",
    SHARED,
    Column("site", String(64)),
    Column("instance", String(32)),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("site", "instance"),
)
"""Which instances write under which site; two at the same time are an error of configuration."""
