"""The queue: a folder of frames that people are to look at.

    queue/<camera>/<UTC date>/<id>.jpg    the clean frame
    queue/<camera>/<UTC date>/<id>.json   what the models said, and once labelled, what people say

The JSON is renamed into place last, so a sample is whole or it is not there.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path

from maskwatch.core.errors import QueueError, SourceError
from maskwatch.core.records import Frame, FrameReport, Rgb
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import write_atomically
from maskwatch.samples.annotations import (
    Annotation,
    checked_name,
    require_unchanged,
    validated_annotations,
    with_revision,
    with_undo,
)
from maskwatch.samples.index import Index
from maskwatch.samples.json_file import queue_errors
from maskwatch.samples.retention import ID_TIME, Limits, Retention, delete_sample, exclusive, is_unlabelled
from maskwatch.samples.sample import Sample, encoded_record, read_sample
from maskwatch.sources.images import encoded, read_rgb


class Queue:
    """A `SampleStore` on disk; also reads what is there.

    `models` are the versions noted in a sample whose report does not tell them.
    """

    def __init__(
        self, folder: Path, limits: Limits | None = None, models: dict[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._retention = Retention(folder, limits)
        self._models = models or {}
        self._index = Index(folder)
        self._lock = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)

    @property
    def folder(self) -> Path:
        """The queue's root folder, which may not exist yet."""
        return self._folder

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        with self._lock, queue_errors(self._folder):
            return self._add(frame, report, reasons)

    def tidy(self) -> None:
        """Keep to the limits although no sample comes: remove what has grown too old or too much.

        Raises `QueueFull` when there is no room for another sample, and `QueueError`.
        """
        with self._lock, queue_errors(self._folder):
            self._retention.tidy()

    @property
    def notice(self) -> str | None:
        return self._retention.notice

    def samples(self) -> list[Sample]:
        """All samples, oldest first. One that cannot be read is logged and left out.

        Asking again is quick: only what changed on disk is read.
        """
        return self._index.samples()

    def sample(self, sample_id: str) -> Sample:
        """Raises `QueueError` when there is none of that id."""
        return read_sample(self._record(sample_id))

    def image(self, sample_id: str) -> Path:
        """The clean frame's file. Raises `QueueError` when there is no sample of that id."""
        return self._record(sample_id).with_suffix(".jpg")

    def images(self) -> dict[str, Path]:
        """The clean frame's file of every sample, by the sample's id."""
        return {name: path.with_suffix(".jpg") for name, path in self._index.records().items()}

    def remove(self, sample_ids: Iterable[str], *, labelled: bool) -> int:
        """Delete samples, those with labels only when `labelled`; returns how many there were.

        Raises `QueueError` at the end when some may not be removed.
        """
        count = 0
        stuck: list[OSError] = []
        for path in [self._record(sample_id) for sample_id in sample_ids]:
            try:
                with exclusive(self._folder):
                    if labelled or is_unlabelled(path):
                        delete_sample(path)
                        count += 1
            except OSError as e:
                stuck.append(e)
        if stuck:
            why = f"{stuck[0].filename or self._folder}: {stuck[0].strerror or stuck[0]}"
            raise QueueError(f"queue: deleted {count}, but {len(stuck)} may not be removed: {why}")
        return count

    def find(self, sample_id: str) -> tuple[Sample, Rgb]:
        """A sample and its clean frame. Raises `QueueError`."""
        path = self._record(sample_id)
        try:
            return read_sample(path), read_rgb(path.with_suffix(".jpg"))
        except SourceError as e:
            raise QueueError(f"queue: {e}") from e

    def label(
        self, sample_id: str, annotations: Sequence[Annotation] | None, by: str, *, based_on: int | None
    ) -> Sample:
        """Write what `by` says of all faces, or None to take the labels away; returns the sample as it is then.

        `based_on` is the sample's `revision` that was looked at: when somebody saved another one since,
        `LabelConflict` is raised and nothing changes. None overwrites whatever is there.
        """
        name = checked_name(by)

        def change(sample: Sample) -> Sample:
            require_unchanged(sample_id, sample.history, based_on)
            faces = None if annotations is None else validated_annotations(annotations, sample.report.size)
            return sample.with_history(with_revision(sample.history, faces, name, utc_now()))

        return self.change(sample_id, change)

    def undo(self, sample_id: str, by: str, *, based_on: int | None = None) -> Sample:
        """Take the last change of the labels back; again, the one before. Raises as `label` does."""
        name = checked_name(by)

        def change(sample: Sample) -> Sample:
            require_unchanged(sample_id, sample.history, based_on)
            history = with_undo(sample.history, name, utc_now())
            if history is None:
                raise QueueError(f"queue: {sample_id}: there is nothing to undo")
            return sample.with_history(history)

        return self.change(sample_id, change)

    def move(self, sample_id: str, folder: Path) -> None:
        """Take a sample out and put it into another queue's folder.

        It is whole there before it is gone from here. Raises `QueueError`.
        """
        record = self._record(sample_id)
        target = folder / record.relative_to(self._folder)
        with queue_errors(record), exclusive(self._folder):
            for path in (record.with_suffix(".jpg"), record):  # the record last: it makes a sample
                write_atomically(target.with_suffix(path.suffix), path.read_bytes())
            delete_sample(record)

    def change(self, sample_id: str, change: Callable[[Sample], Sample]) -> Sample:
        """Write what `change` makes of the sample as it is now; nobody else changes it meanwhile.

        Raises `QueueError`, also when there is none of that id, and whatever `change` raises, which changes nothing.
        """
        path = self._record(sample_id)
        with queue_errors(path), exclusive(self._folder):
            sample = change(read_sample(path))
            write_atomically(path, encoded_record(sample))
        return sample

    def _record(self, sample_id: str) -> Path:
        found = self._found(sample_id)
        if found is None:
            raise QueueError(
                f"queue: {self._folder}: no sample {sample_id!r} (maskwatch queue list shows them)"
            )
        return found

    def _found(self, sample_id: str) -> Path | None:
        """An id starts with the day that its folder is called by; what was named otherwise is looked for."""
        if not sample_id or "/" in sample_id:
            return None
        day = f"{sample_id[:4]}-{sample_id[4:6]}-{sample_id[6:8]}"
        likely = self._folder.glob(f"*/{escape(day)}/{escape(sample_id)}.json")
        found = next(likely, None) or next(self._folder.glob(f"*/*/{escape(sample_id)}.json"), None)
        if found is None or found.is_symlink() or found.with_suffix(".jpg").is_symlink():
            return None
        return found

    def _add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        # an id is a time: no two samples of one moment, and none before another when the clock is set back
        now = self._last = max(utc_now(), self._last + timedelta(milliseconds=1))
        models = asdict(report.models) if report.models else self._models
        sample = Sample(f"{now:{ID_TIME}}"[:-3] + f"Z-{frame.seq:06d}", report, reasons, now, models)
        jpeg = encoded(frame.rgb)
        record = encoded_record(sample)
        self._retention.ensure_room(len(jpeg) + len(record))
        path = self._folder / frame.camera / f"{now:%Y-%m-%d}" / sample.id
        write_atomically(path.with_name(f"{sample.id}.jpg"), jpeg)
        write_atomically(path.with_name(f"{sample.id}.json"), record)
        self._retention.added(len(jpeg) + len(record))
        return sample.id
