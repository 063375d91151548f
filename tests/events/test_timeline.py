"""Events page by page, as a table, and what came of an alert."""

import csv
from collections import Counter
from datetime import date, timedelta
from uuid import uuid4

import pytest
from harness.events import a_day, at_hour
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.events import Event, EventKind
from maskwatch.events.csv_export import COLUMNS, csv_lines
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.events.timeline import Quarter, outcome_of, page, walk
from maskwatch.platform.clock import local_day

DAY = date(2026, 11, 25)


def made(kind, at, **data):
    return Event(uuid4().hex, kind, at, "door", data=data)


def passed(at):
    return made(EventKind.PASSAGE, at, label="protected", direction="gone", line=None, zones=[])


def pages(store, wanted, limit):
    found, until = [], None
    while True:
        one = page(
            store, EventFilter(wanted.since, until or wanted.until, wanted.cameras, wanted.kinds), limit=limit
        )
        found.append(one.rows)
        until = one.until
        if until is None:
            return found
        assert len(found) < 500


@given(
    alerts=st.lists(st.integers(0, 40), max_size=25),
    passages=st.lists(st.integers(0, 40 * 60), max_size=40),
    limit=st.integers(1, 6),
)
def test_every_event_is_on_one_page_and_every_passage_in_one_quarter(
    tmp_path_factory, alerts, passages, limit
):
    """Of alerts every hour, several at the very same time, over two days."""
    store = EventStore.in_folder(tmp_path_factory.mktemp("events"))
    midnight = at_hour(DAY, 0)
    events = [made(EventKind.ALERT, midnight + 3600 * hour + 431) for hour in alerts]
    store.add([*events, *(passed(midnight + 60 * minute) for minute in passages)])
    rows = [row for one in pages(store, EventFilter(), limit) for row in one]
    assert sorted(row.id for row in rows if isinstance(row, Event)) == sorted(event.id for event in events)
    quarters = [row for row in rows if isinstance(row, Quarter)]
    expected = Counter((midnight + 60 * minute) // 900 * 900 for minute in passages)
    assert {quarter.at: quarter.passages for quarter in quarters} == expected
    assert len(quarters) == len(expected)
    store.close()


def test_a_page_is_of_one_day_and_newest_first(tmp_path):
    store = EventStore.in_folder(tmp_path)
    for day in (DAY, DAY - timedelta(days=3)):
        store.add(a_day(day))
    first = page(store, EventFilter(), limit=1000)
    assert {local_day(row.at) for row in first.rows} == {DAY}
    times = [row.at for row in first.rows]
    assert times == sorted(times, reverse=True)
    second = page(store, EventFilter(until=first.until), limit=1000)
    assert {local_day(row.at) for row in second.rows} == {DAY - timedelta(days=3)}
    assert second.until is None
    assert page(store, EventFilter(cameras=["nowhere"]), limit=10).rows == ()
    store.close()


def test_kinds_that_are_not_asked_for_are_on_no_page(tmp_path):
    store = EventStore.in_folder(tmp_path)
    store.add(a_day(DAY))
    only = page(store, EventFilter(kinds=[EventKind.OUTAGE]), limit=100).rows
    assert {row.kind for row in only} == {EventKind.OUTAGE}
    quarters = page(store, EventFilter(kinds=[EventKind.PASSAGE]), limit=100).rows
    assert quarters
    assert all(isinstance(row, Quarter) for row in quarters)
    assert sum(row.passages for row in quarters) == 200
    store.close()


def test_what_came_of_an_alert_is_what_was_told_of_after_it(tmp_path):
    """The announcement before it is cut short by the alert, and told of at once."""
    store = EventStore.in_folder(tmp_path)
    first = made(EventKind.ALERT, 1000.0, withheld=False, delivered=True)
    second = made(EventKind.ALERT, 1010.0, withheld=False, delivered=True)
    silent = made(EventKind.ALERT, 1020.0, withheld=False, delivered=False)
    quiet = made(EventKind.ALERT, 1020.0, withheld=False, delivered=True, quiet=True)
    withheld = made(EventKind.ALERT, 1030.0, withheld=True, delivered=False)
    of_first = made(EventKind.ANNOUNCEMENT, 1010.2, told=True, addressed=1, put_on=0, unknown=1)
    of_second = made(EventKind.ANNOUNCEMENT, 1030.1, told=True, addressed=2, put_on=1, unknown=0)
    of_withheld = made(EventKind.ANNOUNCEMENT, 1050.1, told=False, addressed=3, put_on=1, unknown=0)
    store.add([first, second, silent, quiet, withheld, of_first, of_second, of_withheld])
    assert outcome_of(store, first) == of_first
    assert outcome_of(store, second) == of_second
    assert outcome_of(store, withheld) == of_withheld
    assert outcome_of(store, silent) is None
    assert outcome_of(store, quiet) is None
    store.close()


def test_a_walk_meets_all_events_once(tmp_path, monkeypatch):
    monkeypatch.setattr("maskwatch.events.timeline.CHUNK", 7)
    store = EventStore.in_folder(tmp_path)
    at_once = [passed(at_hour(DAY, 12)) for _ in range(20)]  # more than are read at a time
    events = [*a_day(DAY), *at_once]
    store.add(events)
    found = list(walk(store, EventFilter()))
    assert Counter(event.id for event in found) == Counter(event.id for event in events)
    store.close()


def test_the_table_has_a_column_for_all_that_any_event_tells():
    known = set(COLUMNS)
    for event in a_day(DAY):
        assert set(event.data) <= known


def test_the_table_says_what_the_events_say_and_computes_nothing():
    alert = Event(
        "0" * 32,
        EventKind.ALERT,
        at_hour(DAY, 10),
        "정문 3층",
        at_hour(DAY, 10) + 90.25,
        {
            "say": '=HYPERLINK("http://x","마스크")',
            "protected_ratio": 1 / 3,
            "delivered": True,
            "quiet": False,
            "people": -1,
        }
        | {"sinks": {"voice": "delivered", "mqtt": "kept"}},
        "main",
    )
    text = "".join(csv_lines([alert]))
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    assert row["camera"] == "정문 3층"
    assert row["seconds"] == "90.2"
    assert row["say"] == '\'=HYPERLINK("http://x","마스크")'
    assert (row["delivered"], row["quiet"], row["level"]) == ("yes", "no", "")
    assert row["people"] == "-1"
    assert row["protected_ratio"] == "0.333333"
    assert row["sinks"] == "voice: delivered, mqtt: kept"
    assert row["time"].startswith("2026-11-25T10:00:00.000")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_as_a_formula(sign):
    event = made(EventKind.OUTAGE, 0.0, reason=f"{sign}1+1")
    rows = list(csv.reader(csv_lines([event])))
    assert rows[1][COLUMNS.index("reason")].startswith("'")
