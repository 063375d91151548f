"""What the web answers about: the running service, as one record."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.records import Status, Versions

KEPT_S = 10.0  # the queue's folder is not walked through at every question
MEASURING = 20  # times as long as it took is not measured again


@dataclass(frozen=True, slots=True)
class Storage:
    """What waits in the queue's folder, and what is free there; None where it cannot be told."""

    samples: int | None
    bytes: int | None
    free_bytes: int | None


class StorageMeter:
    """Measures a folder, at most every `KEPT_S`, and of the time a twentieth at most; any thread may ask.

    Who asks while it is measured gets what was known before, and waits where nothing was.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._last: Storage | None = None
        self._until_s = 0.0

    def __call__(self) -> Storage:
        if not self._lock.acquire(blocking=self._last is None):
            assert self._last is not None
            return self._last
        try:
            began_s = time.monotonic()
            if self._last is None or began_s >= self._until_s:
                self._last = measured(self._folder)
                now_s = time.monotonic()
                self._until_s = now_s + max(KEPT_S, MEASURING * (now_s - began_s))
            return self._last
        finally:
            self._lock.release()


def measured(folder: Path) -> Storage:
    """Samples are counted by their records, `<camera>/<date>/<id>.json`; a folder that is not there is empty."""
    samples = used = 0
    try:
        for name, size in _files(folder):
            samples += name.endswith(".json")
            used += size
    except OSError:  # not ours to read, say
        return Storage(None, None, _free_bytes(folder))
    return Storage(samples, used, _free_bytes(folder))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and size of each file of each camera's days; `scandir` is several times as quick as globbing."""
    for day in [
        day for camera in _listed(folder) if camera.is_dir() for day in _listed(camera) if day.is_dir()
    ]:
        for each in _listed(day):
            with suppress(FileNotFoundError):  # removed meanwhile
                if not each.name.startswith(".") and each.is_file():
                    yield each.name, each.stat().st_size


def _listed(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _free_bytes(folder: Path) -> int | None:
    """Of the disk on which the folder is, or will be."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class ServiceView:
    """The running service: its board, the models of each camera, the queue's disk. To be asked anew each time."""

    status: Callable[[], Status]
    versions: Callable[[], dict[str, Versions]]
    storage: Callable[[], Storage]


@dataclass(slots=True)
class ConfigInForce:
    """Which state of the configuration file the service runs by; its main thread writes, any thread may read.

    `digest` tells one state of the file from another, `at` is the Unix time since which it is in force. `refused` is the
    digest of a later one that was not taken, and `problem` says why; both are None after one that was.
    """

    digest: str = ""
    at: float = 0.0
    refused: str | None = None
    problem: str | None = None

    def take(self, digest: str, at: float) -> None:
        """It is in force."""
        self.digest, self.at, self.refused, self.problem = digest, at, None, None

    def refuse(self, digest: str, problem: str) -> None:
        """It is not, and why, without any password."""
        self.refused, self.problem = digest, problem


def memory_bytes() -> int:
    """What the process holds in memory, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads() -> int:
    """How many threads the process has, those of libraries among them."""
    return len(list(Path("/proc/self/task").iterdir()))
