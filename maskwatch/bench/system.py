"""Many cameras at once: real decoding, the whole pipeline, and the latency of decisions."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from maskwatch.app.cameras import bench_camera
from maskwatch.config.sections import Defaults
from maskwatch.core.address import Address
from maskwatch.core.ports import Frames
from maskwatch.core.records import Coverage, Decision
from maskwatch.models.loading import Models
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.sources.file import FileSource

WARM_UP_S = 5.0
WARM_UP_PER_CAMERA_S = 0.5  # each finds its place in the footage first
LATE_S = 1.0  # a decision for which 5 % wait longer is too late
DROPPED = 0.02  # share of the frames that may be dropped


@dataclass(frozen=True, slots=True)
class Load:
    """The load of so many cameras. Latencies are from a frame's arrival to its decision."""

    cameras: int
    gate: bool
    seconds: float
    analysed: int
    dropped: int
    looks: dict[str, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cores: float
    memory_mb: float

    @property
    def holds(self) -> bool:
        """Decisions come in time, and hardly a frame is dropped."""
        offered = self.analysed + self.dropped
        return offered > 0 and self.p95_ms <= 1000 * LATE_S and self.dropped <= DROPPED * offered

    def as_dict(self) -> dict[str, object]:
        """As JSON has it, with `holds`."""
        return {**asdict(self), "holds": self.holds}


class _Arrivals:
    """Footage over and over, each frame at its time, as a camera gives it; notes when each arrived."""

    live = True

    def __init__(self, camera: str, footage: Path, fps: float, share: float) -> None:
        """The first `share` (0..1) of the footage is skipped, so that cameras are out of step and see different scenes."""
        self._source = FileSource(camera, Address(str(footage)), fps=fps)
        self._share = share
        self._step_s = 1 / fps
        self.name = f"{camera} ({self._source.name})"
        self.arrived: dict[int, float] = {}

    def expected(self) -> int | None:
        return None

    def frames(self) -> Frames:
        time.sleep(self._share * self._step_s)
        skipped = int(self._share * (self._source.expected() or 0)) * self._step_s
        started, seq, offset = time.monotonic(), 0, -skipped
        while True:
            last = 0.0
            with closing(self._source.frames()) as frames:
                for frame in frames:
                    last, at = frame.at, offset + frame.at
                    if at < 0:
                        continue
                    time.sleep(max(0.0, started + at - time.monotonic()))
                    self.arrived[seq] = time.monotonic()
                    yield replace(frame, seq=seq, at=at)
                    seq += 1
            offset += last + self._step_s


class _Latencies:
    """Collects, while `measuring`, each decision's latency and how much of its frame was analysed."""

    def __init__(self, sources: Mapping[str, _Arrivals]) -> None:
        self._sources = sources
        self._waits_s: list[float] = []
        self.looks: list[Coverage] = []
        self.measuring = False

    def add(self, decision: Decision) -> None:
        arrived = self._sources[decision.frame.camera].arrived.pop(decision.frame.seq)
        if self.measuring:
            self._waits_s.append(time.monotonic() - arrived)
            self.looks.append(decision.report.look)

    def percentiles_ms(self) -> tuple[float, float, float]:
        """The 50th, 95th and 99th percentile; infinite where nothing was decided."""
        if not self._waits_s:
            return (math.inf,) * 3
        p50, p95, p99 = np.percentile(self._waits_s, (50, 95, 99)) * 1000
        return float(p50), float(p95), float(p99)


def warm_up_s(cameras: int) -> float:
    """Seconds that so many cameras run before anything is measured."""
    return WARM_UP_S + WARM_UP_PER_CAMERA_S * cameras


def run(
    footage: Path,
    cameras: int,
    defaults: Defaults,
    models: Sequence[Models],
    *,
    seconds: float,
    on_second: Callable[[], None],
) -> Load:
    """Watch `cameras` copies of the footage for so long, after a warm-up; `models` are those of each device."""
    sources = {
        f"camera-{n + 1}": _Arrivals(f"camera-{n + 1}", footage, defaults.fps, n / cameras)
        for n in range(cameras)
    }
    latencies = _Latencies(sources)
    watched = [
        bench_camera(name, source, defaults, models[place % len(models)])
        for place, (name, source) in enumerate(sources.items())
    ]
    with Pipeline(watched, on_decision=latencies.add) as pipeline, ThreadPoolExecutor(1) as pool:
        engine = pool.submit(pipeline.run)
        try:
            _wait(warm_up_s(cameras), engine, on_second)
            latencies.measuring = True
            dropped, cpu_s, started = _dropped(pipeline), time.process_time(), time.monotonic()
            _wait(seconds, engine, on_second)
            latencies.measuring = False
            took = time.monotonic() - started
            dropped, cpu_s = _dropped(pipeline) - dropped, time.process_time() - cpu_s
        finally:
            pipeline.stop()
        engine.result()
    p50, p95, p99 = latencies.percentiles_ms()
    return Load(
        cameras=cameras,
        gate=defaults.motion.gate,
        seconds=round(took, 1),
        analysed=len(latencies.looks),
        dropped=dropped,
        looks={str(look): latencies.looks.count(look) for look in Coverage},
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        cores=cpu_s / took,
        memory_mb=_memory_mb(),
    )


def largest(measure: Callable[[int], Load]) -> list[Load]:
    """Loads of one camera, two, four … until one does not hold, then by halves between; the last that holds is largest."""
    loads = [measure(1)]
    while loads[-1].holds:
        loads.append(measure(2 * loads[-1].cameras))
    failed = loads[-1].cameras
    held = max((load.cameras for load in loads if load.holds), default=0)
    while failed - held > 1:
        loads.append(measure((held + failed) // 2))
        held, failed = (loads[-1].cameras, failed) if loads[-1].holds else (held, loads[-1].cameras)
    return loads


def _wait(seconds: float, engine: Future[None], on_second: Callable[[], None]) -> None:
    """Until the time is over or the engine ended, which its result tells."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not engine.done():
        time.sleep(min(1.0, left))
        on_second()


def _dropped(pipeline: Pipeline) -> int:
    return sum(camera.dropped for camera in pipeline.board.snapshot().cameras.values())


def _memory_mb() -> float:
    """The resident memory of this process, as Linux reports it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
