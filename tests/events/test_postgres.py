"""A real PostgreSQL server: several services write into it, whatever happens to it, and each event is there once."""

import contextlib
import logging
import re
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from harness.postgres import Postgres
from harness.service import hits
from harness.waiting import until
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from maskwatch.cli import events as commands
from maskwatch.cli.check import machine
from maskwatch.console.settings import ConsoleSettings
from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.events import forwarder as forwarder_module
from maskwatch.events import postgres as postgres_module
from maskwatch.events.erase import erase_shared, rename_users
from maskwatch.events.forwarder import Forwarder, check
from maskwatch.events.sites import SiteState, sites_of
from maskwatch.events.store import EventFilter, EventStore

WRITING = Path(__file__).parent / "writing.py"
OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"
SITES = ("north", "south", "west")
LONG_S = 120


@pytest.fixture(scope="module")
def server():
    with Postgres() as running:
        yield running


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(forwarder_module, "POLL_S", 0.05)
    monkeypatch.setattr(forwarder_module, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(forwarder_module, "LONGEST_PAUSE_S", 0.2)


@pytest.fixture
def clean(server):
    server.execute("DROP TABLE IF EXISTS events, sites")
    return server


def event(**fields):
    fields = {"kind": EventKind.PASSAGE, "at": time.time(), "camera": "door", "site": "north"} | fields
    return Event(uuid4().hex, **fields)


def crash(error):
    raise AssertionError from error


@contextlib.contextmanager
def copying(folder, url, site="north"):
    with Forwarder(folder, SecretStr(url), site, crash) as forwarder:
        yield forwarder


@contextlib.contextmanager
def shared(url, site="reader"):
    store = EventStore.shared(SecretStr(url), site)
    yield store
    store.close()


def test_three_services_write_into_one_store_that_is_killed_and_nothing_is_lost_and_nothing_there_twice(
    clean, tmp_path
):
    number = 1500
    children = [
        subprocess.Popen(
            [sys.executable, str(WRITING), str(tmp_path / site), site, str(number), clean.url],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        for site in SITES
    ]
    try:
        for kills in (1, 2, 3):
            until(lambda least=300 * kills: _count(clean) >= least, LONG_S)
            clean.kill()
            time.sleep(0.5)
            clean.start()
        said = []
        for child in children:
            lines = []
            while not lines or lines[-1] != "copied\n":
                lines.append(child.stdout.readline())
                assert lines[-1], "it ended"
            said.append({line.strip() for line in lines} - {"ready", "copied"})
    finally:
        for child in children:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
    with shared(clean.url) as store:
        for site, acknowledged in zip(SITES, said, strict=True):
            found = store.find(EventFilter(sites=[site]), limit=10 * number)
            assert len(acknowledged) == number
            assert {each.id for each in found} == acknowledged
            assert len(found) == number
            assert all(each.ended_at == each.at + 1 for each in found)  # each as it was last
        assert store.count(EventFilter()) == 3 * number


def _count(server):
    if not server.has_events():
        return 0
    return server.execute("SELECT count(*) FROM events")[0][0]


@pytest.mark.logs_errors
def test_a_server_that_is_away_is_told_once_and_gets_all_when_it_is_back(clean, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    own = EventStore.in_folder(tmp_path)
    clean.kill()
    with copying(tmp_path, clean.url) as forwarder:
        until(lambda: forwarder.problem is not None)
        own.add([event() for _ in range(500)])
        until(lambda: forwarder.waiting == 500)
        assert "refused" in forwarder.problem
        clean.start()
        until(lambda: forwarder.problem is None and forwarder.waiting == 0)
        with shared(clean.url) as store:
            assert store.count(EventFilter()) == 500
    assert own.count_uncopied() == 0
    own.close()
    said = [record.message for record in caplog.records]
    assert sum("are not copied" in line for line in said) == 1
    assert sum("are copied to the shared database again" in line for line in said) == 1


def test_what_changes_is_copied_again_and_what_is_deleted_here_stays_there(clean, tmp_path):
    own = EventStore.in_folder(tmp_path)
    alert = event(kind=EventKind.ALERT)
    own.add([alert])
    with copying(tmp_path, clean.url), shared(clean.url) as store:
        until(lambda: _count(clean) == 1)
        ended = Event(alert.id, alert.kind, alert.at, "door", alert.at + 5, {"delivered": True}, "north")
        own.add([ended])
        until(lambda: store.get(alert.id) == ended)
        own.delete(EventFilter(), limit=9, ongoing=True)
        own.add([event()])
        until(lambda: _count(clean) == 2)
    own.close()


def test_copies_that_come_twice_and_in_any_order_are_one_event(clean, tmp_path):
    check(SecretStr(clean.url), "north")
    own = EventStore.in_folder(tmp_path)
    alert = event(kind=EventKind.ALERT)
    own.add([alert])
    old = own.uncopied(9)
    own.add([Event(alert.id, alert.kind, alert.at, "door", alert.at + 5, {}, "north")])
    new = own.uncopied(9)
    own.close()
    with shared(clean.url) as store:
        for copies in (new, old, new, old):
            store.copy_in(copies)
        assert store.find(EventFilter(), limit=9) == [new[0].event]


def test_what_the_service_said_last_is_copied_before_it_ends(clean, tmp_path):
    own = EventStore.in_folder(tmp_path)
    with copying(tmp_path, clean.url) as forwarder:
        until(lambda: forwarder._announced_s is not None)
        own.add([event()])
    own.close()
    assert _count(clean) == 1


def test_two_services_of_one_name_are_told_so_and_copy_on(clean, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(forwarder_module, "HEARTBEAT_S", 0.1)
    folders = [tmp_path / name for name in ("one", "two")]
    stores = [EventStore.in_folder(folder) for folder in folders]
    with copying(folders[0], clean.url) as first:
        with copying(folders[1], clean.url) as second:
            until(lambda: first.problem is not None and second.problem is not None)
            assert "another service writes as 'north' too" in first.problem
            for own in stores:
                own.add([event() for _ in range(10)])
            until(lambda: _count(clean) == 20)
        with copying(tmp_path / "three", clean.url, "south") as other:
            until(lambda: other._announced_s is not None)
            assert other.problem is None
        monkeypatch.setattr(postgres_module, "HEARTBEAT_TIMEOUT_S", 0)  # the second one is gone for long
        until(lambda: first.problem is None)
    for own in stores:
        own.close()
    assert sum("give each a name of its own" in record.message for record in caplog.records) == 2


def test_a_service_that_starts_again_is_no_other(clean, tmp_path):
    for _ in range(2):
        with copying(tmp_path, clean.url) as forwarder:
            until(lambda: forwarder._announced_s is not None)
            assert forwarder.problem is None
    for path in tmp_path.iterdir():  # and one that began a new database while it ran
        path.unlink()
    assert len(clean.execute("SELECT * FROM sites")) == 1


@pytest.mark.logs_errors
def test_a_wrong_password_is_told_without_it(clean, tmp_path, caplog):
    secret = "wr0ng/pa55"
    with copying(tmp_path, clean.url_of("keeper", secret)) as forwarder:
        until(lambda: forwarder.problem is not None)
        assert "password authentication failed" in forwarder.problem
        told = forwarder.problem
    with pytest.raises(EventError, match="password authentication failed") as raised:
        check(SecretStr(clean.url_of("keeper", secret)), "north")
    assert secret not in f"{told}{caplog.text}{raised.value}{raised.value.__cause__}"
    assert hits(secret, tmp_path) == []


def test_a_role_as_the_manual_has_it_may_write_and_nothing_else(clean, tmp_path):
    """The statements of docs/operations.md, word for word."""
    told = re.search(r"```sql\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)[1]
    clean.execute("DROP ROLE IF EXISTS maskwatch")
    clean.execute(told.replace("PASSWORD 'CHANGE ME'", "PASSWORD 'a-b'"))
    url = clean.url_of("maskwatch", "a-b")
    own = EventStore.in_folder(tmp_path)
    own.add([event() for _ in range(3)])
    try:
        assert "writable, 0 events" in check(SecretStr(url), "north")
        with copying(tmp_path, url) as forwarder:
            until(lambda: _count(clean) == 3)
            assert forwarder.problem is None
        with shared(url) as store, pytest.raises(EventError, match="permission denied"):
            store.delete(EventFilter(), limit=9, ongoing=True)
        # what it would make itself is the same
        made = _columns(clean)
        clean.execute("DROP TABLE events, sites")
        check(SecretStr(clean.url), "north")
        assert _columns(clean) == made
    finally:
        own.close()
        clean.execute("DROP OWNED BY maskwatch; DROP ROLE maskwatch")


def _columns(server):
    columns = server.execute(
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable "
        "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    indexes = server.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    return columns, indexes


@pytest.mark.logs_errors
def test_a_role_that_may_not_write_is_refused_by_name(clean):
    check(SecretStr(clean.url), "north")
    clean.execute("CREATE ROLE guest LOGIN PASSWORD 'a-b'")
    try:
        with pytest.raises(EventError, match="permission denied for table events"):
            check(SecretStr(clean.url_of("guest", "a-b")), "north")
    finally:
        clean.execute("DROP ROLE guest")


def test_several_services_make_the_tables_at_once(clean, tmp_path):
    with contextlib.ExitStack() as stack:
        ones = [stack.enter_context(copying(tmp_path / str(n), clean.url, f"site {n}")) for n in range(5)]
        until(lambda: all(one._announced_s is not None for one in ones))
        assert [one.problem for one in ones] == [None] * 5


def test_tables_that_are_there_are_not_waited_for_behind_who_makes_some(clean):
    """Thousands of services come back at once; one that hung while it held the lock would keep all others out."""
    check(SecretStr(clean.url), "north")
    with shared(clean.url) as other, other.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": postgres_module.LOCK_ID})
        with shared(clean.url) as store:
            postgres_module.create_tables(store.engine)


@pytest.mark.logs_errors
def test_more_services_than_the_server_takes_connections_have_their_turn(clean, tmp_path, monkeypatch):
    monkeypatch.setattr(forwarder_module, "IDLE_S", 0.1)
    check(SecretStr(clean.url), "north")
    clean.execute(
        "CREATE ROLE few LOGIN PASSWORD 'a-b' CONNECTION LIMIT 2; GRANT ALL ON events, sites TO few"
    )
    stores = [EventStore.in_folder(tmp_path / str(n)) for n in range(6)]
    try:
        for own in stores:
            own.add([event() for _ in range(10)])
        with contextlib.ExitStack() as stack:
            for n in range(len(stores)):
                url = clean.url_of("few", "a-b")
                stack.enter_context(copying(tmp_path / str(n), url, f"site {n}"))
            until(lambda: _count(clean) == 60, LONG_S)
    finally:
        for own in stores:
            own.close()
        clean.execute("DROP OWNED BY few; DROP ROLE few")


def test_a_check_counts_what_is_the_sites_own(clean):
    with shared(clean.url) as store:
        check(SecretStr(clean.url), "north")
        store.add([event(site="south"), event(site="north"), event(site="south")])
    assert check(SecretStr(clean.url), "north").endswith("writable, 1 event of north")


@pytest.mark.logs_errors
def test_a_server_that_freezes_is_told_and_gets_all_when_it_goes_on(clean, tmp_path, monkeypatch):
    """Stopped whole, with its children: connections stay open and nobody answers."""
    monkeypatch.setattr(forwarder_module, "ATTEMPT_TIMEOUT_S", 2)
    own = EventStore.in_folder(tmp_path)
    own.add([event()])
    with copying(tmp_path, clean.url) as forwarder:
        until(lambda: _count(clean) == 1)
        with clean.frozen():
            own.add([event()])
            until(lambda: forwarder.problem == "the server does not answer")
        until(lambda: _count(clean) == 2 and forwarder.problem is None)
    own.close()


def test_erasing_takes_a_sites_copies_of_a_camera_and_days_and_a_persons_name_follows_by_itself(
    clean, tmp_path
):
    own = EventStore.in_folder(tmp_path)
    own.add([event(at=1000.0), event(at=5000.0), event(at=1000.0, camera="yard")])
    own.add([event(kind=EventKind.ACCESS, camera=None, data={"user": "Kim Nari", "target": "/"})])
    with copying(tmp_path, clean.url), shared(clean.url) as store:
        until(lambda: own.count_uncopied() == 0)
        store.add([event(at=1000.0, site="south")])
        assert rename_users(tmp_path, {"Kim Nari": "person-1"}) == 1
        until(lambda: store.users() == {"person-1": 1}, LONG_S)
        wanted = EventFilter(until=2000.0, cameras=["door"])
        assert erase_shared(SecretStr(clean.url), "north", wanted) == 1
        left = store.find(EventFilter(kinds=[EventKind.PASSAGE]), limit=9)
        assert sorted((each.site, each.camera, each.at) for each in left) == [
            ("north", "door", 5000.0),
            ("north", "yard", 1000.0),
            ("south", "door", 1000.0),
        ]
    own.close()


def test_a_site_that_is_no_more_goes_with_its_events_by_a_command_of_the_owner(clean, monkeypatch):
    check(SecretStr(clean.url), "north")
    now = time.time()
    with shared(clean.url) as store:
        store.add([event(at=now - 9000 - n, site=site) for site in ("north", "south") for n in range(600)])
        store.add([event(kind=EventKind.OUTAGE, at=now - 9000, site="north")])
    clean.execute("INSERT INTO sites VALUES ('north', 'a', now() - interval '1 hour'), ('south', 'b', now())")
    monkeypatch.setenv("MASKWATCH_OWNER", clean.quoted)
    at = ["--store", clean.url.replace(clean.quoted, "{MASKWATCH_OWNER}")]

    def run(*arguments):
        done = CliRunner().invoke(commands.app, ["remove-site", *arguments, *at])
        return str(done.exception) if done.exception else done.output

    assert "its service writes still, and would come back" in run("south", "--yes")
    assert "'west' is no site of that database; it has north, south" in run("west", "--yes")
    assert "601 events would go; --yes deletes them for good" in run("north")
    assert _count(clean) == 1201
    assert "north: 601 events deleted" in run("north", "--yes")
    assert clean.execute("SELECT DISTINCT site FROM events") == [("south",)]
    assert clean.execute("SELECT site FROM sites") == [("south",)]


def test_the_indexes_of_this_release_come_into_a_store_of_before_while_events_go_on(clean, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    check(SecretStr(clean.url), "north")
    clean.execute("DROP INDEX events_lasting; DROP INDEX events_site_camera_at")
    clean.execute("CREATE INDEX events_lasting ON events (camera)")  # as one that was broken off
    clean.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_lasting'::regclass")
    with shared(clean.url) as store:
        assert postgres_module.missing_indexes(store.engine) == ["events_lasting", "events_site_camera_at"]
        store.add([event() for _ in range(100)])
        with copying(tmp_path, clean.url):
            until(lambda: not postgres_module.missing_indexes(store.engine), LONG_S)
        assert store.count(EventFilter()) == 100
    (made,) = clean.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'events_lasting'")[0]
    assert "(site) WHERE" in made


def test_a_role_that_does_not_own_the_tables_says_which_indexes_its_owner_can_make(clean, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    check(SecretStr(clean.url), "north")
    clean.execute("DROP INDEX events_site_camera_at")
    clean.execute("CREATE ROLE writer LOGIN PASSWORD 'a-b'")
    clean.execute("GRANT SELECT, INSERT, UPDATE ON events, sites TO writer")
    try:
        with copying(tmp_path, clean.url_of("writer", "a-b")) as forwarder:
            until(lambda: "lacks the indexes events_site_camera_at" in caplog.text, LONG_S)
            assert forwarder.problem is None
    finally:
        clean.execute("DROP OWNED BY writer; DROP ROLE writer")


def test_who_looks_a_shared_store_up_sees_which_site_is_heard_of_and_writes_nothing(clean):
    check(SecretStr(clean.url), "north")
    now = time.time()
    with shared(clean.url) as store:
        store.add([event(at=now - 5000, site=site) for site in SITES])
        store.add([event(kind=EventKind.OUTAGE, at=now - 900, camera="hall", site="south")])
    clean.execute(
        "INSERT INTO sites VALUES ('north', 'a', now()), ('north', 'b', now()), ('south', 'c', now()), "
        "('west', 'd', now() - interval '1 hour'), ('new', 'e', now())"
    )
    looking = EventStore.read_only(SecretStr(clean.url), "--store")
    sites = sites_of(looking, now)
    assert [(site.name, site.state) for site in sites] == [
        ("west", SiteState.SILENT),
        ("south", SiteState.OFFLINE),
        ("new", SiteState.UP),
        ("north", SiteState.UP),
    ]
    assert [site.is_shared for site in sites] == [False, False, False, True]
    assert sites[0].heard_at == pytest.approx(now - 3600, abs=60)
    assert sites[2].cameras == ()
    with pytest.raises(EventError, match="read-only transaction"):
        looking.add([event()])
    looking.close()
    told = machine.console_store(ConsoleSettings(store=SecretStr(clean.url)))
    assert told == "127.0.0.1/postgres: readable, 4 sites"
