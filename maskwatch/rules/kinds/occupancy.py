"""Too many people are there, or many of whom too few wear a mask."""

from typing import Literal

from maskwatch.core.rules.condition import Subjects
from maskwatch.core.rules.occupancy import Occupancy
from maskwatch.core.rules.timed_rule import TimedRule
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import RuleSettings, Share
from maskwatch.rules.timing import timing


class Settings(RuleSettings):
    """`kind: occupancy`: at least `min_people` are in view, or in the `zone`, assessed or not.

    With a `protected_ratio`, only while that of the assessed ones is strictly under it.
    """

    kind: Literal["occupancy"] = "occupancy"
    protected_ratio: Share | None = None


def build(settings: Settings, context: RuleContext) -> TimedRule:
    """The rule, for one camera."""
    condition = Occupancy(
        Subjects(zone=settings.zone),
        min_people=settings.min_people,
        protected_ratio=settings.protected_ratio,
    )
    return TimedRule(context.name, condition, timing(settings, context))
