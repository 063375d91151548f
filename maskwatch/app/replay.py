"""Recorded footage to an annotated video, a report and a plot."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from maskwatch.app.compose import ReplayPlan, replay_pipeline
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Alert, Decision, FrameReport
from maskwatch.models.loading import Models
from maskwatch.output.draw import ALERT_SHOWN_S, VideoWriter, annotated, plot
from maskwatch.output.json_lines import ReportWriter


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a replay leaves behind; None for what is not wanted."""

    video: Path | None = None
    report: Path | None = None
    plot: Path | None = None


@dataclass(slots=True)
class Summary:
    """What a replay saw. `broken` is why the footage ended early, None if it did not."""

    reports: list[FrameReport] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    queued: int = 0
    broken: SourceError | None = None

    def add(self, decision: Decision) -> None:
        """Count a decision; they come in the order of the frames."""
        self.reports.append(decision.report)
        self.alerts += [alert for alert in decision.alerts if not alert.withheld]
        self.queued += decision.queued is not None


def replay(plan: ReplayPlan, models: Models, outputs: Outputs, advance: Callable[[], None]) -> Summary:
    """Analyse every frame in order and write the outputs; `advance` is called after each frame.

    Footage that breaks off leaves what was seen until then. Raises `SourceError` when there was nothing, and
    `ConfigError` where a video or samples are wanted and `privacy` allows no picture.
    """
    privacy = plan.defaults.privacy
    if privacy is Privacy.AGGREGATE and (outputs.video or plan.queue):
        what = outputs.video or (plan.queue and plan.queue.dir)
        raise ConfigError(
            f"privacy: aggregate: no picture is stored, so there is no {what}; a report and a plot are"
        )
    summary = Summary()
    with ExitStack() as stack:
        video = stack.enter_context(VideoWriter(outputs.video)) if outputs.video else None
        lines = stack.enter_context(ReportWriter(outputs.report, privacy)) if outputs.report else None

        def on_decision(decision: Decision) -> None:
            summary.add(decision)
            if lines:
                lines.write(decision)
            if video:
                report = decision.report
                recent = [a for a in summary.alerts[-1:] if report.at - a.at < ALERT_SHOWN_S]
                image = annotated(decision.frame.rgb, report, *recent, ignore=plan.defaults.ignore)
                video.write(image, report.at)
            advance()

        with replay_pipeline(plan, models, on_decision) as pipeline:
            try:
                pipeline.run()
            except SourceError as e:
                if not summary.reports:
                    raise
                summary.broken = e
    if outputs.plot:
        bound = plan.defaults.alert.protected_ratio
        plot(outputs.plot, str(plan.address), summary.reports, summary.alerts, bound)
    return summary
