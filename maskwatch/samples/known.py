"""A queue that has some of the samples already, as work is done again that was broken off."""

from collections.abc import Mapping
from datetime import datetime
from glob import escape
from pathlib import Path

from maskwatch.core.errors import QueueError
from maskwatch.core.ports import SampleStore
from maskwatch.core.records import Frame, FrameReport
from maskwatch.samples.retention import ID_TIME
from maskwatch.samples.sample import read_sample

Known = Mapping[tuple[str, int, tuple[str, ...]], str]
"""The ids of samples, by the frame's source and number, and the reasons."""


def stored_since(folder: Path, camera: str, moment: datetime) -> Known:
    """The samples of a camera that a queue was given since then, by its ids, which are times. One that cannot be read is left out."""
    first = f"{moment:{ID_TIME}}"
    found = {}
    for path in sorted(folder.glob(f"{escape(camera)}/*/*.json")):
        if path.stem < first:
            continue
        try:
            sample = read_sample(path)
        except QueueError:
            continue
        found[sample.report.source, sample.report.seq, sample.reasons] = sample.id
    return found


class KnownSamples:
    """A `SampleStore` that stores in another one what is not `known`."""

    def __init__(self, store: SampleStore, known: Known) -> None:
        self._store = store
        self._known = known

    @property
    def notice(self) -> str | None:
        return self._store.notice

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        there = self._known.get((report.source, report.seq, reasons))
        return self._store.add(frame, report, reasons) if there is None else there

    def tidy(self) -> None:
        self._store.tidy()
