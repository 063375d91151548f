"""The queue: a folder of frames that people are to look at.

    queue/<camera>/<UTC date>/<id>.jpg    the clean frame
    queue/<camera>/<UTC date>/<id>.json   what the models said, and once labelled, what people say

The JSON is renamed into place last, so a sample is whole or it is not there.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path

from maskwatch.core.errors import QueueError, SourceError
from maskwatch.core.files import locked, write_atomically
from maskwatch.core.records import Frame, FrameReport, Rgb, utc_now
from maskwatch.learn.index import Index
from maskwatch.learn.labelling import (
    FaceMark,
    History,
    changed,
    checked_marks,
    checked_name,
    require_unchanged,
    undone,
)
from maskwatch.learn.samples import Sample, encoded_record, read_sample
from maskwatch.sources.images import encoded, read_rgb

log = logging.getLogger(__name__)

DAY_S = 86_400.0
ID_TIME = "%Y%m%dT%H%M%S.%f"
LOCK = ".lock"
LEFTOVER_S = 600.0  # a picture without its JSON for so long is what a crash left


@dataclass(frozen=True, slots=True)
class Limits:
    max_mb: float
    max_days: float


class Queue:
    """A `SampleStore` on disk; also reads what is there.

    `models` are the versions noted in a sample whose report does not tell them.
    """

    def __init__(
        self, folder: Path, limits: Limits | None = None, models: dict[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._models = models or {}
        self._index = Index(folder)
        self._lock = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)
        self._bytes: int | None = None  # counted at the first sample

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        with self._lock:
            try:
                return self._add(frame, report, reasons)
            except OSError as e:
                raise QueueError(f"queue: {e.filename or self._folder}: {e.strerror or e}") from e

    def samples(self) -> list[Sample]:
        """All samples, oldest first. One that cannot be read is logged and left out.

        Asking again is quick: only what changed on disk is read.
        """
        return self._index.samples()

    def sample(self, sample_id: str) -> Sample:
        """Raises `QueueError` when there is none of that id."""
        return read_sample(self._record(sample_id))

    def picture(self, sample_id: str) -> Path:
        """The clean frame's file. Raises `QueueError` when there is no sample of that id."""
        return self._record(sample_id).with_suffix(".jpg")

    def find(self, sample_id: str) -> tuple[Sample, Rgb]:
        """A sample and its clean frame. Raises `QueueError`."""
        path = self._record(sample_id)
        try:
            return read_sample(path), read_rgb(path.with_suffix(".jpg"))
        except SourceError as e:
            raise QueueError(f"queue: {e}") from e

    def label(
        self, sample_id: str, marks: Sequence[FaceMark] | None, by: str, *, based_on: int | None
    ) -> Sample:
        """Write what `by` says of all faces, or None to take the labels away; gives the sample as it is then.

        `based_on` is the sample's `revision` that was looked at: when somebody saved another one since,
        `LabelConflict` is raised and nothing changes. None overwrites whatever is there.
        """
        name = checked_name(by)

        def change(sample: Sample) -> History:
            faces = None if marks is None else checked_marks(marks, sample.report.size)
            return changed(sample.history, faces, name, utc_now())

        return self._relabel(sample_id, change, based_on)

    def undo(self, sample_id: str, by: str, *, based_on: int | None = None) -> Sample:
        """Take the last change of the labels back; again, the one before. Raises as `label` does."""
        name = checked_name(by)

        def change(sample: Sample) -> History:
            history = undone(sample.history, name, utc_now())
            if history is None:
                raise QueueError(f"queue: {sample_id}: there is nothing to undo")
            return history

        return self._relabel(sample_id, change, based_on)

    def move(self, sample_id: str, folder: Path) -> None:
        """Take a sample out and put it into another queue's folder, where it is whole before it is gone from here."""
        record = self._record(sample_id)
        target = folder / record.relative_to(self._folder)
        try:
            with self._exclusive():
                for path in (record.with_suffix(".jpg"), record):  # the record last: it makes a sample
                    write_atomically(target.with_suffix(path.suffix), path.read_bytes())
                _removed(record)
                _removed(record.with_suffix(".jpg"))
        except OSError as e:
            raise QueueError(f"queue: {e.filename or record}: {e.strerror or e}") from e

    def _relabel(self, sample_id: str, change: Callable[[Sample], History], based_on: int | None) -> Sample:
        path = self._record(sample_id)
        try:
            with self._exclusive():
                sample = read_sample(path)
                require_unchanged(sample_id, sample.history, based_on)
                sample = sample.with_history(change(sample))
                write_atomically(path, encoded_record(sample))
        except OSError as e:
            raise QueueError(f"queue: {e.filename or path}: {e.strerror or e}") from e
        return sample

    def _exclusive(self) -> AbstractContextManager[None]:
        """While it is held, nobody labels or removes samples, in this process or another."""
        return locked(self._folder / LOCK)

    def _record(self, sample_id: str) -> Path:
        found = next(self._folder.glob(f"*/*/{escape(sample_id)}.json"), None) if sample_id else None
        if found is None or "/" in sample_id:
            raise QueueError(
                f"queue: {self._folder}: no sample {sample_id!r} (maskwatch queue list shows them)"
            )
        return found

    def _add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        # an id is a time: no two samples of one moment, and none before another when the clock is set back
        now = self._last = max(utc_now(), self._last + timedelta(milliseconds=1))
        models = report.models._asdict() if report.models else self._models
        sample = Sample(f"{now:{ID_TIME}}"[:-3] + f"Z-{frame.seq:06d}", report, reasons, now, models)
        jpeg = encoded(frame.rgb)
        record = encoded_record(sample)
        self._make_room(len(jpeg) + len(record))
        path = self._folder / frame.camera / f"{now:%Y-%m-%d}" / sample.id
        write_atomically(path.with_name(f"{sample.id}.jpg"), jpeg)
        write_atomically(path.with_name(f"{sample.id}.json"), record)
        assert self._bytes is not None
        self._bytes += len(jpeg) + len(record)
        return sample.id

    def _make_room(self, needed: int) -> None:
        """Remove the oldest unlabelled samples that are too old or too many; the labelled stay."""
        if self._bytes is None:
            self._remove_leftovers()
            self._bytes = self._counted()
        if self._limits is None:
            return
        limit = self._limits.max_mb * 1_000_000
        if self._bytes + needed > limit:
            self._bytes = self._counted()  # people may have removed some meanwhile
        horizon = datetime.fromtimestamp(max(0.0, time.time() - self._limits.max_days * DAY_S), UTC)
        for path in self._records():
            too_old = path.name < f"{horizon:{ID_TIME}}"
            if not too_old and self._bytes + needed <= limit:
                return  # oldest first: the rest is younger
            with self._exclusive():  # nobody labels it between the look and the removal
                if _is_unlabelled(path):
                    self._bytes -= _removed(path) + _removed(path.with_suffix(".jpg"))
        if self._bytes + needed > limit:
            raise QueueError(f"queue: {self._folder}: full ({self._limits.max_mb:g} MB, queue.max_mb)")

    def _counted(self) -> int:
        return sum(p.stat().st_size for p in self._folder.glob("*/*/*") if p.is_file())

    def _records(self) -> list[Path]:
        """The samples' JSON files, oldest first: an id starts with its time."""
        return sorted(self._folder.glob("*/*/[!.]*.json"), key=lambda path: path.name)

    def _remove_leftovers(self) -> None:
        for path in self._folder.glob("*/*/*"):
            unfinished = ".part." in path.name
            orphan = path.suffix == ".jpg" and not path.with_suffix(".json").exists()
            if (unfinished or orphan) and time.time() - path.stat().st_mtime > LEFTOVER_S:
                path.unlink(missing_ok=True)


def _removed(path: Path) -> int:
    """Delete a file; gives how many bytes it had. The record goes first, so half a sample is never seen."""
    size = path.stat().st_size if path.exists() else 0
    path.unlink(missing_ok=True)
    return size


def _is_unlabelled(path: Path) -> bool:
    """Whether a sample may go; not one that cannot be read, in which labels may stand."""
    try:
        return read_sample(path).labels is None
    except QueueError as e:
        log.warning("%s; left where it is", e)
        return False
