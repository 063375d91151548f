"""How many passed: in all, lately, and on this day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.people.counts import HOUR_S, MINUTE_S, Counts
from maskwatch.core.records import Direction, Label, Passage, PassageCounts, PassageKind

DAY_S = 86_400


def day_of(at):
    return date.fromordinal(700_000 + int(at // DAY_S))


def passage(at, label=Label.PROTECTED, direction=Direction.LEAVING, line="door", zones=()):
    return Passage("entrance", at, 1, label, direction, line, zones)


OUT = PassageKind((), "door", Direction.LEAVING, Label.PROTECTED)


def test_each_kind_is_counted_by_itself():
    counts = Counts(day_of)
    bare = passage(10, Label.UNPROTECTED, Direction.ENTERING, "door", ("hall", "queue"))
    counts.add(10, [passage(10), passage(10), bare])
    expected = {OUT: 2, PassageKind(("hall", "queue"), "door", Direction.ENTERING, Label.UNPROTECTED): 1}
    assert counts.at(10) == PassageCounts(expected, expected, expected, expected)


@pytest.mark.parametrize(
    ("later_s", "minute", "hour", "today"),
    [
        (0, 1, 1, 1),
        (59.9, 1, 1, 1),
        (60, 0, 1, 1),
        (3599.9, 0, 1, 1),
        (3600, 0, 0, 1),
        (39_999, 0, 0, 1),
        (40_000, 0, 0, 0),  # midnight
        (DAY_S * 3, 0, 0, 0),
        (-59, 1, 1, 1),  # the clock is set back: by less than a minute,
        (-60, 0, 1, 1),
        (-3599, 0, 1, 1),
        (-3600, 0, 0, 1),
        (-50_000, 0, 0, 0),  # and to the day before
    ],
)
def test_spans_end_by_the_frames_clock(later_s, minute, hour, today):
    counts, at = Counts(day_of), 10 * DAY_S + 46_400
    counts.add(at, [passage(at)])
    seen = counts.at(at + later_s)
    assert [span.get(OUT, 0) for span in (seen.total, seen.minute, seen.hour, seen.today)] == [
        1,
        minute,
        hour,
        today,
    ]


def test_who_is_told_after_midnight_and_left_before_is_of_the_day_before():
    counts = Counts(day_of)
    counts.add(DAY_S + 1, [passage(DAY_S - 1), passage(DAY_S + 1)])
    assert counts.at(DAY_S + 2).today == {OUT: 1}
    assert counts.at(DAY_S + 2).minute == {OUT: 2}


def test_a_clock_that_trembles_at_midnight_begins_the_day_once():
    counts = Counts(day_of)
    counts.add(DAY_S + 1, [passage(DAY_S + 1)])
    assert counts.at(DAY_S - 1).today == {OUT: 1}
    assert counts.at(DAY_S + 2).today == {OUT: 1}


@given(times=st.lists(st.integers(0, 8000), max_size=40), now=st.integers(0, 9000))
def test_late_and_unordered_passages_are_counted_as_of_their_own_times(times, now):
    counts = Counts(day_of)
    known = [at for at in times if at <= now]
    for at in known:
        counts.add(max(at, 0), [passage(at)])
    seen = counts.at(now)
    assert seen.total.get(OUT, 0) == len(known)
    for span, seconds in ((seen.minute, MINUTE_S), (seen.hour, HOUR_S)):
        assert span.get(OUT, 0) == sum(now - at < seconds for at in known)


def test_passages_of_before_count_lately_and_today_and_in_no_total():
    counts = Counts(day_of)
    now = 5 * DAY_S + 7200.0
    counts.add(now, [passage(now)])
    earlier = (now - 30, now - 1800, now - 3700, now - 7300)  # the last was yesterday
    counts.restore(now, [passage(at) for at in earlier])
    assert counts.at(now) == PassageCounts({OUT: 1}, {OUT: 2}, {OUT: 3}, {OUT: 4})
    assert counts.at(now + 1801).hour == {OUT: 2}
    assert counts.at(now + DAY_S).today == {}


def test_a_kind_that_was_only_before_has_a_total_of_none():
    counts = Counts(day_of)
    counts.restore(10, [passage(9)])
    assert counts.at(10).total == {OUT: 0}
