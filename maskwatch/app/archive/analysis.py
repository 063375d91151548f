"""A worker's task: find and classify the faces of a chunk. The result depends only on the chunk and the plan."""

import base64
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskwatch.app.archive.chunks import Chunk
from maskwatch.app.footage import ReplayPlan, footage_camera
from maskwatch.core import report_json
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.records import Coverage, Detections, Frame, FrameReport, Versions
from maskwatch.core.selection.scene import Grid, grid
from maskwatch.models.loading import pick_device, serving_models
from maskwatch.models.registry import Registry
from maskwatch.pipeline.engine import Engine
from maskwatch.sources.file import FileSource, UnsteadyTimes

UNSTEADY = "unsteady"
LEVEL = 1  # of compression: what costs a worker less than it costs the network


@dataclass(frozen=True, slots=True)
class AnalysisSetup:
    """How all chunks are analysed: a plan, whose address is replaced by each chunk's, and where the models come from."""

    plan: ReplayPlan
    models: Path
    device: str

    def __call__(self) -> "ChunkAnalyzer":
        """Load the models; in the process that is to use them."""
        return ChunkAnalyzer(self)


class ChunkAnalyzer:
    """Analyses chunks one after the other with models that it keeps. A chunk's result is the same in every process."""

    def __init__(self, work: AnalysisSetup) -> None:
        self._plan = work.plan
        self._models = serving_models(Registry(work.models), pick_device(work.device))

    def __call__(self, chunk: Chunk) -> bytes:
        """The result as bytes for `ChunkResult.read`; errors of the clip are part of it."""
        address = Address(os.fspath(chunk.path))
        source = FileSource(self._plan.name, address, fps=self._plan.fps, aspect=self._plan.defaults.aspect)
        camera = footage_camera(self._plan, self._models, source)
        engine = Engine({self._plan.name: camera})
        lines: list[object] = []
        shown, broken, is_begun = 0, None, chunk.warm == chunk.begin
        try:
            for frame in _frames(source, chunk):
                if frame is None:
                    shown += is_begun
                    continue
                before = engine.seen.get(self._plan.name, Detections(()))
                report = engine.analyse([frame])[0]
                if frame.seq >= 0:
                    is_begun, shown = True, frame.seq + 1
                    lines.append(_line(frame, report, _carried(before, report)))
        except UnsteadyTimes:
            lines, broken = [], UNSTEADY
        except SourceError as e:
            broken = str(e)
        models = asdict(
            Versions(**self._models.versions(self._plan.defaults.detect, self._plan.defaults.classify))
        )
        head = {"shown": shown, "broken": broken, "models": models}
        return zlib.compress("\n".join(json.dumps(each) for each in (head, *lines)).encode(), LEVEL)


def _frames(source: FileSource, chunk: Chunk) -> Iterator[Frame | None]:
    """The frames; errors that a decoder raises for bad data become `SourceError`."""
    try:
        if chunk.end is None:
            yield from source.frames()
        else:
            yield from source.part(chunk.first_s, chunk.begin, chunk.end, chunk.warm)
    except (MemoryError, ValueError, ArithmeticError) as e:
        raise SourceError(f"{chunk.path}: {type(e).__name__}: {' '.join(str(e).split())}") from e


def _carried(before: Detections, report: FrameReport) -> list[int | None]:
    """For each face and near miss, its index in the frame before, where the motion gate carried it over."""
    places = {id(face): place for place, face in enumerate((*before.faces, *before.near_misses))}
    return [places.get(id(face)) for face in (*report.faces, *report.near_misses)]


def _line(frame: Frame, report: FrameReport, carried: list[int | None]) -> object:
    line = report_json.to_json(report)
    line["carried"] = carried
    if report.look is not Coverage.CARRIED:  # by which views and scenes are told apart
        points = grid(frame)
        line["grid"] = [*points.shape, base64.b85encode(points.astype(np.uint8).tobytes()).decode()]
    return line


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """A frame's report, with its number within the chunk, the grid of its scene, None where nothing moved, and which faces are those before.

    `carried` holds, for each face and near miss, its index in the frame before; None for one that was newly found.
    """

    report: FrameReport
    points: Grid | None
    carried: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """A chunk's result: its number of frames, why it ended early, and what was seen in each wanted frame."""

    shown: int
    broken: str | None
    frames: Iterable[AnalysedFrame]

    @property
    def is_unsteady(self) -> bool:
        """Whether the clip has to be read in one piece."""
        return self.broken == UNSTEADY

    @classmethod
    def read(cls, data: bytes) -> "ChunkResult":
        """What `ChunkAnalyzer` gave."""
        head, *lines = zlib.decompress(data).split(b"\n")
        told = json.loads(head)
        models = Versions(**told["models"])
        return cls(told["shown"], told["broken"], (_read(json.loads(line), models) for line in lines))


def _read(line: Any, models: Versions) -> AnalysedFrame:
    report, carried = replace(report_json.from_json(line), models=models), tuple(line["carried"])
    if "grid" not in line:
        return AnalysedFrame(report, None, carried)
    rows, columns, points = line["grid"]
    values = np.frombuffer(base64.b85decode(points), np.uint8).reshape(rows, columns)
    return AnalysedFrame(report, values.astype(np.int16), carried)
