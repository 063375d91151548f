"""Room for samples: what has to go when they grow too many, too old, or the disk too full."""

import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from maskwatch.core.errors import QueueError, QueueFull
from maskwatch.core.text import pluralize
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import locked
from maskwatch.samples.sample import read_sample

log = logging.getLogger(__name__)

MB = 1_000_000
ID_TIME = "%Y%m%dT%H%M%S.%f"
DAY = "%Y-%m-%d"
LOCK = ".lock"
LEFTOVER_S = 600.0  # a picture without its JSON for so long is what a crash left


@dataclass(frozen=True, slots=True)
class Limits:
    """`min_free_mb` is what the disk keeps free, whoever fills it. Labelled ones go after `labelled_max_days`; None: never."""

    max_mb: float
    max_days: float
    min_free_mb: float = 0
    labelled_max_days: float | None = None


class Retention:
    """Keeps a queue's folder within its limits; None: there are none. One thread at a time may use it.

    The oldest samples without labels go first, those with labels only when they are older than they may be. What should go and may not be removed
    (another's file, a disk that is read-only) is passed over, said once in the log and in `notice`, and tried
    again by `tidy`.
    """

    def __init__(self, folder: Path, limits: Limits | None) -> None:
        self._folder = folder
        self._limits = limits
        self._bytes: int | None = None  # counted by the first look
        self._kept: dict[Path, int] = {}  # labelled samples, by the time of their last change
        self._stuck: dict[Path, str] = {}  # what should go and may not be removed, and why

    @property
    def notice(self) -> str | None:
        """What should go and may not be removed; None when there is nothing of the kind."""
        if not self._stuck:
            return None
        what = f"{pluralize(len(self._stuck), 'file')} that should go may not be removed"
        return f"queue: {self._folder}: {what}: {next(iter(self._stuck.values()))}"

    def ensure_room(self, needed: int) -> None:
        """Delete the oldest unlabelled samples until `needed` bytes fit. Raises `QueueFull`, `OSError`."""
        if self._bytes is None:
            self._clean()
        if self._lacking(needed) > 0:
            self._bytes = self._counted()  # people may have removed some meanwhile
        self._free(needed, skipped=frozenset(self._stuck))

    def tidy(self) -> None:
        """Remove what is too old or too much, and what a crash left. Raises `QueueFull`, `OSError`."""
        if self._folder.is_dir():
            self._clean()
            try:
                self._free(0)
            finally:
                self._stuck = {path: why for path, why in self._stuck.items() if os.path.lexists(path)}

    def added(self, count: int) -> None:
        """So many bytes were written."""
        self._bytes = (self._bytes or 0) + count

    def _clean(self) -> None:
        self._remove_leftovers()
        if self._limits is not None:
            self._remove_oldest(before=id_before(self._limits.max_days))
            self._remove_old_labelled()
            self._remove_empty_days()
        self._bytes = self._counted()

    def _remove_old_labelled(self) -> None:
        """Told in the log, as somebody's work goes with them."""
        assert self._limits is not None
        if self._limits.labelled_max_days is None:
            return
        before, count = id_before(self._limits.labelled_max_days), 0
        for path in takewhile(lambda path: path.name < before, records(self._folder)):
            count += self._remove(path, self._delete_anyway) > 0
        if count:
            log.info(
                "queue: %s older than %g days deleted (queue.labelled_max_days)",
                pluralize(count, "labelled sample"),
                self._limits.labelled_max_days,
            )

    def _delete_anyway(self, path: Path) -> int:
        with exclusive(self._folder):
            freed = delete_sample(path)
        self._kept.pop(path, None)
        self._stuck.pop(path, None)
        return freed

    def _free(self, needed: int, skipped: Collection[Path] = ()) -> None:
        lacking = self._lacking(needed)
        if lacking <= 0:
            return
        freed = self._remove_oldest(count=lacking, skipped=skipped)
        if freed < lacking:
            raise QueueFull(f"queue: {self._folder}: {self._why_full(needed)}")

    def _lacking(self, needed: int) -> int:
        """How many bytes must go before `needed` fit; none when this is not above 0."""
        return max(self._too_much(needed), self._too_little_free(needed))

    def _too_much(self, needed: int) -> int:
        assert self._bytes is not None
        if self._limits is None or self._limits.max_mb == float("inf"):
            return 0
        return self._bytes + needed - round(self._limits.max_mb * MB)

    def _too_little_free(self, needed: int) -> int:
        if self._limits is None or self._limits.min_free_mb == 0 or not self._folder.is_dir():
            return 0
        return round(self._limits.min_free_mb * MB) + needed - shutil.disk_usage(self._folder).free

    def _why_full(self, needed: int) -> str:
        assert self._limits is not None
        if self._too_little_free(needed) > 0:
            return f"less than {self._limits.min_free_mb:g} MB of the disk are free (queue.min_free_mb)"
        return f"full ({self._limits.max_mb:g} MB, queue.max_mb)"

    def _remove_oldest(
        self, *, count: int | None = None, before: str | None = None, skipped: Collection[Path] = ()
    ) -> int:
        """Unlabelled samples: of names less than `before`, or until `count` bytes are freed; returns the bytes."""
        freed = 0
        for path in records(self._folder):
            if (before is not None and path.name >= before) or (count is not None and freed >= count):
                break
            if path not in skipped:
                freed += self._remove(path, self._delete_if_unlabelled)
        assert self._bytes is not None or before is not None
        self._bytes = (self._bytes or 0) - freed
        return freed

    def _remove(self, path: Path, remove: Callable[[Path], int]) -> int:
        """Remove it, if `remove` finds that it is to go; returns the bytes freed."""
        try:
            freed = remove(path)
        except FileNotFoundError:
            freed = 0  # somebody else was quicker
        except OSError as e:
            known = bool(self._stuck)
            at = Path(e.filename or path)
            left = path if os.path.lexists(path) else at  # half a sample may be gone
            self._stuck[left] = f"{at}: {e.strerror or e}"
            if not known:
                log.warning("%s; this is said once", self.notice)
            return 0
        return freed

    def _delete_if_unlabelled(self, path: Path) -> int:
        changed = path.stat().st_mtime_ns
        if self._kept.get(path) == changed:
            return 0
        with exclusive(self._folder):  # nobody labels it between the look and the removal
            if is_unlabelled(path):
                return delete_sample(path)
        self._kept[path] = changed
        self._stuck.pop(path, None)
        return 0

    def _counted(self) -> int:
        return sum(map(_size, self._folder.glob("*/*/*")))

    def _remove_leftovers(self) -> None:
        for path in self._folder.glob("*/*/*"):
            self._remove(path, _removed_if_left_over)

    def _remove_empty_days(self) -> None:
        """Not today's and yesterday's, into which somebody may be about to write."""
        horizon = f"{utc_now() - timedelta(days=1):{DAY}}"
        for day in self._folder.glob("*/????-??-??"):
            if day.name < horizon:
                self._remove(day, _removed_if_empty)


