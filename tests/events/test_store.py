"""The database of events: what goes in comes out, by whatever is asked, and no text holds a password."""

import math
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy.event import listen

from maskwatch.core.errors import ConfigError, EventError, EventsDamaged
from maskwatch.core.events import Event, EventKind
from maskwatch.events import sqlite as sqlite_module
from maskwatch.events.erase import rename_users
from maskwatch.events.store import FILE, Copy, EventFilter, EventStore


def event(at, kind=EventKind.PASSAGE, camera="door", *, its_id=None, **fields):
    return Event(its_id or uuid4().hex, kind, at, camera, **fields)


@pytest.fixture
def store(tmp_path):
    store = EventStore.in_folder(tmp_path / "events")
    yield store
    store.close()


def ids(events):
    return [each.id for each in events]


def test_an_event_comes_back_as_it_was(store):
    whole = event(1.5, ended_at=2.5, data={"zones": ["hall"], "line": None, "n": 1}, site="north")
    store.add([whole, event(3.0, camera=None)])
    assert store.get(whole.id) == whole
    assert store.get("0" * 32) is None
    assert store.find(EventFilter(), limit=9)[0].camera is None


def test_the_newest_come_first_a_page_at_a_time(store):
    events = [event(float(at)) for at in range(25)]
    store.add(events)
    newest = ids(reversed(events))
    pages = [ids(store.find(EventFilter(), limit=10, offset=offset)) for offset in (0, 10, 20, 30)]
    assert pages == [newest[:10], newest[10:20], newest[20:], []]


def test_events_of_one_moment_stand_on_one_page_each(store):
    events = [event(1.0) for _ in range(30)]
    store.add(events)
    shown = [
        each for offset in (0, 10, 20) for each in ids(store.find(EventFilter(), limit=10, offset=offset))
    ]
    assert sorted(shown) == sorted(ids(events))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EventFilter(), {1, 2, 3, 4}),
        (EventFilter(since=2.0), {2, 3, 4}),
        (EventFilter(until=2.0), {1}),
        (EventFilter(since=2.0, until=3.0), {2}),
        (EventFilter(cameras=["yard"]), {3}),
        (EventFilter(cameras=["yard", "door"], kinds=[EventKind.ALERT]), {2, 3}),
        (EventFilter(kinds={EventKind.SERVICE}), {4}),
        (EventFilter(sites=["south"]), {3}),
        (EventFilter(sites=["west"]), set()),
    ],
)
def test_a_filter_finds_and_counts_the_same(store, wanted, found):
    store.add(
        [
            event(1.0, site="north"),
            event(2.0, EventKind.ALERT, site="north"),
            event(3.0, EventKind.ALERT, "yard", site="south"),
            event(4.0, EventKind.SERVICE, None, site="north"),
        ]
    )
    assert {each.at for each in store.find(wanted, limit=9)} == found
    assert store.count(wanted) == len(found)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (EventFilter(), "events_at"),
        (EventFilter(since=1.0, until=2.0), "events_at"),
        (EventFilter(cameras=["door"]), "events_camera_at"),
        (EventFilter(kinds=[EventKind.ALERT]), "events_kind_at"),
        (EventFilter(since=1.0, cameras=["door"]), "events_camera_at"),
    ],
)
def test_a_page_of_many_events_is_read_from_an_index_and_not_sorted(store, wanted, index):
    asked = []
    listen(store.engine, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    store.find(wanted, limit=100, offset=50_000)
    ((statement, values),) = [each for each in asked if "FROM events" in each[0]]
    with sqlite3.connect(store.path) as connection:
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())
    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


def test_one_that_is_stored_again_is_replaced(store):
    first = event(1.0, EventKind.ALERT, data={"delivered": None})
    store.add([first])
    later = event(1.0, EventKind.ALERT, its_id=first.id, ended_at=9.0, data={"delivered": True})
    store.add([later])
    assert store.find(EventFilter(), limit=9) == [later]


def test_all_of_a_batch_or_nothing_is_stored(store):
    wrong = Event(uuid4().hex, EventKind.PASSAGE, None, "door")
    with pytest.raises(EventError, match=FILE):
        store.add([event(1.0), wrong])
    assert store.count(EventFilter()) == 0


