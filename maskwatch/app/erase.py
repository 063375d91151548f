"""All that is kept of one camera and some days: in the queue, in the archive of used samples, and in the events.

What is kept elsewhere is deleted by `erase_related.py`.

The archive's notes go last, by the ids' times, so that erasing again after a crash takes what is left of them, too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from maskwatch.config.reader import CAMERA_NAME
from maskwatch.core.errors import ConfigError
from maskwatch.events import erase as of_events
from maskwatch.events.store import EventFilter
from maskwatch.learning.archive import Archive
from maskwatch.samples import erase as of_queue
from maskwatch.samples.erase import Stored, forget_import, stored


@dataclass(frozen=True, slots=True)
class Erasure:
    """What to delete: all data of `camera` on `day` (UTC), or on every day before `before`; one of both is None."""

    camera: str
    day: date | None = None
    before: date | None = None

    @property
    def since(self) -> float | None:
        """The Unix time from which data is to be deleted; None: from the beginning."""
        return None if self.day is None else _begin(self.day)

    @property
    def until(self) -> float:
        """The Unix time before which data is to be deleted."""
        until = self.before if self.day is None else self.day + timedelta(days=1)
        assert until is not None
        return _begin(until)

    @property
    def events(self) -> EventFilter:
        """Its events."""
        return EventFilter(since=self.since, until=self.until, cameras=[self.camera])

    def is_wanted(self, day: str) -> bool:
        """Whether the data of a day, `YYYY-MM-DD`, is to be deleted."""
        return day == str(self.day) if self.day else day < str(self.before)


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """What is stored of it in the queue and in the archive, and the cameras that have anything there.

    Of the archive's `holdout` pictures `held_out` would go.
    """

    queue: Stored
    archive: Stored
    cameras: tuple[str, ...]
    held_out: int = 0
    holdout: int = 0

    @property
    def samples(self) -> int:
        """In both."""
        return len(self.queue.records) + len(self.archive.records)


def look(queue: Path, archive: Path, erasure: Erasure) -> StoredSamples:
    """What would go. Raises `ConfigError` for what can be no camera's name."""
    folders = queue, Archive(archive).samples_folder
    if not re.fullmatch(CAMERA_NAME, erasure.camera):
        raise ConfigError(f"--camera: {erasure.camera!r} can be no camera's name")
    cameras = {path.parent.name for folder in folders for path in folder.glob("[!.]*/????-??-??")}
    waiting, used = (stored(folder, erasure.camera, erasure.is_wanted) for folder in folders)
    holdout = Archive(archive).holdout()
    held_out = len({path.stem for path in used.records} & set(holdout))
    return StoredSamples(waiting, used, tuple(sorted(cameras)), held_out, len(holdout))


def count_events(folder: Path, erasure: Erasure) -> int:
    """How many of the events to delete a folder holds. Raises `EventError`."""
    return of_events.count(folder, erasure.events)


def erase_events(folder: Path, erasure: Erasure) -> int:
    """Delete the events, with their stills and clips, for good; returns how many there were. Raises `EventError`."""
    return of_events.erase(folder, erasure.events)


def require_no_training(archive: Path) -> None:
    """Raises `DataError` while one runs: to be asked before anything is deleted that `erase` does not delete itself."""
    if archive.exists():
        with Archive(archive).alone():
            pass


def erase(queue: Path, archive: Path, erasure: Erasure, advance: Callable[[], None] = lambda: None) -> int:
    """Delete its samples for good; returns how many there were, `advance` is called after each.

    Raises `DataError` while a training runs, which uses the archive, and `QueueError` when something may not be removed.
    """
    if not archive.exists():
        return _erase_queue(queue, erasure, advance)
    kept = Archive(archive)
    with kept.alone():
        count = _erase_queue(queue, erasure, advance)
        count += kept.erase(erasure.camera, erasure.is_wanted, queue, advance)
    return count


def _erase_queue(queue: Path, erasure: Erasure, advance: Callable[[], None]) -> int:
    ids = [path.stem for path in stored(queue, erasure.camera, erasure.is_wanted).records]
    forget_import(queue, ids)
    return of_queue.erase(queue, erasure.camera, erasure.is_wanted, advance)


def _begin(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
