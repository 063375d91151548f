"""The limits: what is too old or too much goes, a step at a time, and the file gets smaller."""

import os
from uuid import uuid4

import pytest

from maskwatch.core.events import Event, EventKind
from maskwatch.events.media import Media
from maskwatch.events.retention import DAY_S, OVERHEAD_BYTES, STEP, Retention, used_bytes
from maskwatch.events.sqlite import put_aside
from maskwatch.events.store import EventFilter, EventStore

NOW = 1_790_000_000.0


def fill(store, number, *, days_ago=0.0, kind=EventKind.PASSAGE, size=100):
    events = [
        Event(uuid4().hex, kind, NOW - days_ago * DAY_S - n, "door", data={"say": "x" * size})
        for n in range(number)
    ]
    store.add(events)
    return events


def tidy(retention, store):
    """Gives how many steps it took."""
    steps = 1
    while retention.step(store, NOW):
        steps += 1
        assert steps < 1000
    return steps


@pytest.fixture
def store(tmp_path):
    store = EventStore.in_folder(tmp_path)
    yield store
    store.close()


def test_what_is_too_old_goes_in_small_steps_with_its_pictures_but_for_what_goes_on(store, tmp_path):
    old = fill(store, 3 * STEP, days_ago=31)
    goes_on = fill(store, 1, days_ago=40, kind=EventKind.OUTAGE)
    young = fill(store, 20, days_ago=29)
    media = Media(tmp_path)
    paths = [path(each.id) for each in (old[0], young[0]) for path in (media.still, media.clip)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"picture")
    assert tidy(Retention(tmp_path, 30, 100), store) > 3
    left = {each.id for each in store.find(EventFilter(), limit=99)}
    assert left == {each.id for each in (*goes_on, *young)}
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_a_database_that_is_too_large_gives_up_the_oldest_and_shrinks(store, tmp_path):
    events = fill(store, 20_000, size=1000)
    goes_on = fill(store, 1, days_ago=50, kind=EventKind.ALERT)
    before = store.path.stat().st_size
    assert before > 20e6
    tidy(Retention(tmp_path, 90, 15), store)
    store.set_note("alive", 1.0)  # as the service does again and again; the journal is cut down with it
    whole = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert whole <= 15e6
    left = store.count(EventFilter())
    assert used_bytes(store) > 15e6 - OVERHEAD_BYTES - 2e6  # and no more than needed goes
    assert [each.id for each in store.find(EventFilter(), limit=left)] == [
        *(each.id for each in events[: left - 1]),
        goes_on[0].id,
    ]
    store.check()


def test_within_the_limits_nothing_goes(store, tmp_path):
    fill(store, 50, days_ago=1)
    assert tidy(Retention(tmp_path, 30, 100), store) == 1
    assert store.count(EventFilter()) == 50


def test_a_database_that_was_put_aside_goes_when_it_is_old(store, tmp_path):
    fill(store, 1)
    aside = put_aside(store.path)
    fill(store, 1)
    retention = Retention(tmp_path, 30, 100)
    os.utime(aside, (NOW - 29 * DAY_S,) * 2)
    tidy(retention, store)
    assert aside.exists()
    os.utime(aside, (NOW - 31 * DAY_S,) * 2)
    tidy(retention, store)
    assert not aside.exists()


def test_a_reader_that_stays_holds_nothing_up(store, tmp_path):
    fill(store, 10 * STEP, days_ago=31, size=1000)
    with EventStore.in_folder(tmp_path).engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        assert len(reader.exec_driver_sql("SELECT id FROM events LIMIT 5").fetchall()) == 5
        assert tidy(Retention(tmp_path, 30, 100), store) < 50
    assert store.count(EventFilter()) == 0
