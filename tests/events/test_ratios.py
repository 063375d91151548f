"""Who wore a mask, by hour and day: against counting by hand, in zones of half hours and on days of 23 and 25."""

from collections import Counter
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from harness.postgres import Postgres
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from maskwatch.core.events import Event, EventKind
from maskwatch.core.interval import wilson
from maskwatch.core.records import PeopleCount
from maskwatch.events.ratios import (
    Span,
    by_camera,
    by_span,
    day_span,
    days_of,
    people,
    tallies,
    week_span,
)
from maskwatch.events.schema import SHARED
from maskwatch.events.store import EventFilter, EventStore

START = 1_795_000_500  # no quarter of an hour begins here


passages = st.lists(
    st.tuples(
        st.integers(0, 8 * 3600),
        st.sampled_from(["door", "hall"]),
        st.sampled_from(["protected", "unprotected", "unknown"]),
        st.sampled_from([("gone", None), ("leaving", "a"), ("entering", "a"), ("leaving", "b")]),
    ),
    max_size=60,
)


def stored(folder, found):
    store = EventStore.in_folder(folder)
    store.add(
        [
            Event(
                uuid4().hex,
                EventKind.PASSAGE,
                START + after,
                camera,
                data={"label": label, "direction": direction, "line": line, "zones": []},
            )
            for after, camera, label, (direction, line) in found
        ]
    )
    return store


def by_hand(found, since, until):
    """Each person once: of a camera's lines only the busiest within the time."""
    within = [each for each in found if since <= START + each[0] < until]
    counts = Counter()
    for camera in ("door", "hall"):
        its = [each for each in within if each[1] == camera]
        crossed = Counter(line for _, _, _, (_, line) in its if line is not None)
        busiest = min(crossed, key=lambda line: (-crossed[line], line), default=None)
        counts.update(label for _, _, label, (_, line) in its if line in {None, busiest})
    return PeopleCount(counts["protected"], counts["unprotected"], counts["unknown"])


@given(found=passages)
def test_the_ratio_of_each_hour_is_that_of_counting_by_hand(tmp_path_factory, found):
    store = stored(tmp_path_factory.mktemp("events"), found)
    begin = START // 900 * 900
    span = Span(begin, begin + 9 * 3600)
    tallied = tallies(store, span)
    hours = by_span(tallied, span.hours())
    for each, counts in zip(span.hours(), hours, strict=True):
        assert counts == by_hand(found, each.since, each.until)
        assert counts.interval == wilson(counts.protected, counts.protected + counts.unprotected)
    assert people(tallied) == by_hand(found, span.since, span.until)
    for camera, counts in by_camera(tallied).items():
        assert counts == by_hand([each for each in found if each[1] == camera], span.since, span.until)
    assert sum(each.number for each in tallied) == len(found)
    store.close()


@pytest.mark.integration
def test_a_database_that_several_services_share_counts_the_same(tmp_path):
    ways = [("gone", None), ("leaving", "a"), ("entering", "b")]
    found = [(67 * n, "door", ("protected", "unknown")[n % 2], ways[n % 3]) for n in range(200)]
    store = stored(tmp_path, found)
    span = Span(START - 3600, START + 9 * 3600)
    expected = set(tallies(store, span))
    with Postgres() as server:
        shared = EventStore.shared(SecretStr(server.url), "north")
        SHARED.create_all(shared.engine)
        shared.add(store.find(EventFilter(), limit=1000))
        assert set(tallies(shared, span)) == expected
        shared.close()
    store.close()


def test_only_the_cameras_and_the_time_that_are_asked_for_count(tmp_path):
    found = [(0, "door", "protected", ("gone", None)), (0, "hall", "unprotected", ("gone", None))]
    found += [(7200, "door", "unprotected", ("gone", None))]
    store = stored(tmp_path, found)
    begin = START // 900 * 900
    assert people(tallies(store, Span(begin, begin + 3600), ["door"])) == PeopleCount(1, 0, 0)
    assert people(tallies(store, Span(begin, begin + 3600))) == PeopleCount(1, 1, 0)
    store.close()


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Asia/Seoul", date(2026, 11, 26), 24),
        ("Asia/Kathmandu", date(2026, 11, 26), 24),  # UTC+05:45
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
    ],
)
def test_a_day_is_that_of_the_machine_and_begins_with_a_quarter_of_an_hour(in_zone, name, day, hours):
    in_zone(name)
    span = day_span(day)
    begin = datetime.fromtimestamp(span.since).astimezone()
    assert (begin.date(), begin.hour, begin.minute) == (day, 0, 0)
    assert len(span.hours()) == hours
    assert span.since % 900 == span.until % 900 == 0
    assert span.hours()[-1].until == span.until


def test_a_week_begins_on_monday(in_zone):
    in_zone("Europe/Berlin")
    for day in (date(2026, 10, 19) + timedelta(days=number) for number in range(7)):
        assert days_of(week_span(day)) == [date(2026, 10, 19) + timedelta(days=number) for number in range(7)]
    assert len(week_span(date(2026, 10, 25)).hours()) == 7 * 24 + 1
