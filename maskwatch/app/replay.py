"""Recorded footage to an annotated video, a report and a plot."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.app.compose import ReplayPlan, replay_pipeline
from maskwatch.config.sections import AlertSettings, Defaults
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.ports import AlertSink
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Alert, Decision, Passage
from maskwatch.models.loading import Models
from maskwatch.output.draw import annotated
from maskwatch.output.json_lines import ReportWriter
from maskwatch.output.places import Places, Segment
from maskwatch.output.plot import plot
from maskwatch.output.recent import Recent
from maskwatch.output.trace import Trace
from maskwatch.rules.kinds.protected_ratio import Settings as RatioSettings
from maskwatch.sources.video_writer import VideoWriter


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a replay leaves behind; None for what is not wanted."""

    video: Path | None = None
    report: Path | None = None
    plot: Path | None = None


@dataclass(slots=True)
class Summary:
    """What a replay saw. `broken` is why the footage ended early, None if it did not.

    An alert that was over before the end of the footage has its `ended_at`.
    """

    trace: Trace = field(default_factory=Trace)
    alerts: list[Alert] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    queued: int = 0
    broken: SourceError | None = None

    def add(self, decision: Decision) -> None:
        """Count a decision; they come in the order of the frames."""
        self.trace.add(decision.report)
        self.alerts += [alert for alert in decision.alerts if not alert.withheld]
        self.passages += decision.passages
        self.queued += decision.queued is not None

    def end(self, over: Alert) -> None:
        """Note when an alert was over."""
        self.alerts = [
            replace(each, ended_at=over.ended_at) if each.id == over.id else each for each in self.alerts
        ]


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
    recent = Recent()
    places = drawn_places(plan.defaults)
    with ExitStack() as stack:
        video = stack.enter_context(VideoWriter(outputs.video)) if outputs.video else None
        lines = stack.enter_context(ReportWriter(outputs.report, privacy)) if outputs.report else None

        def on_decision(decision: Decision) -> None:
            if lines:
                lines.write(decision)
            if video:
                recent.add(decision)
                report = decision.report
                image = annotated(
                    decision.frame.rgb,
                    report,
                    recent.alert,
                    places=places,
                    trails=recent.trails,
                    passages=recent.passages,
                )
                video.write(image, report.at)
            advance()

        summary = watch(plan, models, on_decision, (LogSink(), _Ends(recent.end)))
    if outputs.plot:
        bounds = drawn_bounds(plan.defaults.alert)
        rows = privacy is not Privacy.AGGREGATE
        plot(outputs.plot, str(plan.address), summary.trace, summary.alerts, bounds, rows=rows)
    return summary


def watch(
    plan: ReplayPlan, models: Models, on_decision: Callable[[Decision], None], sinks: Sequence[AlertSink] = ()
) -> Summary:
    """Analyse every frame in order; `on_decision` is given each, with its picture, and the summary none.

    Footage that breaks off gives what was seen until then. Raises `SourceError` when there was nothing.
    """
    summary = Summary()

    def count(decision: Decision) -> None:
        summary.add(decision)
        on_decision(decision)

    with replay_pipeline(plan, models, count, (*sinks, _Ends(summary.end))) as pipeline:
        try:
            pipeline.run()
        except SourceError as e:
            if not len(summary.trace):
                raise
            summary.broken = e
    return summary


def drawn_places(settings: Defaults) -> Places:
    """What of a camera's settings is drawn on its frames."""
    lines = {name: Segment(line.start, line.end, line.leaving) for name, line in settings.lines.items()}
    return Places(settings.ignore, settings.zones, lines)


def drawn_bounds(alert: AlertSettings) -> dict[str, float]:
    """The protected ratios (0..1) that decide on alerts, by what they mean."""
    rules = [rule for rule in alert.rule_settings().values() if isinstance(rule, RatioSettings)]
    clear = {rule.clear_ratio for rule in rules if rule.clear_ratio is not None}
    return {"alert under": alert.protected_ratio} | ({"over from": min(clear)} if clear else {})


class _Ends:
    """A sink that tells nobody: it notes when alerts are over."""

    name = "replay"

    def __init__(self, end: Callable[[Alert], None]) -> None:
        self._end = end

    def deliver(self, alert: Alert) -> None:
        """It is among the decisions already."""

    def ended(self, alert: Alert) -> None:
        self._end(alert)
