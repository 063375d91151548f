"""What a worker does: find and classify the faces of a chunk. Depends on nothing but the chunk and the plan."""

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
from maskwatch.app.compose import ReplayPlan, footage_camera
from maskwatch.core import report_json
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.records import Coverage, Frame, FrameReport, Versions
from maskwatch.core.selection.scene import Grid, grid
from maskwatch.models.loading import pick_device, serving_models
from maskwatch.models.registry import Registry
from maskwatch.pipeline.engine import Engine
from maskwatch.sources.file import FileSource, UnsteadyTimes

UNSTEADY = "unsteady"
LEVEL = 1  # of compression: what costs a worker less than it costs the network


@dataclass(frozen=True, slots=True)
class Work:
    """How all chunks are analysed: a plan, of which the address is each chunk's own, and where the models come from."""

    plan: ReplayPlan
    models: Path
    device: str

    def __call__(self) -> "Analyst":
        """Load the models; in the process that is to use them."""
        return Analyst(self)


class Analyst:
    """Analyses one chunk after the other, by models that it keeps. The result of a chunk is the same in whatever process."""

    def __init__(self, work: Work) -> None:
        self._plan = work.plan
        self._models = serving_models(Registry(work.models), pick_device(work.device))

    def __call__(self, chunk: Chunk) -> bytes:
        """What was found, as `Found.read` reads it. Faults of the clip are among it."""
        address = Address(os.fspath(chunk.path))
        source = FileSource(self._plan.name, address, fps=self._plan.fps, aspect=self._plan.defaults.aspect)
        camera = footage_camera(self._plan, self._models, source)
        engine = Engine({self._plan.name: camera})
        lines: list[object] = []
        shown, broken = 0, None
        try:
            for frame in _frames(source, chunk):
                shown += 1
                if frame is not None:
                    shown = max(shown, frame.seq + 1)
                    lines.append(_line(frame, engine.analyse([frame])[0]))
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
    """What a decoder makes of bad data is the clip's fault."""
    try:
        if chunk.end is None:
            yield from source.frames()
        else:
            yield from source.part(chunk.first_s, chunk.begin, chunk.end)
    except (MemoryError, ValueError, ArithmeticError) as e:
        raise SourceError(f"{chunk.path}: {type(e).__name__}: {' '.join(str(e).split())}") from e


def _line(frame: Frame, report: FrameReport) -> object:
    line = report_json.to_json(report)
    if report.look is not Coverage.CARRIED:  # by which views and scenes are told apart
        points = grid(frame)
        line["grid"] = [*points.shape, base64.b85encode(points.astype(np.uint8).tobytes()).decode()]
    return line


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk's result: how many frames it showed, why it ended early, and a report with the scene's grid for each that is wanted.

    A report has the number of its frame within the chunk.
    """

    shown: int
    broken: str | None
    reports: Iterable[tuple[FrameReport, Grid | None]]

    @property
    def is_unsteady(self) -> bool:
        """Whether the clip has to be read in one piece."""
        return self.broken == UNSTEADY

    @classmethod
    def read(cls, data: bytes) -> "Found":
        """What `Analyst` gave."""
        head, *lines = zlib.decompress(data).split(b"\n")
        told = json.loads(head)
        models = Versions(**told["models"])
        return cls(told["shown"], told["broken"], (_read(json.loads(line), models) for line in lines))


def _read(line: Any, models: Versions) -> tuple[FrameReport, Grid | None]:
    report = replace(report_json.from_json(line), models=models)
    if "grid" not in line:
        return report, None
    rows, columns, points = line["grid"]
    values = np.frombuffer(base64.b85decode(points), np.uint8).reshape(rows, columns)
    return report, values.astype(np.int16)
