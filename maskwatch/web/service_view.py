"""What the web answers about: the running service, as one record."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.records import Status, Versions

KEPT_S = 10.0  # the queue's folder is not walked through at every question


@dataclass(frozen=True, slots=True)
class Storage:
    """What waits in the queue's folder, and what is free there; None where it cannot be told."""

    samples: int | None
    bytes: int | None
    free_bytes: int | None


class StorageMeter:
    """Measures a folder, at most every `KEPT_S`; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._last: Storage | None = None
        self._measured_s = 0.0

    def __call__(self) -> Storage:
        with self._lock:
            now_s = time.monotonic()
            if self._last is None or now_s - self._measured_s >= KEPT_S:
                self._last, self._measured_s = measured(self._folder), now_s
            return self._last


def measured(folder: Path) -> Storage:
    """Samples are counted by their records, `<camera>/<date>/<id>.json`; a folder that is not there is empty."""
    try:
        sizes = {path: path.stat().st_size for path in folder.glob("*/*/[!.]*") if path.is_file()}
        samples, used = sum(path.suffix == ".json" for path in sizes), sum(sizes.values())
    except OSError:  # removed while it was read, or not ours to read
        return Storage(None, None, _free_bytes(folder))
    return Storage(samples, used, _free_bytes(folder))


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
