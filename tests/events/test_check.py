"""`maskwatch check` says whether events can be stored."""

import pytest

from maskwatch.cli import check as checks
from maskwatch.config import load as configuration
from maskwatch.core.errors import EventError
from maskwatch.events.store import EventFilter, EventStore


def found(tmp_path, text=""):
    """What each row about events says, by its name."""
    settings = configuration.parse(
        f"cameras: {{door: {{source: 'usb:0'}}}}\nevents: {{dir: '{tmp_path}/events', {text}}}", "test", {}
    )
    return {
        name: look
        for name, look in checks.rows(tmp_path / "c.yaml", settings, checks.Visit(settings), speak=False)
        if "events" in name
    }


def test_a_folder_that_can_be_written_is_well_and_nothing_is_left_there(tmp_path):
    rows = found(tmp_path)
    assert list(rows) == ["events"]
    assert rows["events"]() == f"{tmp_path}/events/events.db: writable, 0 events"
    store = EventStore.in_folder(tmp_path / "events")
    assert store.count(EventFilter()) == 0
    store.close()


def test_one_that_cannot_be_is_told_with_its_name(tmp_path):
    (tmp_path / "events").write_text("in the way")
    with pytest.raises(EventError, match=f"{tmp_path}/events"):
        found(tmp_path)["events"]()


def test_where_none_are_kept_nothing_is_made(tmp_path):
    rows = found(tmp_path, "enabled: false, url: 'postgresql://me:pa55@127.0.0.1:1/x'")
    assert [look() for look in rows.values()] == ["turned off"]
    assert not (tmp_path / "events").exists()


def test_a_server_that_does_not_answer_is_told_without_the_password(tmp_path):
    rows = found(tmp_path, "url: 'postgresql://me:pa55@127.0.0.1:1/x'")
    assert rows["events"]()
    with pytest.raises(EventError, match="refused") as raised:
        rows["shared events"]()
    assert "pa55" not in str(raised.value)


def test_of_a_servers_error_the_first_sentence_alone_is_told(tmp_path):
    rows = found(tmp_path, "url: 'postgresql://me:pa55@127.0.0.1:1/x'")
    with pytest.raises(EventError, match=r"Connection refused$"):  # libpq asks whether the server is running
        rows["shared events"]()


def store_row(tmp_path, more=""):
    settings = configuration.parse(
        f"console: {{store: 'postgresql://me:pa55@127.0.0.1:1/x' {more}}}\nevents: {{dir: '{tmp_path}/events'}}",
        "test",
        {},
    )
    visit = checks.Visit(settings)
    return dict(checks.rows(tmp_path / "c.yaml", settings, visit, speak=False)).get("console store")


def test_the_store_whose_sites_the_console_shows_is_asked_too(tmp_path):
    with pytest.raises(EventError, match=r"Connection refused$") as raised:
        store_row(tmp_path)()
    assert "pa55" not in str(raised.value)
    assert store_row(tmp_path, ", enabled: false") is None
