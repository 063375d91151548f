"""The rules of a camera, from its settings. Importing this loads no torch."""

from zoneinfo import ZoneInfo

from maskwatch.config.sections import Defaults
from maskwatch.core.ports import Rule
from maskwatch.rules.registry import RULES, RuleContext

GAP_S = 5.0  # after longer without a frame, the time under the bound counts anew
FEW_FRAMES = 3  # what so many frames take is no gap, however few are wanted a second


def camera_rules(settings: Defaults, *, live: bool) -> tuple[Rule, ...]:
    """Each rule of a camera. Raises `ConfigError` when one cannot be made."""
    alert = settings.alert
    zone = None if alert.timezone is None else ZoneInfo(alert.timezone)
    max_gap_s = max(GAP_S, FEW_FRAMES / settings.fps)
    return tuple(
        RULES.build(rule, RuleContext(name, max_gap_s, alert.protected_ratio, live, zone))
        for name, rule in alert.rule_settings().items()
    )
