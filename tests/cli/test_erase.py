"""`maskwatch erase` as a person uses it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import typer

from maskwatch.cli import app
from maskwatch.core.errors import ConfigError, DataError
from maskwatch.core.events import Event, EventKind
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.learning.archive import Archive

WRITTEN = Path(__file__).parent.parent / "app" / "written_by_0_1"
DAY = ("--camera", "entrance", "--day", "2026-11-26")


def command(*arguments):
    """Within this process."""
    typer.main.get_command(app)(["erase", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def folder(tmp_path):
    """What a release of before wrote, four samples of one day."""
    shutil.copytree(WRITTEN, tmp_path / "state")
    (tmp_path / "state" / "c.yaml").write_text("cameras: {entrance: {source: 'usb:0'}}\n")
    return tmp_path / "state"


def test_tells_what_would_go_and_with_yes_deletes_it(maskwatch, folder):
    config = ("-c", folder / "c.yaml")
    done = maskwatch("erase", *DAY, *config)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 samples would go, picture and labels; --yes deletes them for good" in done.stdout
    assert len(list(folder.glob("queue/*/*/*.jpg"))) == 4
    done = maskwatch("erase", *DAY, *config, "--yes")
    assert done.returncode == 0
    assert "4 samples deleted" in done.stdout
    assert not list(folder.glob("queue/*/*/*"))
    assert not list(folder.glob("drift/*/*.json"))


def test_its_events_go_too_also_where_nothing_else_is_stored_and_nobody_knows_the_servers_password(
    maskwatch, folder
):
    store = EventStore.in_folder(folder / "events")
    day = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
    store.add([Event(uuid4().hex, EventKind.PASSAGE, day, camera) for camera in ("entrance", "gone", "gone")])
    store.close()
    with (folder / "c.yaml").open("a") as file:
        file.write("events: {url: 'postgresql://me:{MASKWATCH_DB_PASSWORD}@192.0.2.1/x'}\n")
    config = ("-c", folder / "c.yaml")
    done = maskwatch("erase", *DAY, *config, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 samples deleted, picture and labels, 1 event with stills and clips;" in " ".join(
        done.stdout.split()
    )
    gone = ("--camera", "gone", "--before", "2026-11-27")
    done = maskwatch("erase", *gone, *config)
    assert "0 samples would go, picture and labels; 2 events in" in done.stdout
    done = maskwatch("erase", *gone, *config, "--yes")
    assert done.returncode == 0
    store = EventStore.in_folder(folder / "events")
    assert store.count(EventFilter()) == 0
    store.close()


def test_while_a_training_runs_it_is_refused_and_nothing_is_deleted(folder):
    before = {path for path in folder.rglob("*") if path.is_file()}
    (folder / "archive").mkdir(exist_ok=True)
    with Archive(folder / "archive").alone(), pytest.raises(DataError, match="another training runs"):
        command(*DAY, "-c", folder / "c.yaml", "--yes")
    assert before <= {path for path in folder.rglob("*") if path.is_file()}
    assert list(folder.glob("drift/*/*.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--camera", "entrance"), "give either --day or --before"),
        (("--day", "2026-11-26"), "give either --camera or --person"),
        (("--person", "kim", *DAY), "give either --camera or --person"),
        (
            ("--person", "kim", "--day", "2026-11-26"),
            "--person: goes with --yes alone, and is replaced everywhere",
        ),
        (("--person", "nobody of that name"), "--person: 'nobody of that name' is found nowhere"),
        ((*DAY, "--shared"), "--shared: the configuration names no shared database (events.url)"),
        ((*DAY, "--before", "2026-11-27"), "give either --day or --before"),
        (
            ("--camera", "entrance", "--day", "yesterday"),
            "--day: must be a day like 2026-11-01, got 'yesterday'",
        ),
        (
            ("--camera", "gate", "--day", "2026-11-26"),
            "--camera: nothing is stored of 'gate' (known: entrance)",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(folder, arguments, told):
    with pytest.raises(ConfigError) as refused:
        command(*arguments, "-c", folder / "c.yaml", "--yes")
    assert str(refused.value) == told
    assert len(list(folder.glob("queue/*/*/*.jpg"))) == 4