def id_before(days: float) -> str:
    """What the ids of samples that were saved longer ago than that are less than."""
    most = (utc_now() - datetime.min.replace(tzinfo=UTC)).days - 1  # before the year 1 there are no samples
    return f"{utc_now() - timedelta(days=min(days, most)):{ID_TIME}}"


def exclusive(folder: Path) -> AbstractContextManager[None]:
    """While it is held, nobody labels or removes samples of the folder, in this process or another."""
    return locked(folder / LOCK)


def records(folder: Path) -> list[Path]:
    """The samples' JSON files, oldest first: an id starts with its time."""
    return sorted(folder.glob("*/*/[!.]*.json"), key=lambda path: path.name)


def delete_sample(record: Path) -> int:
    """Delete a sample; returns how many bytes it had. The record goes first, so half a sample is never seen."""
    return _unlinked(record) + _unlinked(record.with_suffix(".jpg"))


def _unlinked(path: Path) -> int:
    size = _size(path)
    path.unlink(missing_ok=True)
    return size


def _size(path: Path) -> int:
    """Bytes of a file; 0 of what is none, is gone or may not be looked at."""
    try:
        about = path.stat()
    except OSError:
        return 0
    return about.st_size if stat.S_ISREG(about.st_mode) else 0


def _removed_if_left_over(path: Path) -> int:
    unfinished = ".part." in path.name
    orphan = path.suffix == ".jpg" and not path.with_suffix(".json").exists()
    if (unfinished or orphan) and time.time() - path.stat().st_mtime > LEFTOVER_S:
        return _unlinked(path)
    return 0


def _removed_if_empty(day: Path) -> int:
    if not any(day.iterdir()):
        day.rmdir()
    return 0


def is_unlabelled(record: Path) -> bool:
    """Whether a sample may go; not one that cannot be read, in which labels may stand."""
    try:
        return read_sample(record).labels is None
    except QueueError as e:
        log.warning("%s; left where it is", e)
        return False
