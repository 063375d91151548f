"""How sure the models were, as counts a camera, day and version of the models. Small files, few of them.

drift/<camera>/<UTC date>.json
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import MALFORMED, DataError
from maskwatch.core.records import Coverage, FrameReport, Versions
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import write_atomically

log = logging.getLogger(__name__)

BINS = 10  # of a probability, 0 to 1
APART_S = 10.0  # between two frames that count: those of one moment tell the same
MODELS = ("detector", "classifier")

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """`counts` are faces by the tenth of a probability: the detector's score, and that of being protected."""

    camera: str
    day: date
    versions: str
    counts: dict[str, Counts]


class Confidences:
    """Counts in memory, which `save` adds to the files; any thread may call any method."""

    def __init__(self, folder: Path, max_days: int, clock: Callable[[], datetime] = utc_now) -> None:
        self._folder = folder
        self._max_days = max_days
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, date, str], dict[str, Counts]] = {}
        self._counted_at: dict[str, float] = {}
        self._stuck: set[Path] = set()  # what may not be removed, each told once

    def add(self, report: FrameReport) -> None:
        """Count a frame's faces, unless they were carried on or counted a moment ago. Writes nothing."""
        if report.look is not Coverage.FULL or report.models is None or not report.faces:
            return
        before = self._counted_at.get(report.camera)
        if before is not None and 0 <= report.at - before < APART_S:
            return
        self._counted_at[report.camera] = report.at
        key = report.camera, self._clock().date(), named(report.models)
        found = {
            "detector": [face.score for face in report.faces],
            "classifier": [face.protected for face in report.faces if face.protected is not None],
        }
        with self._lock:
            counts = self._counts.setdefault(key, {model: np.zeros(BINS, np.int64) for model in MODELS})
            for model, values in found.items():
                counts[model] += _binned(values)

    def save(self) -> None:
        """Add what was counted to the files, and remove those that are too old. Raises `OSError`."""
        with self._lock:
            new, self._counts = self._counts, {}
        try:
            for (camera, day, versions), counts in list(new.items()):
                self._merge(camera, day, versions, counts)
                del new[camera, day, versions]
        except OSError:
            with self._lock:  # to be tried again
                for key, counts in new.items():
                    kept = self._counts.setdefault(key, {m: np.zeros(BINS, np.int64) for m in MODELS})
                    for model in MODELS:
                        kept[model] += counts[model]
            raise
        self._remove_old()

    def _merge(self, camera: str, day: date, versions: str, counts: dict[str, Counts]) -> None:
        path = self._folder / camera / f"{day.isoformat()}.json"
        try:
            data = _read(path) if path.exists() else {}
        except DataError as e:
            log.warning("%s; it begins anew", e)
            data = {}
        before = data.get(versions)
        whole = {m: counts[m] + before[m] if before else counts[m] for m in MODELS}
        data[versions] = whole
        plain = {v: {m: [int(n) for n in each[m]] for m in MODELS} for v, each in data.items()}
        write_atomically(path, (json.dumps(plain, indent=1) + "\n").encode())

    def _remove_old(self) -> None:
        horizon = (self._clock().date() - timedelta(days=self._max_days)).isoformat()
        for path in self._folder.glob("*/????-??-??.json"):
            if path.stem < horizon and path not in self._stuck:
                try:
                    path.unlink(missing_ok=True)
                except OSError as e:
                    self._stuck.add(path)
                    log.warning("drift: %s: is too old and may not be removed: %s", path, e.strerror)


def named(versions: Versions) -> str:
    """Both versions as one key, `DETECTOR CLASSIFIER`, as `Day.versions` has it."""
    return f"{versions.detector} {versions.classifier}"


def days(folder: Path) -> Iterator[Day]:
    """All that was counted, oldest first. A file that cannot be read is logged and left out."""
    for path in sorted(folder.glob("*/????-??-??.json"), key=lambda path: path.name):
        try:
            for versions, counts in _read(path).items():
                yield Day(path.parent.name, date.fromisoformat(path.stem), versions, counts)
        except DataError as e:
            log.warning("%s; left out", e)


def files(folder: Path, camera: str, is_wanted: Callable[[str], bool]) -> list[Path]:
    """The files of a camera's wanted days (`YYYY-MM-DD`)."""
    return [path for path in sorted(folder.glob(f"{escape(camera)}/????-??-??.json")) if is_wanted(path.stem)]


def _read(path: Path) -> dict[str, dict[str, Counts]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        read = {v: {m: np.array(each[m], np.int64) for m in MODELS} for v, each in data.items()}
    except (OSError, *MALFORMED) as e:
        raise DataError(f"{path}: cannot be read ({type(e).__name__})") from e
    if any(counts.shape != (BINS,) for each in read.values() for counts in each.values()):
        raise DataError(f"{path}: holds other counts")
    return read


def _binned(values: list[float]) -> Counts:
    places = np.minimum((np.array(values, np.float64) * BINS).astype(np.int64), BINS - 1)
    return np.bincount(places, minlength=BINS)
