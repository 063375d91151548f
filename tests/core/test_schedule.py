"""Days and hours on the clock on the wall, over midnight and where it is set."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.conformance.rules import seen
from maskwatch.core.records import Label
from maskwatch.core.rules.condition import Subjects
from maskwatch.core.rules.protected_ratio import ProtectedRatio
from maskwatch.core.rules.schedule import Schedule
from maskwatch.core.rules.timed_rule import TimedRule, Timing

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = frozenset(range(5))


def at(text, zone=BERLIN, fold=0):
    """Unix time of a local one, `2026-11-26 08:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def h(hours):
    """`8:00-18:30` in minutes."""
    first, last = ([int(part) for part in each.split(":")] for each in hours.split("-"))
    return 60 * first[0] + first[1], 60 * last[0] + last[1]


@pytest.mark.parametrize(
    ("schedule", "when", "holds"),
    [
        (Schedule(), "2026-11-26 03:00", True),
        (Schedule(hours=(h("8:00-18:00"),)), "2026-11-26 07:59:59", False),
        (Schedule(hours=(h("8:00-18:00"),)), "2026-11-26 08:00", True),
        (Schedule(hours=(h("8:00-18:00"),)), "2026-11-26 17:59:59", True),
        (Schedule(hours=(h("8:00-18:00"),)), "2026-11-26 18:00", False),
        (Schedule(hours=(h("8:00-12:00"), h("14:00-18:00"))), "2026-11-26 13:00", False),
        (Schedule(hours=(h("8:00-12:00"), h("14:00-18:00"))), "2026-11-26 14:00", True),
        (Schedule(hours=(h("0:00-24:00"),)), "2026-11-26 23:59:59", True),
        (Schedule(WEEKDAYS), "2026-11-27 23:59:59", True),  # a Friday
        (Schedule(WEEKDAYS), "2026-11-28 00:00", False),
        # over midnight: of the day on which it begins
        (Schedule(hours=(h("22:00-6:00"),)), "2026-11-26 21:59", False),
        (Schedule(hours=(h("22:00-6:00"),)), "2026-11-26 22:00", True),
        (Schedule(hours=(h("22:00-6:00"),)), "2026-11-27 05:59", True),
        (Schedule(hours=(h("22:00-6:00"),)), "2026-11-27 06:00", False),
        (Schedule(WEEKDAYS, (h("22:00-6:00"),)), "2026-11-28 05:59", True),  # Friday's night
        (Schedule(WEEKDAYS, (h("22:00-6:00"),)), "2026-11-28 22:30", False),
        (Schedule(WEEKDAYS, (h("22:00-6:00"),)), "2026-11-30 05:59", False),  # Sunday's
        (Schedule(WEEKDAYS, (h("22:00-6:00"),)), "2026-11-30 22:00", True),
        # holidays
        (Schedule(WEEKDAYS, holidays=frozenset({date(2026, 12, 25)})), "2026-12-25 12:00", False),
        (Schedule(WEEKDAYS, holidays=frozenset({date(2026, 12, 25)})), "2026-12-24 12:00", True),
        (Schedule(hours=(h("22:00-6:00"),), holidays=frozenset({date(2026, 12, 25)})), "2026-12-25 05:00", True),
        (Schedule(hours=(h("22:00-6:00"),), holidays=frozenset({date(2026, 12, 25)})), "2026-12-26 05:00", False),
    ],
)  # fmt: skip
def test_days_and_hours(schedule, when, holds):
    schedule = Schedule(schedule.days, schedule.hours, schedule.holidays, BERLIN)
    assert schedule.holds(at(when)) == holds


def test_the_hour_that_is_left_out_in_spring_is_none():
    """2026-03-29 in Berlin: 01:59:59 is followed by 03:00."""
    within = Schedule(hours=(h("2:00-3:00"),), zone=BERLIN)
    night = Schedule(hours=(h("22:00-3:30"),), zone=BERLIN)
    before = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC).timestamp()  # 01:59:59
    assert [within.holds(before + s) for s in (0, 1, 3600)] == [False, False, False]
    assert [night.holds(before + s) for s in (0, 1, 1800, 1801)] == [True, True, True, False]


def test_the_hour_that_is_there_twice_in_autumn_holds_twice():
    """2026-10-25 in Berlin: 02:59:59 is followed by 02:00."""
    within = Schedule(hours=(h("2:30-3:00"),), zone=BERLIN)
    twice = [at("2026-10-25 02:45", fold=fold) for fold in (0, 1)]
    assert twice[1] - twice[0] == 3600
    assert [within.holds(each) for each in twice] == [True, True]
    assert [within.holds(twice[0] + 900 + s) for s in (-1, 0, 1799, 1800)] == [True, False, False, True]


def test_another_zone_is_another_time():
    eight = Schedule(hours=(h("8:00-9:00"),), zone=ZoneInfo("Asia/Seoul"))
    assert eight.holds(at("2026-11-26 08:30", ZoneInfo("Asia/Seoul")))
    assert not eight.holds(at("2026-11-26 08:30"))


def test_without_a_zone_it_is_the_machines(in_zone):
    in_zone("Asia/Seoul")
    assert Schedule(hours=(h("8:00-9:00"),)).holds(at("2026-11-26 08:30", ZoneInfo("Asia/Seoul")))


@given(st.integers(0, 2**31), st.integers(0, 1439), st.integers(1, 1439))
def test_within_hours_or_without_is_all_there_is(when, first, length):
    """A span and its complement hold in turn, at every time of a year with its two changes of the clock."""
    last = (first + length) % 1440
    inside = Schedule(hours=((first, last),), zone=BERLIN)
    outside = Schedule(hours=((last, first),), zone=BERLIN)
    assert inside.holds(when) != outside.holds(when)


# in a rule


def rule(**timing):
    condition = ProtectedRatio(Subjects(), protected_ratio=0.75)
    return TimedRule("r", condition, Timing("please", **({"for_s": 0.0, "cooldown_s": 1.0} | timing)))


def shown(rule, times):
    """When it alerts, quiet or not, each delivered at once; and what ended."""
    alerts, ends = [], []
    for when in times:
        alert = rule.update(seen(when, {1: Label.UNPROTECTED}))
        while (over := rule.ended()) is not None:
            ends.append((over.at, over.ended_at))
        if alert is not None:
            alerts.append((alert.at, alert.quiet))
            rule.delivered(alert.at)
    return alerts, ends


def test_outside_of_the_schedule_there_is_no_alert_and_what_stood_is_over():
    start = at("2026-11-26 17:59:58")
    watched = rule(schedule=Schedule(hours=(h("8:00-18:00"),), zone=BERLIN), cooldown_s=60)
    alerts, ends = shown(watched, [start + n for n in range(100)])
    assert alerts == [(start, False)]
    assert ends == [(start, start + 2)]


def test_the_time_counts_from_when_the_schedule_begins():
    start = at("2026-11-26 07:59:57")
    watched = rule(schedule=Schedule(hours=(h("8:00-18:00"),), zone=BERLIN), for_s=2)
    assert shown(watched, [start + n for n in range(6)])[0] == [(start + 5, False)]


def test_quiet_hours_make_quiet_alerts():
    start = at("2026-11-26 21:59:58")
    watched = rule(quiet=Schedule(hours=(h("22:00-6:00"),), zone=BERLIN))
    assert shown(watched, [start + n for n in range(4)])[0] == [
        (start, False),
        (start + 1, False),
        (start + 2, True),
        (start + 3, True),
    ]


def test_what_was_not_heard_in_quiet_hours_is_not_in_vain():
    from maskwatch.core.rules.escalation import Escalation

    quiet = Schedule(hours=(h("22:00-6:00"),), zone=BERLIN)
    watched = rule(quiet=quiet, escalation=Escalation(1, "Last warning"))
    said = []
    for when in [at("2026-11-27 05:59:58") + n for n in range(4)]:
        alert = watched.update(seen(when, {1: Label.UNPROTECTED}))
        watched.delivered(when)
        said.append((alert.quiet, alert.level))
    assert said == [(True, 1), (True, 1), (False, 1), (False, 2)]
