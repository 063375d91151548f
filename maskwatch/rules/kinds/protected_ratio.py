"""Too few wear a mask."""

from typing import Literal

from pydantic import model_validator

from maskwatch.core.rules.condition import PASSED_S, Subjects
from maskwatch.core.rules.protected_ratio import ProtectedRatio
from maskwatch.core.rules.timed_rule import TimedRule
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import RuleSettings, Share, WhenSettings
from maskwatch.rules.timing import timing


class Settings(WhenSettings, RuleSettings):
    """`kind: protected_ratio`: the ratio is strictly under `protected_ratio`, None for that of the `alert` section.

    An alert is over when the ratio is at `clear_ratio` again, None for the same bound: so whoever comply as much as is
    asked are not accused any longer.
    """

    kind: Literal["protected_ratio"] = "protected_ratio"
    protected_ratio: Share | None = None
    clear_ratio: Share | None = None

    @model_validator(mode="after")
    def _clears_above_the_bound(self) -> "Settings":
        clear, bound = self.clear_ratio, self.protected_ratio
        if clear is not None and bound is not None and clear < bound:
            raise ValueError(f"clear_ratio must be at least protected_ratio ({bound:g}), got {clear:g}")
        return self


def build(settings: Settings, context: RuleContext) -> TimedRule:
    """The rule, for one camera."""
    bound = context.protected_ratio if settings.protected_ratio is None else settings.protected_ratio
    condition = ProtectedRatio(
        Subjects(settings.when, zone=settings.zone, passed_s=PASSED_S + settings.for_s),
        protected_ratio=bound,
        clear_ratio=settings.clear_ratio,
        min_people=settings.min_people,
    )
    return TimedRule(context.name, condition, timing(settings, context))
