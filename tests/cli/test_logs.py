"""What is printed and logged: nothing from elsewhere does anything on a terminal; a collector gets JSON, the journal priorities."""

import io
import json
import logging
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from maskwatch.cli.logs import JsonFormatter, TextFormatter, is_journal
from maskwatch.cli.terminal import SafeConsole
from maskwatch.core.text import OBEYED, terminal_safe

EVIL = "a\x1b[31mb\x1b]0;c\x07\r\x9b2Jd\u202ee"


def record(message, level=logging.WARNING, **more):
    return logging.LogRecord("maskwatch.x", level, __file__, 1, message, (), None, **more)


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "maskwatch", *arguments], capture_output=True, text=True, **options
    )


@given(st.text())
def test_what_a_terminal_obeys_is_written_out(text):
    safe = terminal_safe(text)
    assert not OBEYED.search(safe)
    assert terminal_safe(safe) == safe
    assert OBEYED.search(text) or safe == text


def test_names_in_tables_and_lines_do_nothing():
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=True, color_system="truecolor", width=200)
    table = Table("name", style="red")
    table.add_row(EVIL)
    console.print(table)
    console.print(EVIL, markup=False)
    shown = file.getvalue()
    assert "\x1b[31m" in shown  # the table's own colour
    assert "\\x1b" in shown
    for dangerous in ("\x1b]", "\x07", "\x9b", "\u202e", "a\x1b[31mb"):
        assert dangerous not in shown


def test_the_log_does_nothing_on_a_terminal():
    assert TextFormatter("%(message)s").format(record(EVIL)) == terminal_safe(EVIL)


def test_the_journal_gets_priorities_on_each_line():
    formatter = TextFormatter("%(levelname)s %(message)s", priorities=True)
    assert formatter.format(record("one\ntwo")) == "<4>WARNING one\n<4>two"
    told = {level: formatter.format(record("x", level))[:3] for level in (10, 20, 30, 40, 50)}
    assert told == {10: "<7>", 20: "<6>", 30: "<4>", 40: "<3>", 50: "<3>"}


def test_the_journal_is_known_by_what_systemd_says(monkeypatch):
    about = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
    assert is_journal()
    monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino + 1}")
    assert not is_journal()


def test_a_collector_gets_an_object_a_line():
    told = JsonFormatter().format(record(EVIL + "\n정문"))
    assert "\n" not in told
    assert not OBEYED.search(told)
    read = json.loads(told)
    assert read["message"] == EVIL + "\n정문"
    assert (read["level"], read["logger"]) == ("warning", "maskwatch.x")
    assert read["time"].endswith("Z")


def test_an_error_with_an_evil_name_does_nothing(tmp_path):
    path = tmp_path / "a\x1b[31mb.mp4"
    path.write_bytes(b"x")
    done = run("replay", str(path))
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert "a\\x1b[31mb.mp4" in done.stderr


@pytest.mark.parametrize(("level", "logged"), [("info", True), ("error", False)])
def test_the_log_is_json_from_a_level_on(tmp_path, demo_clip, level, logged):
    done = run("--log-format", "json", "--log-level", level, "replay", str(demo_clip))
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("wear no mask" in line["message"] for line in lines) == logged
