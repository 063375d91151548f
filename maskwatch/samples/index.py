"""All samples of a queue, kept in memory: only what changed on disk is read again."""

import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from maskwatch.core.errors import QueueError
from maskwatch.samples.sample import Sample, read_sample

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
"""Tells one state of a file from another: a file that was renamed into place is another inode."""


@dataclass(frozen=True, slots=True)
class _Entry:
    stamp: Stamp
    sample: Sample | None  # None: it cannot be read, which was told


class Index:
    """Reads the records below a queue's folder; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def samples(self) -> list[Sample]:
        """Oldest first. One that cannot be read is logged once and left out."""
        found = [entry.sample for entry in self._looked().values() if entry.sample is not None]
        return sorted(found, key=lambda sample: sample.id)

    def records(self) -> dict[str, Path]:
        """The file of each sample's record, by the sample's id."""
        return {e.sample.id: Path(path) for path, e in self._looked().items() if e.sample is not None}

    def _looked(self) -> dict[str, _Entry]:
        with self._lock:
            self._entries = {path: self._entry(path, stamp) for path, stamp in _records(self._folder)}
            return self._entries

    def _entry(self, path: str, stamp: Stamp) -> _Entry:
        known = self._entries.get(path)
        if known is not None and known.stamp == stamp:
            return known
        try:
            return _Entry(stamp, read_sample(Path(path)))
        except QueueError as e:
            log.warning("%s; left out", e)
            return _Entry(stamp, None)


def _records(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """The path and state of each record; `scandir` is several times as quick as globbing."""
    for camera in _folders(folder):
        for day in _folders(camera.path):
            for entry in _listed(day.path):
                if entry.name.endswith(".json") and not entry.name.startswith("."):
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
