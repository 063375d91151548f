"""The keys that all rules have, for `core/rules/timed_rule.py`."""

from datetime import tzinfo

from maskwatch.core.rules.escalation import Escalation
from maskwatch.core.rules.schedule import EVERY_DAY, Schedule
from maskwatch.core.rules.timed_rule import Timing
from maskwatch.rules.registry import RuleContext
from maskwatch.rules.settings import (
    DAYS,
    EscalationSettings,
    HoursSettings,
    RuleSettings,
    ScheduleSettings,
    minutes,
)


def timing(settings: RuleSettings, context: RuleContext) -> Timing:
    """Of a rule with these settings: the schedules of live cameras alone."""
    live, zone = context.live, context.zone
    return Timing(
        settings.say,
        for_s=settings.for_s,
        cooldown_s=settings.cooldown_s,
        max_gap_s=context.max_gap_s,
        schedule=_schedule(settings.schedule, zone) if live else None,
        quiet=_quiet(settings.quiet, zone) if live else None,
        escalation=_escalation(settings.escalation),
    )


def _schedule(settings: ScheduleSettings, zone: tzinfo | None) -> Schedule | None:
    """None where it holds always."""
    hours = _hours(settings, zone)
    if not hours.hours and hours.days == EVERY_DAY and not settings.holidays:
        return None
    return Schedule(hours.days, hours.hours, frozenset(settings.holidays), zone)


def _quiet(settings: HoursSettings, zone: tzinfo | None) -> Schedule | None:
    """None where nobody named an hour, nor a day."""
    is_named = settings.hours or "days" in settings.model_fields_set
    return _hours(settings, zone) if is_named else None


def _hours(settings: HoursSettings, zone: tzinfo | None) -> Schedule:
    days = frozenset(DAYS.index(day) for day in settings.days)
    return Schedule(days, tuple(map(minutes, settings.hours)), zone=zone)


def _escalation(settings: EscalationSettings) -> Escalation | None:
    if settings.after is None:
        return None
    return Escalation(settings.after, settings.say, settings.within_s, settings.reset_s)
