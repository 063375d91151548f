"""The recorder: nothing waits for it, nothing ends with it, and what it cannot store now it stores later."""

import logging
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from harness.folders import exchange
from harness.mounts import tmpfs
from harness.waiting import until

from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.events import recorder as recorder_module
from maskwatch.events import sqlite as sqlite_module
from maskwatch.events.recorder import ALIVE, Recorder
from maskwatch.events.retention import Retention
from maskwatch.events.store import FILE, EventFilter, EventStore
from maskwatch.pipeline.status_board import Board

KINDS = EventFilter(kinds=set(EventKind) - {EventKind.SERVICE})


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(recorder_module, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(recorder_module, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(sqlite_module, "BUSY_S", 0.1)


def event(kind=EventKind.PASSAGE, *, its_id=None, at=None, **fields):
    return Event(its_id or uuid4().hex, kind, time.time() if at is None else at, "door", **fields)


def make(folder, board, **options):
    def crash(error):
        raise AssertionError from error

    return Recorder(Retention(folder, 90, 100), "north", board, options.pop("on_crash", crash), **options)


def stored(folder, wanted=KINDS):
    store = EventStore.in_folder(folder)
    found = store.find(wanted, limit=100_000)
    store.close()
    return found


def is_well(board, waiting=0):
    events = board.snapshot().events
    return events is not None and events.problem is None and events.waiting == waiting


def noticed(board):
    return [text for about, text in board.snapshot().notices.items() if about == "events"]


def problem(board):
    events = board.snapshot().events
    return None if events is None else events.problem


def test_what_is_recorded_is_stored_with_the_sites_name_and_counted(tmp_path, board):
    events = [event() for _ in range(30)]
    with make(tmp_path, board) as recorder:
        for each in events:
            recorder.record(each)
        until(lambda: board.snapshot().events and board.snapshot().events.stored == 30)
        assert is_well(board)
    found = stored(tmp_path)
    assert {each.id for each in found} == {each.id for each in events}
    assert {each.site for each in found} == {"north"}


def test_all_that_waits_at_the_end_is_stored(tmp_path, board):
    with make(tmp_path, board) as recorder:
        for _ in range(3000):
            recorder.record(event())
    assert len(stored(tmp_path)) == 3000


def test_of_an_event_that_changes_the_last_state_is_stored(tmp_path, board):
    alert = event(EventKind.ALERT)
    with make(tmp_path, board) as recorder:
        for ended_at in (None, 3.0, 4.0):
            recorder.record(event(EventKind.ALERT, its_id=alert.id, ended_at=ended_at))
    assert [each.ended_at for each in stored(tmp_path)] == [4.0]


def test_one_that_changes_while_it_is_being_stored_is_stored_again(tmp_path, board, monkeypatch):
    under_way, go_on = threading.Event(), threading.Event()
    whole = EventStore.add

    def slow(store, events):
        if any(each.kind is EventKind.ALERT for each in events):
            under_way.set()
            assert go_on.wait(20)
        whole(store, events)

    monkeypatch.setattr(EventStore, "add", slow)
    with make(tmp_path, board) as recorder:
        recorder.record(event(EventKind.ALERT, its_id="a" * 32))
        assert under_way.wait(20)
        recorder.record(event(EventKind.ALERT, its_id="a" * 32, ended_at=9.0))
        go_on.set()
    assert [each.ended_at for each in stored(tmp_path)] == [9.0]


@pytest.mark.logs_errors
def test_recording_waits_for_no_disk_and_what_has_no_room_is_counted_as_lost(
    tmp_path, board, monkeypatch, caplog
):
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 50)
    held = threading.Event()
    whole = EventStore.in_folder

    def hangs(folder):
        assert held.wait(20)
        return whole(folder)

    monkeypatch.setattr(EventStore, "in_folder", hangs)
    with make(tmp_path, board) as recorder:
        known = event(EventKind.ALERT)
        recorder.record(known)
        for _ in range(100):
            recorder.record(event())
        recorder.record(event(EventKind.ALERT, its_id=known.id, ended_at=2.0))  # one that waits may change
        held.set()
        until(lambda: board.snapshot().events and board.snapshot().events.stored == 50)
    assert board.snapshot().events.lost == 51
    monkeypatch.undo()
    assert len(stored(tmp_path)) == 50
    assert stored(tmp_path, EventFilter(kinds=[EventKind.ALERT]))[0].ended_at == 2.0
    assert sum("no more can wait" in record.message for record in caplog.records) == 1


@contextmanager
def locked(folder):
    writer = sqlite3.connect(folder / FILE)
    writer.execute("BEGIN EXCLUSIVE")
    yield
    writer.close()


@contextmanager
def in_the_way(folder):
    """A file where the folder was."""
    aside = folder.with_name("aside")
    aside.write_text("in the way")
    exchange(folder, aside)
    yield
    exchange(folder, aside)


@contextmanager
def full(folder):
    with (folder / "filler").open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    yield
    (folder / "filler").unlink()


@pytest.mark.logs_errors
@pytest.mark.parametrize("fault", [locked, in_the_way, full])
def test_what_breaks_the_disk_ends_nothing_is_told_once_and_nothing_is_lost(tmp_path, board, fault, caplog):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "events"
    with tmpfs(folder, 8) as disk:
        if fault is full and disk is None:
            pytest.skip("a file system can be mounted by root alone, and not in every container")
        if fault is in_the_way and disk is not None:
            folder = folder / "deeper"  # a mount cannot be renamed
        events = [event() for _ in range(400)]
        with make(folder, board) as recorder:
            recorder.record(events[0])
            until(lambda: is_well(board) and board.snapshot().events.stored == 1)
            with fault(folder):
                for each in events[1:200]:
                    recorder.record(each)
                until(lambda: problem(board) is not None)
                for each in events[200:]:
                    recorder.record(each)
                told = board.snapshot()
                assert told.events.waiting >= 199
                assert len(noticed(board)) == 1
                assert told.events.lost == 0
            until(lambda: is_well(board))
            assert noticed(board) == []
        assert {each.id for each in stored(folder)} == {each.id for each in events}
    said = [record.message for record in caplog.records if record.name == recorder_module.__name__]
    assert sum("further events wait in memory" in line for line in said) == 1
    assert sum("are stored again" in line for line in said) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.logs_errors
def test_a_folder_without_rights_is_told_and_works_when_it_has_them(tmp_path, board):
    folder = tmp_path / "events"
    folder.mkdir(mode=0o500)
    with make(folder, board) as recorder:
        recorder.record(event())
        until(lambda: problem(board) is not None)
        folder.chmod(0o700)
        until(lambda: is_well(board))
    assert len(stored(folder)) == 1


@pytest.mark.logs_errors
@pytest.mark.parametrize("when", ["at the start", "under way"])
def test_a_damaged_database_is_put_aside_and_a_new_one_begun(tmp_path, board, when, caplog):
    path = tmp_path / FILE

    def damage():
        for each in tmp_path.iterdir():
            each.unlink()
        (tmp_path / "other").write_bytes(b"what is this" * 1000)
        (tmp_path / "other").rename(path)

    if when == "at the start":
        damage()
    with make(tmp_path, board) as recorder:
        if when == "under way":
            recorder.record(event())
            until(lambda: is_well(board) and board.snapshot().events.stored == 1)
            damage()
        new = event()
        recorder.record(new)
        until(lambda: new.id in {each.id for each in found(tmp_path)})
    aside = [each for each in tmp_path.glob(f"{FILE}.damaged-*") if each.read_bytes()[:4] == b"what"]
    assert len(aside) == 1
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert aside[0].name in errors[0]


def found(folder):
    try:
        return stored(folder)
    except EventError:
        return []


def test_a_database_that_is_removed_is_made_again(tmp_path, board):
    with make(tmp_path, board) as recorder:
        recorder.record(event())
        until(lambda: is_well(board) and board.snapshot().events.stored == 1)
        for path in list(tmp_path.iterdir()):
            path.unlink()
        new = event()
        recorder.record(new)
        until(lambda: board.snapshot().events.stored == 2)
    assert [each.id for each in stored(tmp_path)] == [new.id]


def crashed(folder, alive_at, *events):
    """What a service that was killed leaves."""
    store = EventStore.in_folder(folder)
    store.add(events)
    store.set_note(ALIVE, alive_at)
    store.close()


def test_what_a_killed_service_left_open_is_closed_when_it_is_known_to_have_lived(tmp_path, board):
    now = time.time()
    alert = event(EventKind.ALERT, at=now - 500, data={"delivered": True})
    outage = event(EventKind.OUTAGE, at=now - 90)
    over = event(EventKind.ALERT, at=now - 400, ended_at=now - 300)
    crashed(tmp_path, now - 100, alert, outage, over)
    with make(tmp_path, board) as recorder:
        until(lambda: is_well(board))
        recorder.record(event(EventKind.OUTAGE, at=now))
    closed = {each.id: each for each in stored(tmp_path, EventFilter())}
    assert (closed[alert.id].ended_at, closed[outage.id].ended_at) == (now - 90, now - 90)
    assert closed[alert.id].data == {"delivered": True, "cut_off": True}
    assert closed[over.id] == over
    (stop,) = [each for each in closed.values() if each.kind is EventKind.SERVICE]
    assert (stop.at, stop.data["state"], stop.data["cut_off"]) == (now - 90, "stopped", True)
    assert [each.kind for each in closed.values() if each.ended_at is None and each.at == now] == [
        EventKind.OUTAGE
    ]


def test_what_the_console_wrote_later_is_no_sign_that_the_service_lived(tmp_path, board):
    now = time.time()
    alert = event(EventKind.ALERT, at=now - 500)
    crashed(tmp_path, now - 400, alert, event(EventKind.ACCESS, at=now - 10))
    with make(tmp_path, board):
        until(lambda: is_well(board))
    assert stored(tmp_path, EventFilter(kinds=[EventKind.ALERT]))[0].ended_at == now - 400


def test_after_an_orderly_end_nothing_is_said_to_be_cut_off(tmp_path, board):
    for _ in range(2):
        with make(tmp_path, board):
            until(lambda: is_well(board))
    assert stored(tmp_path, EventFilter()) == []


@pytest.mark.logs_errors
def test_after_a_crash_the_whole_database_is_looked_through(tmp_path, board):
    crashed(tmp_path, time.time(), *(event(data={"say": "x" * 500}) for _ in range(500)))
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(4096 * 40)
        file.write(os.urandom(4096 * 4))
    new = event()
    with make(tmp_path, board) as recorder:
        recorder.record(new)
    assert [each.id for each in stored(tmp_path)] == [new.id]
    assert list(tmp_path.glob(f"{FILE}.damaged-*"))


@pytest.mark.logs_errors
def test_what_could_not_be_stored_by_the_one_before_is_stored_by_its_successor(tmp_path, board, caplog):
    folder = tmp_path / "events"
    folder.write_text("in the way")
    events = [event() for _ in range(20)]
    first = make(folder, board)
    with first:
        for each in events:
            first.record(each)
        until(lambda: problem(board) is not None)
        second = make(folder, board, before=first)
        first.will_be_followed()
    folder.unlink()
    with second:
        until(lambda: is_well(board))
    assert {each.id for each in stored(folder, EventFilter())} == {each.id for each in events}
    assert "could not be stored" not in caplog.text


@pytest.mark.logs_errors
def test_what_is_lost_with_the_end_is_told(tmp_path, board, caplog):
    folder = tmp_path / "events"
    folder.write_text("in the way")
    with make(folder, board) as recorder:
        recorder.record(event())
        until(lambda: problem(board) is not None)
    assert "1 event could not be stored" in caplog.text


def test_the_limits_are_kept_to_while_events_come(tmp_path, board, monkeypatch):
    monkeypatch.setattr(recorder_module, "TIDY_S", 0.0)
    store = EventStore.in_folder(tmp_path)
    store.add([event(at=time.time() - 100 * 86_400) for _ in range(1200)])
    store.close()
    with make(tmp_path, board) as recorder:
        end = time.monotonic() + 20
        while len(stored(tmp_path)) > 600 and time.monotonic() < end:
            recorder.record(event())
            time.sleep(0.05)
    assert all(each.at > time.time() - 90 * 86_400 for each in stored(tmp_path))


def test_a_fault_of_our_own_ends_the_service_with_its_reason(tmp_path, board, monkeypatch):
    crashes = []

    def broken(*_):
        raise KeyError("ours")

    monkeypatch.setattr(Retention, "step", broken)
    with make(tmp_path, board, on_crash=crashes.append):
        until(lambda: crashes)
    assert isinstance(crashes[0], KeyError)


def test_two_services_in_one_folder_store_all_and_leave_the_others_alerts_alone(tmp_path, board, caplog):
    with make(tmp_path, board) as first:
        alert = event(EventKind.ALERT)
        first.record(alert)
        until(lambda: is_well(board) and board.snapshot().events.stored == 1)
        other = Board(["yard"])
        with make(tmp_path, other) as second:
            second.record(event())
            until(lambda: is_well(other) and other.snapshot().events.stored == 1)
    found = stored(tmp_path, EventFilter())
    assert len(found) == 2
    assert all(each.ended_at is None for each in found)
    assert "another service keeps its events there" in caplog.text
