"""Erases events of a camera and of some days, with stills and clips, and people's names from all events.

Pictures are deleted before the events that name them, so that erasing again after a crash finds what is left of them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import delete

from maskwatch.core.errors import EventError
from maskwatch.events.retention import STEP, clear_journal, delete_media, shrink
from maskwatch.events.schema import SITES
from maskwatch.events.sqlite import DAMAGED_SINCE, damaged_files
from maskwatch.events.store import FILE, EventFilter, EventStore


def count(folder: Path, wanted: EventFilter) -> int:
    """How many events of a folder match. Raises `EventError`."""
    with _events_in(folder) as store:
        return store.count(wanted) if store else 0


def erase(folder: Path, wanted: EventFilter) -> int:
    """Delete the events that match, with their stills and clips; returns how many there were. Raises `EventError`."""
    number = 0
    with _events_in(folder) as store:
        while store and (ids := store.ids(wanted, limit=STEP)):
            delete_media(folder, ids)
            gone = store.delete(wanted, limit=STEP, ongoing=True)
            delete_media(folder, set(gone) - set(ids))
            number += len(gone)
        if store and number:
            _tidy(store)
    return number


def damaged(folder: Path, since: float | None) -> list[Path]:
    """Files of databases that were put aside as damaged at the Unix time `since` or later; what is in them is not known."""
    return [path for path in damaged_files(folder / FILE) if since is None or _put_aside_at(path) >= since]


def delete_damaged(folder: Path, since: float | None) -> int:
    """Delete the files of `damaged`; returns how many there were. Raises `EventError` when one may not be deleted."""
    found = damaged(folder, since)
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise EventError(f"events: {path}: {e.strerror}") from e
    return len(found)


def erase_shared(url: SecretStr, site: str, wanted: EventFilter) -> int:
    """Delete the events that match of a site from the shared database; returns how many. Raises `ConfigError`, `EventError`."""
    number = 0
    with closing(EventStore.shared(url, site)) as store:
        while gone := store.delete(replace(wanted, sites=(site,)), limit=STEP, ongoing=True):
            number += len(gone)
    return number


def erase_site(store: EventStore, site: str) -> int:
    """Delete all of a site from a shared store, and that it was ever there; returns how many events there were. Raises `EventError`."""
    number = 0
    while gone := store.delete(EventFilter(sites=(site,)), limit=STEP, ongoing=True):
        number += len(gone)
    if store.is_shared:
        with store.errors(), store.begin() as connection:
            connection.execute(delete(SITES).where(SITES.c.site == site))
    return number


def count_users(folder: Path) -> Mapping[str, int]:
    """How many events name each person. Raises `EventError`."""
    with _events_in(folder) as store:
        return store.users() if store else {}


def rename_users(folder: Path, names: Mapping[str, str]) -> int:
    """Replace names in all events; returns in how many events. Raises `EventError`.

    Copies in a shared database are replaced later, like those of any event that changed.
    """
    number = 0
    with _events_in(folder) as store:
        for before, after in names.items():
            while store and (found := store.of_user(before, limit=STEP)):
                store.add([replace(each, data=_renamed(each.data, before, after)) for each in found])
                number += len(found)
        if store and number:
            _tidy(store)
    return number


def _renamed(data: Mapping[str, object], before: str, after: str) -> dict[str, object]:
    """An event's data with another name as its user, and for each whole word of its target that is the name."""
    name = re.compile(rf"(?<!\w){re.escape(before)}(?!\w)")
    named = {key: value for key in ("user", "target") if isinstance(value := data.get(key), str)}
    return {**data, **{key: name.sub(lambda _: after, value) for key, value in named.items()}}


def _put_aside_at(path: Path) -> float:
    """The Unix time in a damaged file's name; infinity, later than any `since`, for another name."""
    try:
        written = path.name.partition(".damaged-")[2].partition("Z")[0]
        return datetime.strptime(written, DAMAGED_SINCE.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return float("inf")


def _tidy(store: EventStore) -> None:
    while shrink(store, slack=0):
        pass
    clear_journal(store)


@contextmanager
def _events_in(folder: Path) -> Iterator[EventStore | None]:
    """The store of a folder; None, and nothing is created, where no events were ever stored."""
    if not (folder / FILE).exists():
        yield None
        return
    with closing(EventStore.in_folder(folder)) as store:
        yield store
