"""What a replay saw, as it is told at its end; takes no more memory for a longer one, but for its alerts."""

from collections import Counter
from dataclasses import dataclass, field, replace

from maskwatch.core.errors import SourceError
from maskwatch.core.records import Alert, Decision, Direction, Label
from maskwatch.output.timeline import Timeline


@dataclass(slots=True)
class Summary:
    """Is given each decision. `broken` is why the footage ended early, None if it did not.

    An alert that was over before the end of the footage has its `ended_at`. `passed` counts who crossed a line or left the
    view, by the way and the verdict.
    """

    timeline: Timeline
    alerts: list[Alert] = field(default_factory=list)
    passed: Counter[tuple[Direction, Label]] = field(default_factory=Counter)
    queued: int = 0
    broken: SourceError | None = None

    def add(self, decision: Decision) -> None:
        """Count a decision; they come in the order of the frames."""
        self.timeline.add(decision.report)
        self.alerts += [replace(alert, faces=()) for alert in decision.alerts if not alert.withheld]
        self.passed.update((passage.direction, passage.label) for passage in decision.passages)
        self.queued += decision.queued is not None

    def end(self, over: Alert) -> None:
        """Note when an alert was over."""
        for place in reversed(range(len(self.alerts))):
            if self.alerts[place].id == over.id:
                self.alerts[place] = replace(self.alerts[place], ended_at=over.ended_at)
                break
