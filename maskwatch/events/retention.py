"""Keeps the database to its limits, a small step at a time, so that nothing waits for it."""

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from maskwatch.events.media import Media
from maskwatch.events.sqlite import WAL_BYTES, damaged_files
from maskwatch.events.store import EventFilter, EventStore

log = logging.getLogger(__name__)

DAY_S = 86_400.0
STEP = 500  # events that are deleted in one transaction
PAGES = 512  # of the file that are given back to the disk at a time
SLACK_PAGES = 256  # free pages that the file keeps for the next events
OVERHEAD_BYTES = WAL_BYTES + SLACK_PAGES * 4096  # what the files take besides the events


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes events older than `max_days`, and the oldest while the database takes more than `max_mb` (10^6 bytes each).

    An event that has no end yet stays, however old. Stills and clips are deleted with their events.
    """

    folder: Path
    max_days: float
    max_mb: float

    def step(self, store: EventStore, now: float) -> bool:
        """Delete a little of what is too old or too much at the Unix time `now`; returns whether there may be more. Raises `EventError`."""
        too_old = EventFilter(until=now - self.max_days * DAY_S)
        gone = store.delete(too_old, limit=STEP, ongoing=False)
        if not gone and used_bytes(store) > max(0.0, self.max_mb * 1e6 - OVERHEAD_BYTES):
            gone = store.delete(EventFilter(), limit=STEP, ongoing=False)
        if gone:
            delete_media(self.folder, gone)
            return True
        self._delete_damaged(store, now)
        return shrink(store)

    def _delete_damaged(self, store: EventStore, now: float) -> None:
        with suppress(OSError):
            for path in damaged_files(store.path) if store.path else ():
                if now - path.stat().st_mtime > self.max_days * DAY_S:
                    path.unlink()


def used_bytes(store: EventStore) -> int:
    """The bytes that events take: the file without its free pages. Raises `EventError`."""
    pages, free, size = (_pragma(store, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def shrink(store: EventStore, slack: int = SLACK_PAGES) -> bool:
    """Give some free pages of the file back to the disk; returns whether there are more. Raises `EventError`."""
    before = _pragma(store, "freelist_count")
    if before <= slack:
        return False
    _run(store, f"PRAGMA incremental_vacuum({PAGES}); PRAGMA wal_checkpoint(PASSIVE)")
    # while somebody reads for long the file stays, and is looked at again the next time
    return slack < _pragma(store, "freelist_count") < before


def clear_journal(store: EventStore) -> None:
    """Remove what was deleted from the write-ahead log, too; waits for readers, up to a limit. Raises `EventError`."""
    _run(store, "PRAGMA wal_checkpoint(TRUNCATE)")


def delete_media(folder: Path, event_ids: Iterable[str]) -> None:
    """Delete the stills and clips of events, half written ones too; what may not be deleted is left, and logged."""
    media = Media(folder)
    unfinished: dict[str, list[Path]] = {}
    for path in (*folder.glob("stills/.*"), *folder.glob("clips/.*")):
        unfinished.setdefault(path.name[1:33], []).append(path)
    for event_id in event_ids:
        for path in (media.still(event_id), media.clip(event_id), *unfinished.get(event_id, ())):
            try:
                path.unlink(missing_ok=True)
            except OSError as e:
                log.warning("events: %s: cannot be deleted: %s", path, e.strerror)


def _run(store: EventStore, script: str) -> None:
    """Run a script to its end; as a query, `incremental_vacuum` would free a single page."""
    with store.errors(), store.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        try:
            driver.executescript(script)
        except sqlite3.Error as e:
            raise DBAPIError(None, None, e) from e


def _pragma(store: EventStore, name: str) -> int:
    with store.errors(), store.begin() as connection:
        return int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
