"""The keys that all rules have. Most stand in the `alert` section, too, for all its rules."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from maskwatch.alerts.registry import SINKS
from maskwatch.core.rules.condition import When
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.plugins import KindSettings, OneOf

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=64)]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def once_each(sinks: tuple[KindSettings, ...]) -> tuple[KindSettings, ...]:
    """Refuses a sink that is named twice, with the same settings."""
    said = [sink.model_dump(exclude_unset=True) for sink in sinks]
    for sink in said:
        if said.count(sink) > 1:
            raise ValueError(f"{sink['kind']} is named twice")
    return sinks


Sinks = Annotated[tuple[Annotated[KindSettings, OneOf(SINKS, short=True)], ...], AfterValidator(once_each)]


def minutes(hours: str) -> tuple[int, int]:
    """From and to, in minutes since midnight, of a text like `22:00-06:30`. Raises `ValueError`."""
    found = HOURS.fullmatch(hours)
    if found is None:
        raise ValueError("must be two times of day, 08:00-18:30 say")
    first = 60 * int(found[1]) + int(found[2])
    last = 24 * 60 if found[3] is None else 60 * int(found[3]) + int(found[4])
    if first == last:
        raise ValueError("must begin and end at different times; all day is 00:00-24:00")
    return first, last


def _as_hours(hours: str) -> str:
    minutes(hours)
    return hours


def _as_day(day: object) -> object:
    if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        return day
    raise ValueError("must be a day, 2026-12-25 say")


def _some(days: tuple[Day, ...]) -> tuple[Day, ...]:
    if not days:
        raise ValueError("must name a day at least")
    return days


Hours = Annotated[str, Field(json_schema_extra={"pattern": rf"^{HOURS.pattern}$"}), AfterValidator(_as_hours)]


class HoursSettings(SettingsBase):
    """The section `quiet`: on these `days`, within these `hours`, or all day; without either, never."""

    days: Annotated[tuple[Day, ...], AfterValidator(_some), Field(json_schema_extra={"minItems": 1})] = DAYS
    hours: tuple[Hours, ...] = ()


class ScheduleSettings(HoursSettings):
    """The section `schedule`: on these `days` that are no `holidays`, within these `hours`; without any, all day."""

    holidays: tuple[Annotated[date, BeforeValidator(_as_day)], ...] = ()


def wrong_key(key: tuple[str | int, ...], why: str) -> ValidationError:
    """What a check of several keys raises, to be told at one of them."""
    error = PydanticCustomError("wrong_key", "{why}", {"why": why})
    return ValidationError.from_exception_data("alert", [{"type": error, "loc": key, "input": None}])


class EscalationSettings(SettingsBase):
    """The section `escalation`: after `after` alerts in vain another sentence, other sinks, or both; None: never."""

    after: Annotated[int, Field(ge=1, le=100)] | None = None
    within_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    reset_s: Seconds = 60.0
    say: Sentence | None = None
    sinks: Sinks = ()

    @model_validator(mode="after")
    def _does_something(self) -> "EscalationSettings":
        if self.after is not None and self.say is None and not self.sinks:
            raise wrong_key(("after",), "needs a sentence (say) or sinks of its own")
        for key in ("say", "sinks", "within_s"):
            if self.after is None and getattr(self, key):
                raise wrong_key((key,), "needs the number of alerts in vain after which it is so (after)")
        return self


class RuleKeys(SettingsBase):
    """What every rule has, and the `alert` section for those that do not say it themselves."""

    min_people: Annotated[int, Field(ge=1, le=1000)] = 1
    for_s: Seconds = 1.0
    cooldown_s: Seconds = 30.0
    say: Sentence = "Please wear your mask."
    schedule: ScheduleSettings = ScheduleSettings()
    quiet: HoursSettings = HoursSettings()
    escalation: EscalationSettings = EscalationSettings()


class RuleSettings(RuleKeys, KindSettings):
    """One of the `rules`.

    `name` is what its alerts carry, None for its kind; `zone` is that of the camera to which it keeps, None for all of
    the view.
    """

    name: Name | None = None
    zone: Name | None = None


class WhenSettings(SettingsBase):
    """Of the kinds that may look at those who just crossed a line."""

    when: When = When.IN_VIEW
