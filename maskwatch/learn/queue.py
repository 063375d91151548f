"""The queue: a folder of frames that people are to look at.

    queue/<camera>/<UTC date>/<id>.jpg    the clean frame
    queue/<camera>/<UTC date>/<id>.json   what the models said, and once labelled, what people say

The JSON is renamed into place last, so a sample is whole or it is not there.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from maskwatch.core.errors import QueueError, SourceError
from maskwatch.core.files import write_atomically
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label, Rgb, Sample, utc_now
from maskwatch.sources.images import encoded, read_rgb

log = logging.getLogger(__name__)

DAY_S = 86_400.0
ID_TIME = "%Y%m%dT%H%M%S.%f"
LEFTOVER_S = 600.0  # a picture without its JSON for so long is what a crash left


@dataclass(frozen=True, slots=True)
class Limits:
    max_mb: float
    max_days: float


class Queue:
    """A `SampleStore` on disk; also reads what is there. `models` are the versions noted in each sample."""

    def __init__(
        self, folder: Path, limits: Limits | None = None, models: dict[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._models = models or {}
        self._lock = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)
        self._bytes: int | None = None  # counted at the first sample

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        with self._lock:
            try:
                return self._add(frame, report, reasons)
            except OSError as e:
                raise QueueError(f"queue: {e.filename or self._folder}: {e.strerror or e}") from e

    def samples(self) -> Iterator[Sample]:
        """All samples, oldest first. One that cannot be read is logged and left out."""
        for path in self._records():
            try:
                yield _read(path)
            except QueueError as e:
                log.warning("%s; left out", e)

    def find(self, sample_id: str) -> tuple[Sample, Rgb]:
        """A sample and its clean frame. Raises `QueueError`."""
        for path in self._records():
            if path.stem == sample_id:
                try:
                    return _read(path), read_rgb(path.with_suffix(".jpg"))
                except SourceError as e:
                    raise QueueError(f"queue: {e}") from e
        raise QueueError(f"queue: {self._folder}: no sample {sample_id!r} (maskwatch queue list shows them)")

    def _add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        # an id is a time: no two samples of one moment, and none before another when the clock is set back
        now = self._last = max(utc_now(), self._last + timedelta(milliseconds=1))
        sample = Sample(f"{now:{ID_TIME}}"[:-3] + f"Z-{frame.seq:06d}", report, reasons, now, self._models)
        jpeg = encoded(frame.rgb)
        record = json.dumps(_to_json(sample), ensure_ascii=False, indent=1).encode()
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
        return _read(path).labels is None
    except QueueError as e:
        log.warning("%s; left where it is", e)
        return False


def faces_to_json(faces: tuple[Face, ...]) -> list[dict[str, object]]:
    """Faces as reports and samples write them: a tenth of a pixel, a thousandth of a probability."""
    return [
        {
            "box": [round(v, 1) for v in face.box],
            "score": round(face.score, 3),
            "protected": None if face.protected is None else round(face.protected, 3),
            "label": face.label.value,
        }
        for face in faces
    ]


def _to_json(sample: Sample) -> dict[str, object]:
    report = sample.report
    return {
        "id": sample.id,
        "camera": report.camera,
        "source": report.source,
        "seq": report.seq,
        "at": report.at,
        "size": list(report.size),
        "saved_at": sample.saved_at.isoformat(timespec="milliseconds"),
        "reasons": list(sample.reasons),
        "models": sample.models,
        "faces": faces_to_json(report.faces),
        "labels": sample.labels,
    }


def _read(path: Path) -> Sample:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        faces = tuple(
            Face(Box(*face["box"]), face["score"], face["protected"], Label(face["label"]))
            for face in data["faces"]
        )
        report = FrameReport(
            data["camera"], data["source"], data["seq"], data["at"], tuple(data["size"]), faces
        )
        labels = None if data["labels"] is None else tuple(data["labels"])
        saved_at = datetime.fromisoformat(data["saved_at"])
        return Sample(data["id"], report, tuple(data["reasons"]), saved_at, data["models"], labels)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise QueueError(f"queue: {path}: cannot be read ({type(e).__name__})") from e
