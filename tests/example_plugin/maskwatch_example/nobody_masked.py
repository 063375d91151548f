"""An alert when several people are there and not one of them wears a mask."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.core.records import AlertKind, FrameReport, Passage
from maskwatch.core.rules.condition import NOBODY, WHOLE, Finding, Subjects, Tally
from maskwatch.core.rules.timed_rule import TimedRule
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import RuleSettings
from maskwatch.rules.timing import timing


class Settings(RuleSettings):
    """`least` is how many they must be."""

    kind: Literal["nobody_masked"] = "nobody_masked"
    least: Annotated[int, Field(ge=1)] = 2


class NobodyMasked:
    kind = AlertKind.UNPROTECTED

    def __init__(self, subjects: Subjects, least: int) -> None:
        self._subjects = subjects
        self._least = least

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        tally = Tally.of(self._subjects.update(report, passages))
        holds = tally.unprotected == tally.assessed >= self._least
        return Finding(
            people=tally.assessed,
            unprotected=tally.unprotected,
            protected_ratio=tally.protected_ratio,
            tracks=tally.bare,
            holding=WHOLE if holds else NOBODY,
            lasting=WHOLE if holds else NOBODY,
            over=NOBODY if holds or not tally.assessed else WHOLE,
        )


def build(settings: Settings, context: RuleContext) -> TimedRule:
    condition = NobodyMasked(Subjects(zone=settings.zone), settings.least)
    return TimedRule(context.name, condition, timing(settings, context))
