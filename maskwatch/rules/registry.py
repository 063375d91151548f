"""The kinds of rule, by the name that the configuration gives them."""

from dataclasses import dataclass
from datetime import tzinfo

from maskwatch.core.ports import Rule
from maskwatch.plugins import Kinds
from maskwatch.rules.settings import RuleSettings


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule is given beside its settings: `name`, its own among those of its camera.

    After more than `max_gap_s` without a frame nobody knows what was meanwhile. `protected_ratio` is the bound (0..1)
    of the `alert` section. Where it is not `live` the frames' time is a clip's, and schedules do not apply; `zone` is
    the time zone of schedules, None for that of the machine.
    """

    name: str
    max_gap_s: float = 5.0
    protected_ratio: float = 0.75
    live: bool = True
    zone: tzinfo | None = None


RULES: Kinds[Rule, RuleContext] = Kinds("rule", "maskwatch.rules", "maskwatch.rules.kinds", RuleSettings)
