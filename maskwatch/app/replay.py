"""Recorded footage to an annotated video, a report and a plot."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.app.replay_work import MinuteCheckpoints, ReplayFolder, ReplayState, folder_beside, work_in
from maskwatch.config.sections import AlertSettings, Defaults
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Alert, Decision
from maskwatch.models.loading import Models
from maskwatch.output.draw import annotated
from maskwatch.output.json_lines import ReportWriter
from maskwatch.output.places import Places, Segment
from maskwatch.output.plot import plot
from maskwatch.output.recent import Recent
from maskwatch.output.summary import Summary
from maskwatch.output.timeline import Timeline
from maskwatch.pipeline.camera import CameraMemory
from maskwatch.platform.clock import utc_now
from maskwatch.rules.kinds.protected_ratio import Settings as RatioSettings
from maskwatch.sources.resumed import Place
from maskwatch.sources.video_segments import VideoSegments, copy_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The paths of a replay's outputs; None for those not wanted."""

    video: Path | None = None
    report: Path | None = None
    plot: Path | None = None

    @property
    def all(self) -> tuple[Path | None, ...]:
        """In this order."""
        return self.video, self.report, self.plot


def replay(plan: ReplayPlan, models: Models, outputs: Outputs, advance: Callable[..., None]) -> Summary:
    """Analyse every frame in order and write the outputs; `advance` is called after each frame, or once with how many.

    When interrupted, it leaves a folder beside the first output, from which the same call continues at the last whole minute of
    footage; its outputs are the same as without the interruption. Footage that breaks off is reported as far as it goes. Raises
    `SourceError` when there was nothing, and `ConfigError` where a video or samples are wanted and `privacy` allows no
    picture, or another replay writes the same.
    """
    privacy = plan.defaults.privacy
    if privacy is Privacy.AGGREGATE and (outputs.video or plan.queue):
        what = outputs.video or (plan.queue and plan.queue.dir)
        raise ConfigError(
            f"privacy: aggregate: no picture is stored, so there is no {what}; a report and a plot are"
        )
    first = next(filter(None, outputs.all), None)
    with ExitStack() as stack:
        work = None
        if first:
            work = stack.enter_context(work_in(folder_beside(first), plan, models, outputs.all))
        with _Run(plan, outputs, work) as run:
            summary = run.watch(models, advance)
        summary.timeline.finish()
        run.deliver()
    return summary


class _Run:
    """One replay from where it begins to its end. `work` is where it keeps what it has; None: nothing is wanted but the summary."""

    def __init__(self, plan: ReplayPlan, outputs: Outputs, work: ReplayFolder | None) -> None:
        self._plan = plan
        self._outputs = outputs
        self._work = work
        self._state = work.load() if work else None
        bound = plan.defaults.alert.protected_ratio
        self._summary = self._state.summary if self._state else Summary(Timeline(bound))
        self._recent = self._state.recent if self._state else Recent()
        self._places = drawn_places(plan.defaults)
        self._video: VideoSegments | None = None
        self._lines: ReportWriter | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        work, before = self._work, self._state
        if work and self._outputs.video:
            begins_ms, size = (before.video_begins_ms, before.video_size) if before else ((), None)
            self._video = self._open.enter_context(VideoSegments(work.folder, begins_ms, size))
        if work and self._outputs.report:
            there = before.report_bytes if before else 0
            writer = ReportWriter(work.report, self._plan.defaults.privacy, size=there)
            self._lines = self._open.enter_context(writer)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if self._lines and kind is None:
            self._lines.flush()
        self._open.__exit__(kind, error, None)

    def watch(self, models: Models, advance: Callable[..., None]) -> Summary:
        """Analyse every frame that is left."""
        summary, resumption = self._summary, None
        is_aggregate = self._plan.defaults.privacy is Privacy.AGGREGATE  # which stores no boxes
        if self._state:
            resumption = self._state.resumption(self._plan)
            at = summary.timeline.last_at
            log.info("%s: goes on at %s, where it was broken off", self._plan.address, clock(at))
            advance(summary.timeline.frames)

        def on_decision(decision: Decision) -> None:
            self._write(decision)
            advance()

        with replay_pipeline(
            self._plan,
            models,
            on_decision,
            (LogSink(), EndSink(self._recent.end), EndSink(summary.end)),
            checkpoints=MinuteCheckpoints(self._save) if self._work and not is_aggregate else None,
            resumption=resumption,
        ) as pipeline:
            try:
                pipeline.run()
            except SourceError as e:
                if not summary.timeline.frames:
                    raise
                summary.broken = e
        return summary

    def deliver(self) -> None:
        """Put the outputs in their places."""
        summary, settings = self._summary, self._plan.defaults
        if self._video and self._outputs.video:
            self._video.join(self._outputs.video)
        if self._work and self._outputs.report:
            copy_file(self._work.report, self._outputs.report)
        if self._outputs.plot:
            bounds, rows = drawn_bounds(settings.alert), settings.privacy is not Privacy.AGGREGATE
            title = str(self._plan.address)
            plot(self._outputs.plot, title, summary.timeline, summary.alerts, bounds, rows=rows)

    def _write(self, decision: Decision) -> None:
        self._summary.add(decision)
        if self._lines:
            self._lines.write(decision)
        self._recent.add(decision)
        if self._video:
            recent, report = self._recent, decision.report
            image = annotated(
                decision.frame.rgb,
                report,
                recent.alert,
                places=self._places,
                trails=recent.trails,
                passages=recent.passages,
            )
            self._video.write(image, report.at)

    def _save(self, place: Place, memory: CameraMemory) -> None:
        """What was done so far is never done again."""
        assert self._work
        saved_at = utc_now()
        if self._video:
            self._video.cut()
        if self._lines:
            self._lines.flush()
        self._work.save(
            ReplayState(
                self._work.asked,
                saved_at,
                place,
                memory,
                self._summary,
                self._recent,
                self._lines.size if self._lines else 0,
                self._video.begins_ms if self._video else (),
                self._video.size if self._video else None,
            )
        )


def drawn_places(settings: Defaults) -> Places:
    """What of a camera's settings is drawn on its frames."""
    lines = {name: Segment(line.start, line.end, line.leaving) for name, line in settings.lines.items()}
    return Places(settings.ignore, settings.zones, lines)


def drawn_bounds(alert: AlertSettings) -> dict[str, float]:
    """The protected ratios (0..1) that decide on alerts, by what they mean."""
    rules = [rule for rule in alert.rule_settings().values() if isinstance(rule, RatioSettings)]
    clear = {rule.clear_ratio for rule in rules if rule.clear_ratio is not None}
    return {"alert under": alert.protected_ratio} | ({"over from": min(clear)} if clear else {})


def clock(at: float) -> str:
    """Seconds of footage as h:mm:ss."""
    return f"{int(at) // 3600}:{int(at) // 60 % 60:02d}:{int(at) % 60:02d}"


class EndSink:
    """A sink without output, which records when alerts end."""

    name = "replay"

    def __init__(self, end: Callable[[Alert], None]) -> None:
        self._end = end

    def deliver(self, alert: Alert) -> None:
        """It is among the decisions already."""

    def ended(self, alert: Alert) -> None:
        self._end(alert)
