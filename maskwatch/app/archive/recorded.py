"""A clip with stored detections as a source of frames: gives the same decisions as a replay, without decoding pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskwatch.app.archive.analysis import ChunkResult
from maskwatch.app.archive.chunks import Chunk
from maskwatch.core.address import Address
from maskwatch.core.errors import QueueError, SourceError
from maskwatch.core.ports import Frames, SampleStore
from maskwatch.core.records import Face, Frame, FrameReport
from maskwatch.core.selection.scene import Grid
from maskwatch.sources.file import FileSource


class RecordedSource:
    """The frames of a clip's chunks, in order, with their scene's grid and no pixels; `analyse` has their reports.

    Frames are numbered over the whole clip. Raises `SourceError` where a chunk ended with one.
    """

    live = False

    def __init__(self, name: str, chunks: Iterable[ChunkResult]) -> None:
        self.name = name
        self._chunks = chunks
        self._reports: dict[int, tuple[FrameReport, tuple[int | None, ...] | None]] = {}
        self._before: tuple[Face, ...] = ()

    def frames(self) -> Frames:
        first = 0
        for found in self._chunks:
            is_first = True
            for seen in found.frames:
                numbered = replace(seen.report, source=self.name, seq=first + seen.report.seq)
                carried = None if is_first and first else seen.carried
                self._reports[numbered.seq] = numbered, carried
                is_first = False
                yield _frame(numbered, seen.points)
            first += found.shown
            if found.broken is not None:
                raise SourceError(found.broken)

    def expected(self) -> int | None:
        return None

    def analyse(self, frames: Sequence[Frame]) -> list[FrameReport]:
        """The reports of the frames, to be taken once each and in order."""
        return [self._carried_on(*self._reports.pop(frame.seq)) for frame in frames]

    def _carried_on(self, report: FrameReport, carried: tuple[int | None, ...] | None) -> FrameReport:
        """A face that the gate carried on is the same object as in the frame before; in a chunk's first frame, one that is equal."""
        faces, before = (*report.faces, *report.near_misses), self._before
        if carried is None:
            known = {face: face for face in before}
            same = tuple(known.get(face, face) for face in faces)
        else:
            same = tuple(
                face if place is None else before[place] for face, place in zip(faces, carried, strict=True)
            )
        self._before = same
        return replace(report, faces=same[: len(report.faces)], near_misses=same[len(report.faces) :])


def _frame(report: FrameReport, points: Grid | None) -> Frame:
    width, height = report.size
    nothing = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3))  # takes no memory
    frame = Frame(report.camera, report.source, report.seq, report.at, nothing)
    if points is not None:
        object.__setattr__(frame, "grid", points)
    return frame


class PicturedSamples:
    """A `SampleStore` that gets frames without pixels, and reads their pixels from the clip for another store."""

    def __init__(self, store: SampleStore, path: Path, chunks: Sequence[Chunk], aspect: float | None) -> None:
        self._store = store
        self._path = path
        self._chunks = chunks
        self._aspect = aspect

    @property
    def notice(self) -> str | None:
        return self._store.notice

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        try:
            return self._store.add(replace(frame, rgb=self._read(frame)), report, reasons)
        except SourceError as e:
            raise QueueError(f"queue: {e}") from e

    def tidy(self) -> None:
        self._store.tidy()

    def _read(self, frame: Frame) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        source = FileSource(frame.camera, Address(str(self._path)), aspect=self._aspect)
        chunk = self._chunks[0]
        if chunk.end is None:
            found = next((each for each in source.frames() if each.seq == frame.seq), None)
        else:
            found = next(source.part(chunk.first_s, frame.at, float("inf")), None)
        if found is None or found.at != frame.at:
            raise SourceError(f"{self._path}: has changed meanwhile")
        return found.rgb