def test_what_no_database_takes_is_left_out_of_the_text(store):
    odd = event(1.0, data={"say": "a\0b\udc80", "ratio": math.nan, "each": [math.inf, {"n\0": 1}]})
    store.add([odd])
    assert store.get(odd.id).data == {"say": "ab?", "ratio": None, "each": [None, {"n": 1}]}


def test_a_kind_of_a_newer_release_is_left_out(store):
    known, newer = event(1.0), event(2.0)
    store.add([known, newer])
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE events SET kind = 'drone' WHERE id = ?", [newer.id])
    assert store.find(EventFilter(), limit=9) == [known]
    assert store.get(newer.id) is None


def test_the_database_is_its_users_alone(store):
    store.add([event(1.0)])
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to somebody else")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    store = EventStore.in_folder(folder)
    store.add([event(1.0)])
    assert len(list(folder.iterdir())) == 3  # with the journal
    assert {path.stat().st_uid for path in folder.iterdir()} == {65534}
    store.close()


def test_what_is_deleted_is_gone_from_the_file(store):
    store.add([event(1.0, camera="somebody's bedroom")])
    store.delete(EventFilter(), limit=9, ongoing=False)
    store.close()
    assert all(b"bedroom" not in path.read_bytes() for path in store.path.parent.iterdir())


@pytest.mark.parametrize("change", ["removed", "put aside"])
def test_a_file_that_is_gone_is_begun_anew_by_whoever_has_it_open(store, change):
    other = EventStore.in_folder(store.path.parent)
    store.add([event(1.0)])
    assert other.count(EventFilter()) == 1
    if change == "removed":
        for path in list(store.path.parent.iterdir()):
            path.unlink()
    else:
        sqlite_module.put_aside(store.path)
    new = event(2.0)
    store.add([new])
    assert ids(other.find(EventFilter(), limit=9)) == [new.id]
    other.close()


@pytest.mark.parametrize("damage", ["no database", "torn pages"])
def test_a_damaged_file_is_told_from_one_that_is_locked_or_forbidden(store, damage):
    store.add([event(float(at), data={"say": "x" * 500}) for at in range(500)])
    store.close()
    path = store.path
    if damage == "no database":
        path.write_bytes(b"what is this" * 1000)
    else:
        with path.open("r+b") as file:
            file.seek(4096 * 2)
            file.write(os.urandom(4096 * 30))
    with pytest.raises(EventsDamaged, match=FILE):
        found = EventStore.in_folder(path.parent)
        found.check()


def test_a_folder_that_cannot_be_is_an_error_with_its_name(tmp_path):
    (tmp_path / "events").write_text("in the way")
    with pytest.raises(EventError, match="events"):
        EventStore.in_folder(tmp_path / "events")


def test_a_database_that_is_locked_is_an_error_and_no_damage(store, monkeypatch):
    monkeypatch.setattr(sqlite_module, "BUSY_S", 0.1)
    waiting = EventStore.in_folder(store.path.parent)
    writer = sqlite3.connect(store.path)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(EventError, match="locked") as raised:
        waiting.add([event(1.0)])
    assert not isinstance(raised.value, EventsDamaged)
    writer.close()
    waiting.add([event(1.0)])
    waiting.close()


OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM events").fetchone()[0])
connection.close()
"""


def test_opening_it_again_takes_no_locks_away(store):
    """POSIX's locks of a process on a file go when it closes any descriptor of it: the next who closes it would take
    himself for the last one, and remove the journal that we write to."""

    def seen_by_another():
        command = [sys.executable, "-c", OTHER, store.path]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    store.add([event(1.0)])
    again = EventStore.in_folder(store.path.parent)
    assert seen_by_another() == 1
    assert store.path.with_name("events.db-wal").exists()
    store.add([event(2.0)])
    assert seen_by_another() == 2
    again.close()


def test_several_begin_one_database_at_once(tmp_path):
    barrier, stores = threading.Barrier(6), []

    def begin():
        barrier.wait()
        stores.append(EventStore.in_folder(tmp_path / "new"))
        stores[-1].add([event(1.0)])

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert stores[0].count(EventFilter()) == 6
    for each in stores:
        each.close()


def test_trying_to_write_leaves_nothing(store):
    store.try_to_write()
    assert store.count(EventFilter()) == 0


def test_only_what_goes_on_lasts(store):
    goes_on = [event(1.0, EventKind.ALERT), event(2.0, EventKind.OUTAGE)]
    over = [event(3.0, EventKind.ALERT, ended_at=4.0), event(5.0), event(6.0, EventKind.SERVICE)]
    store.add([*goes_on, *over])
    assert set(ids(store.ongoing())) == set(ids(goes_on))
    assert set(store.delete(EventFilter(), limit=9, ongoing=False)) == set(ids(over))
    assert set(store.delete(EventFilter(), limit=9, ongoing=True)) == set(ids(goes_on))


def test_the_oldest_go_first(store):
    events = [event(float(at)) for at in (5, 3, 1, 4)]
    store.add(events)
    assert store.delete(EventFilter(), limit=2, ongoing=False) != []
    assert {each.at for each in store.find(EventFilter(), limit=9)} == {4.0, 5.0}


def test_a_name_is_replaced_where_it_is_a_users_and_not_within_another_word(store, tmp_path):
    """Also where somebody else changed that user."""
    data = [
        {"user": "an", "action": "opened", "target": "/live/entrance"},
        {"user": "chief", "action": "new_password", "target": "an"},
        {"user": "chief", "action": "opened", "target": "/people"},
        {"user": "an", "keys": ["an"]},
    ]
    store.add([event(at, EventKind.ACCESS, None, data=each) for at, each in enumerate(data[:3])])
    store.add([event(3, EventKind.SETTINGS, None, data=data[3])])
    assert store.users() == {"an": 3, "chief": 2}
    assert rename_users(tmp_path / "events", {"an": "person-1"}) == 3
    assert store.users() == {"person-1": 3, "chief": 2}
    found = [dict(each.data) for each in store.find(EventFilter(), limit=9)][::-1]
    assert found == [
        {"user": "person-1", "action": "opened", "target": "/live/entrance"},
        {"user": "chief", "action": "new_password", "target": "person-1"},
        data[2],
        {"user": "person-1", "keys": ["an"]},
    ]


def test_what_changed_after_it_was_read_is_copied_again(store):
    first, second = event(1.0, EventKind.ALERT), event(2.0)
    store.add([first, second])
    copies = store.uncopied(9)
    assert ids(each.event for each in copies) == [first.id, second.id]
    ended = event(1.0, EventKind.ALERT, its_id=first.id, ended_at=3.0)
    store.add([ended])  # while they are on their way
    store.note_copied(copies)
    assert [each.event for each in store.uncopied(9)] == [ended]
    assert store.count_uncopied() == 1


def test_versions_grow_though_the_clock_is_set_back(store, monkeypatch):
    import time

    one = event(1.0)
    store.add([one])
    (before,) = store.uncopied(9)
    other = EventStore.in_folder(store.path.parent)
    monkeypatch.setattr(time, "time_ns", lambda: 10)
    other.add([one])
    (after,) = store.uncopied(9)
    assert after.version > before.version
    other.close()


def test_of_two_copies_the_newer_stays_in_whatever_order_they_come(store):
    old = event(1.0, EventKind.ALERT)
    new = event(1.0, EventKind.ALERT, its_id=old.id, ended_at=2.0)
    for copies in ([Copy(new, 7), Copy(old, 5)], [Copy(old, 5)], [Copy(new, 7)]):
        store.copy_in(copies)
        assert store.find(EventFilter(), limit=9) == [new]


@pytest.mark.parametrize("url", ["postgresql://me:pa55@host:door/x", "postgresql://me:pa55@[::/x"])
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(ConfigError, match=r"events\.url: must be") as raised:
        EventStore.shared(SecretStr(url), "north")
    assert "pa55" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_without_psycopg_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("maskwatch.events.postgres.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"maskwatch\[postgres\]"):
        EventStore.shared(SecretStr("postgresql://host/x"), "north")
