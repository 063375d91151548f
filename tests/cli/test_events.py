"""`maskwatch events`: lists, tables and reports, and what it says where there is nothing."""

import csv
import io
import json
from datetime import date, timedelta

import pytest
from harness.events import a_day, filled

from maskwatch.core.events import EventKind

MONDAY = date(2026, 11, 16)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    store, _ = filled(folder / "events", [MONDAY, MONDAY + timedelta(days=1)])
    store.close()
    path = folder / "config.yaml"
    path.write_text(json.dumps({"events": {"dir": str(folder / "events")}}))
    return path


def test_a_list_has_those_that_are_asked_for_as_a_table_or_as_json(maskwatch, config):
    done = maskwatch("events", "list", "-c", config, "--kind", "outage", "--until", MONDAY)
    assert done.returncode == 0, done.stderr
    assert "Offline: " in done.stdout
    assert "6 events" in done.stdout
    done = maskwatch(
        "events", "list", "-c", config, "--json", "--kind", "alert", "--limit", 5, "--camera", "hall"
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 5
    assert {(each["kind"], each["camera"]) for each in found} == {("alert", "hall")}
    assert found == sorted(found, key=lambda each: -each["at"])


def test_an_export_is_a_table_for_its_user_alone(maskwatch, config, tmp_path):
    done = maskwatch(
        "events", "export", tmp_path / "out.csv", "-c", config, "--since", MONDAY + timedelta(days=1)
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert {row["id"] for row in rows} == {event.id for event in a_day(MONDAY + timedelta(days=1))}


def test_a_report_is_a_pdf_with_pictures_only_when_asked_for(maskwatch, config, tmp_path):
    sizes = []
    for more in ([], ["--pictures"]):
        done = maskwatch("events", "report", tmp_path / "out.pdf", "-c", config, "--week", "2026-W47", *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        data = (tmp_path / "out.pdf").read_bytes()
        assert (tmp_path / "out.pdf").stat().st_mode & 0o777 == 0o600
        sizes.append(data.count(b"/Type /Page\n") + data.count(b"/Type /Page "))
    assert sizes == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["list", "--since", "yesterday"], "--since: must be a day like 2026-11-01, got 'yesterday'", 2),
        (["report", "x.pdf", "--week", "2026-W77"], "--week: must be like 2026-W48", 2),
        (["report", "x.pdf", "--week", "2026-W30"], "no events in the week 2026-07-20 to 2026-07-26", 1),
    ],
)
def test_what_is_wrong_is_said(maskwatch, config, tmp_path, arguments, said, code):
    done = maskwatch("events", *arguments, "-c", config, cwd=tmp_path)
    assert said in done.stderr
    assert done.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_where_no_events_are_kept_it_says_so_and_makes_nothing(maskwatch, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"events": {"dir": str(tmp_path / "none")}}))
    for arguments in (["list"], ["export", tmp_path / "x.csv"], ["report", tmp_path / "x.pdf"]):
        done = maskwatch("events", *arguments, "-c", path)
        assert done.returncode == 1
        assert f"{tmp_path / 'none' / 'events.db'}: no events are kept there" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config.yaml"]


def test_every_kind_can_be_asked_for(maskwatch, config):
    kinds = [word for kind in EventKind for word in ("--kind", kind.value)]
    done = maskwatch("events", "list", "-c", config, *kinds, "--limit", 1)
    assert done.returncode == 0, done.stderr
