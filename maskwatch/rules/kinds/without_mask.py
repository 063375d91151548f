"""Somebody wears no mask."""

from typing import Literal

from maskwatch.core.rules.condition import PASSED_S, Subjects
from maskwatch.core.rules.timed_rule import TimedRule
from maskwatch.core.rules.without_mask import WithoutMask
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import RuleSettings, WhenSettings
from maskwatch.rules.timing import timing


class Settings(WhenSettings, RuleSettings):
    """`kind: without_mask`: a person wears none for `for_s`, while at least `min_people` are assessed.

    She is told of once, and again only when she stays for longer than `cooldown_s`.
    """

    kind: Literal["without_mask"] = "without_mask"


def build(settings: Settings, context: RuleContext) -> TimedRule:
    """The rule, for one camera."""
    subjects = Subjects(settings.when, zone=settings.zone, passed_s=PASSED_S + settings.for_s)
    condition = WithoutMask(subjects, min_people=settings.min_people)
    return TimedRule(context.name, condition, timing(settings, context))
