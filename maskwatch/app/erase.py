"""All that is kept of one camera and some days: in the queue, in the archive of used samples, and in the events.

The archive's notes go last, by the ids' times, so that erasing again after a crash takes what is left of them, too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from maskwatch.config.load import CAMERA_NAME
from maskwatch.core.errors import ConfigError
from maskwatch.events.retention import STEP, clear_journal, delete_media, shrink
from maskwatch.events.store import FILE, EventFilter, EventStore
from maskwatch.learning.archive import Archive
from maskwatch.samples import erase as of_queue
from maskwatch.samples.erase import Stored, forget_import, stored
from maskwatch.samples.store import Queue


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to go: what is stored of `camera` on `day` (UTC), or on every day before `before`; one of both is None."""

    camera: str
    day: date | None = None
    before: date | None = None

    def is_wanted(self, day: str) -> bool:
        """Whether a day, `YYYY-MM-DD`, is to go."""
        return day == str(self.day) if self.day else day < str(self.before)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of it in the queue and in the archive, and the cameras that have anything there."""

    queue: Stored
    archive: Stored
    cameras: tuple[str, ...]

    @property
    def samples(self) -> int:
        """In both."""
        return len(self.queue.records) + len(self.archive.records)


def look(queue: Path, archive: Path, erasure: Erasure) -> Kept:
    """What would go. Raises `ConfigError` for what can be no camera's name."""
    folders = queue, Archive(archive).samples_folder
    if not re.fullmatch(CAMERA_NAME, erasure.camera):
        raise ConfigError(f"--camera: {erasure.camera!r} can be no camera's name")
    cameras = {path.parent.name for folder in folders for path in folder.glob("[!.]*/????-??-??")}
    waiting, used = (stored(folder, erasure.camera, erasure.is_wanted) for folder in folders)
    return Kept(waiting, used, tuple(sorted(cameras)))


def count_events(folder: Path, erasure: Erasure) -> int:
    """How many events of it a folder has. Raises `EventError`."""
    with _events_in(folder) as store:
        return store.count(_filter(erasure)) if store else 0


def erase_events(folder: Path, erasure: Erasure) -> int:
    """Delete the events, with their stills and clips, for good; returns how many there were. Raises `EventError`."""
    count = 0
    with _events_in(folder) as store:
        while store and (gone := store.delete(_filter(erasure), limit=STEP, lasting=True)):
            delete_media(folder, gone)
            count += len(gone)
        if store and count:
            while shrink(store, slack=0):
                pass
            clear_journal(store)
    return count


def _filter(erasure: Erasure) -> EventFilter:
    until = erasure.before if erasure.day is None else erasure.day + timedelta(days=1)
    assert until is not None
    since = None if erasure.day is None else _begin(erasure.day)
    return EventFilter(since=since, until=_begin(until), cameras=[erasure.camera])


def _begin(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


@contextmanager
def _events_in(folder: Path) -> Iterator[EventStore | None]:
    """None where no events were ever kept: nothing is made there."""
    if not (folder / FILE).exists():
        yield None
        return
    with closing(EventStore.in_folder(folder)) as store:
        yield store


def erase(queue: Path, archive: Path, erasure: Erasure, advance: Callable[[], None] = lambda: None) -> int:
    """Delete its samples for good; returns how many there were, `advance` is called after each.

    Raises `DataError` while a training runs, which uses the archive, and `QueueError` when something may not be removed.
    """
    if not archive.exists():
        return _erase_queue(queue, erasure, advance)
    kept = Archive(archive)
    with kept.alone():
        count = _erase_queue(queue, erasure, advance)
        count += of_queue.erase(kept.samples_folder, erasure.camera, erasure.is_wanted, advance)
        left = {*Queue(queue).images(), *kept.samples.images()}
        kept.forget(erasure.camera, erasure.is_wanted, left)
    return count


def _erase_queue(queue: Path, erasure: Erasure, advance: Callable[[], None]) -> int:
    ids = [path.stem for path in stored(queue, erasure.camera, erasure.is_wanted).records]
    forget_import(queue, ids)
    return of_queue.erase(queue, erasure.camera, erasure.is_wanted, advance)
