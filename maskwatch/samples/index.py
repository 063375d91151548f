"""All samples of a queue, kept in memory: only what changed on disk is read again.

A folder of a day in which no name was added, taken away or replaced is not looked through, as whatever writes samples
renames them into place; now and then all are, for who changed a record by hand.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from maskwatch.core.errors import QueueError
from maskwatch.samples.sample import Sample, read_sample

log = logging.getLogger(__name__)

THOROUGH_S = 10.0  # between two looks at every file
RACY_NS = 2_000_000_000  # a folder that changed so shortly before it was looked at may change again unseen

Stamp = tuple[int, int, int]
"""Tells one state of a file from another: a file that was renamed into place is another inode."""


@dataclass(frozen=True, slots=True)
class _Entry:
    stamp: Stamp
    sample: Sample | None  # None: it cannot be read, which was told


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's folder as it was looked through; `is_sure` that a change since then shows in its time."""

    changed_ns: int
    is_sure: bool
    entries: dict[str, _Entry]


class Index:
    """Reads the records below a queue's folder; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, _Day] = {}
        self._sorted: list[Sample] | None = None
        self._thorough_at = -THOROUGH_S
        self._lock = threading.Lock()

    def samples(self) -> list[Sample]:
        """Oldest first. One that cannot be read is logged once and left out."""
        with self._lock:
            self._look()
            if self._sorted is None:
                found = [entry.sample for entry in self._entries().values() if entry.sample is not None]
                self._sorted = sorted(found, key=lambda sample: sample.id)
            return self._sorted.copy()

    def records(self) -> dict[str, Path]:
        """The file of each sample's record, by the sample's id."""
        with self._lock:
            self._look()
            return {e.sample.id: Path(path) for path, e in self._entries().items() if e.sample is not None}

    def _entries(self) -> dict[str, _Entry]:
        return {path: entry for day in self._days.values() for path, entry in day.entries.items()}

    def _look(self) -> None:
        now = time.monotonic()
        is_thorough = now - self._thorough_at >= THOROUGH_S
        if is_thorough:
            self._thorough_at = now
        days = {}
        for path in _days(self._folder):
            known = self._days.get(path)
            day = self._day(path, known, is_thorough=is_thorough)
            if day is not None:
                days[path] = day
        if any(self._days.get(path) is not day for path, day in days.items()) or len(days) < len(self._days):
            self._sorted = None
        self._days = days

    def _day(self, path: str, known: _Day | None, *, is_thorough: bool) -> _Day | None:
        try:
            changed_ns = Path(path).stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if known is not None and known.is_sure and known.changed_ns == changed_ns and not is_thorough:
            return known
        before = known.entries if known else {}
        is_sure = time.time_ns() - changed_ns > RACY_NS
        entries = {each: self._entry(each, stamp, before) for each, stamp in _records(path)}
        is_same = entries.keys() == before.keys() and all(
            entry is before[each] for each, entry in entries.items()
        )
        if known is not None and is_same and (known.changed_ns, known.is_sure) == (changed_ns, is_sure):
            return known
        return _Day(changed_ns, is_sure, entries)

    @staticmethod
    def _entry(path: str, stamp: Stamp, before: dict[str, _Entry]) -> _Entry:
        known = before.get(path)
        if known is not None and known.stamp == stamp:
            return known
        try:
            return _Entry(stamp, read_sample(Path(path)))
        except QueueError as e:
            log.warning("%s; left out", e)
            return _Entry(stamp, None)


def _days(folder: Path) -> Iterator[str]:
    for camera in _folders(folder):
        for day in _folders(camera.path):
            yield day.path


def _records(day: str) -> Iterator[tuple[str, Stamp]]:
    """The path and state of each record; `scandir` is several times as quick as globbing.

    A link in the place of a record or its image is none: it may lead to what whoever put it there may not read.
    """
    listed = _listed(day)
    links = {entry.name for entry in listed if entry.is_symlink()}
    for link in links:
        _warn(f"{day}/{link}", "is a link")
    for entry in listed:
        is_linked = not links.isdisjoint({entry.name, f"{entry.name.removesuffix('.json')}.jpg"})
        if entry.name.endswith(".json") and not entry.name.startswith(".") and not is_linked:
            try:
                told = entry.stat()
            except FileNotFoundError:
                continue  # removed meanwhile
            yield entry.path, (told.st_ino, told.st_mtime_ns, told.st_size)


def _folders(path: str | Path) -> list[os.DirEntry[str]]:
    return [e for e in _listed(path) if e.is_dir() and not e.name.startswith(".")]


def _listed(path: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as e:
        _warn(str(path), e.strerror)
        return []


@cache
def _warn(path: str, reason: str) -> None:
    log.warning("queue: %s: %s; its samples are left out", path, reason)
