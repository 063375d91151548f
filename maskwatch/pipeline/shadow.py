"""A candidate judges a few frames beside the serving models. Its judgements are compared and counted, and alert nobody."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from maskwatch.core.records import Coverage, Frame, FrameReport, ShadowCounts, ShadowJudgement, ShadowStatus
from maskwatch.core.selection import Pick
from maskwatch.core.selection.shadow import Comparison, compare
from maskwatch.pipeline.camera import AnalysisConfig, Camera, ShadowModels
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.shadow_tally import ShadowTally
from maskwatch.pipeline.worker import BackgroundWorker

log = logging.getLogger(__name__)

OFFERED_S = 10.0  # a camera that offered no frame for so long has no turn


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A version and its models; it may compute for a `share` (0..1) of the time."""

    version: str
    serving: str
    engine: Engine
    alert_below: Mapping[str, float]
    share: float


@dataclass(frozen=True, slots=True)
class _Looked:
    """A frame and how both judged it."""

    candidate: _Candidate
    frame: Frame
    report: FrameReport
    judged: FrameReport
    comparison: Comparison
    counts: ShadowCounts


class ShadowRun:
    """One frame at a time, on a thread of the lowest priority; `inline`, at once and on the caller's thread.

    Only frames that the serving models fully analysed are compared, and none while others wait for the engine (`is_behind`).
    The camera that has waited longest is next. Any error of a candidate ends its run, which is logged and shown by the tally.
    Everything but the candidate's own analysis happens on the engine's thread.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        tally: ShadowTally,
        on_crash: Callable[[BaseException], None],
        is_behind: Callable[[], bool],
        *,
        inline: bool,
    ) -> None:
        self._cameras = cameras
        self._tally = tally
        self._is_behind = is_behind
        self._worker = BackgroundWorker("shadow", on_crash=on_crash, inline=inline)
        self._changing = threading.Lock()
        self._candidate: _Candidate | None = None
        self._found: deque[_Looked] = deque()
        self._rest_until_s = 0.0
        self._offered_s: dict[str, float] = {}
        self._looked_s: dict[str, float] = {}

    def begin(self, status: ShadowStatus, models: Mapping[str, ShadowModels], share: float) -> None:
        """Compare with these models from now on, and add to the counts in `status`. Thread-safe.

        An analysis that takes a second is followed by a pause of (1 - `share`) / `share` seconds.
        """
        configs = {name: self._config(name, new) for name, new in models.items()}
        bounds = {name: each.alert_below for name, each in models.items()}
        with self._changing:
            self._candidate = _Candidate(status.version, status.serving, Engine(configs), bounds, share)
            self._tally.begin(status)

    def end(self) -> None:
        """Stop comparing. Thread-safe."""
        with self._changing:
            self._candidate = None
            self._tally.end()

    def consider(self, frame: Frame, report: FrameReport, serving_s: float) -> None:
        """Have the candidate analyse the frame, if it is its turn; the serving models took `serving_s` for it."""
        candidate = self._candidate
        if candidate is None or report.look is not Coverage.FULL or frame.camera not in candidate.alert_below:
            return
        now_s = time.monotonic()
        self._offered_s[frame.camera] = now_s
        if self._worker.is_busy or now_s < self._rest_until_s or not self._is_next(frame.camera, now_s):
            return
        if self._is_behind():
            return
        self._looked_s[frame.camera] = now_s
        self._worker.submit(lambda: self._look(candidate, frame, report, serving_s))

    def picks(self) -> Iterator[Pick]:
        """Count the frames that were compared since the last call, and yield those that are to be queued."""
        while self._found:
            looked = self._found.popleft()
            if looked.candidate is not self._candidate:
                continue
            camera = self._cameras[looked.frame.camera]
            self._tally.count(camera.name, looked.counts)
            if camera.selection is not None:
                yield from camera.selection.judged_differently(
                    looked.frame, looked.report, _judgement(looked), looked.comparison.faces
                )

    def close(self, timeout_s: float) -> None:
        """Wait for an analysis that is under way, at most `timeout_s`; there is no other after it."""
        self._worker.close(timeout_s)

    def _config(self, name: str, models: ShadowModels) -> AnalysisConfig:
        """The camera's own analysis, by other models, and always of the whole frame."""
        c = self._cameras[name]
        return AnalysisConfig(
            name, models.detector, models.classifier, c.protected_at, c.min_face_px, c.ignore
        )

    def _is_next(self, camera: str, now_s: float) -> bool:
        """Whether no other camera with frames has waited longer."""
        waiting = [name for name, at_s in self._offered_s.items() if now_s - at_s <= OFFERED_S]
        return self._looked_s.get(camera, 0.0) <= min(self._looked_s.get(name, 0.0) for name in waiting)

    def _look(self, candidate: _Candidate, frame: Frame, report: FrameReport, serving_s: float) -> None:
        began_s = time.monotonic()
        try:
            (judged,) = candidate.engine.analyse([frame])
        except Exception as e:  # noqa: BLE001 - whatever a candidate does, those that serve go on
            self._give_up(candidate, f"{type(e).__name__}: {e}")
            return
        took_s = time.monotonic() - began_s
        self._rest_until_s = began_s + took_s / candidate.share
        comparison = compare(report, judged, candidate.alert_below[frame.camera])
        counts = comparison.counts(serving_s, took_s)
        self._found.append(_Looked(candidate, frame, report, judged, comparison, counts))

    def _give_up(self, candidate: _Candidate, problem: str) -> None:
        with self._changing:
            if self._candidate is not candidate:
                return
            self._candidate = None
            self._tally.fail(problem)
        log.error("version %s: its shadow run has ended: %s", candidate.version, problem)


def _judgement(looked: _Looked) -> ShadowJudgement:
    judged, candidate = looked.judged, looked.candidate
    assert judged.models is not None
    return ShadowJudgement(candidate.version, candidate.serving, judged.models, judged.faces)
