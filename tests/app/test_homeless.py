"""Without a home, a sound card, a speech engine, a name, or a working directory that can be written to."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from maskwatch.platform import caches
from maskwatch.platform.caches import cache_folder, settle_libraries

NOISE = ("atplotlib", "HOME", "home", "cache", "Traceback")


@pytest.fixture
def homeless(tmp_path):
    """An environment whose home nobody can make: it is to lie below a file. Programs other than Python are not found."""
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "bin").mkdir()
    known = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL", "CACHE_"))}
    told = {
        "HOME": str(tmp_path / "file/home"),
        "PATH": str(tmp_path / "bin"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    root = str(Path(__file__).parents[2])
    return known | told | {"COLUMNS": "200", "PYTHONPATH": root}


@pytest.fixture
def door(tmp_path, demo_clip):
    path = tmp_path / "door/config.yaml"
    path.parent.mkdir()
    camera = {"source": str(demo_clip), "alert": {"cooldown_s": 1}}
    path.write_text(
        json.dumps(
            {"cameras": {"door": camera}, "web": {"port": 0}, "console": {"enabled": False}, "device": "cpu"}
        )
    )
    return path


def test_the_demo_works_without_a_word_about_the_home(homeless, tmp_path, maskwatch):
    done = maskwatch("demo", tmp_path / "demo", cwd="/proc", env=homeless)
    assert done.returncode == 0, done.stderr
    assert not any(word in done.stderr for word in NOISE), done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []  # the temporary folder is gone


def test_the_service_watches_on_and_says_once_that_nothing_can_be_spoken(homeless, door, maskwatch):
    done = maskwatch("run", "-c", door, cwd="/proc", env=homeless)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("people wear no mask") > 3
    assert done.stderr.count("voice: ") == 1
    assert done.stderr.count("aplay is not installed") == 1
    assert not any(word in done.stderr for word in NOISE), done.stderr


def test_check_tells_that_nothing_can_be_spoken(homeless, door, maskwatch):
    done = maskwatch("check", "-c", door, cwd="/proc", env=homeless)
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if "voice door" in line)
    assert "failed" in line
    assert "aplay is not installed" in line
    assert re.search(r"1 of \d+ checks failed", done.stderr)


def test_drift_draws_without_a_home(homeless, door, tmp_path, maskwatch):
    done = maskwatch("drift", "-c", door, "--html", tmp_path / "drift.html", cwd="/proc", env=homeless)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_review_page_opens_where_nothing_can_be_written(homeless, door):
    command = [sys.executable, "-m", "maskwatch", "queue", "review", "-c", str(door), "--port", "0"]
    process = subprocess.Popen(
        command, cwd="/proc", env=homeless, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://"))
        with urllib.request.urlopen(address) as answer:
            assert b"Signed in" in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert told == "INFO console: owner signed in from 127.0.0.1\n"


NAMELESS = """
import pwd
def unknown(number): raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = unknown
from maskwatch.cli import main
main()
"""


def test_a_user_who_is_a_number_alone_must_say_who_labels(homeless, tmp_path):
    names = {"HOME", "LOGNAME", "USER", "LNAME", "USERNAME"}
    nameless = {key: value for key, value in homeless.items() if key not in names}
    command = [sys.executable, "-c", NAMELESS, "queue", "label", "x", "--accept", "--dir", str(tmp_path)]
    done = subprocess.run(command, cwd="/", env=nameless, capture_output=True, text=True)
    told = "maskwatch: --by: give your name; this machine has none for your user\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.fixture
def fresh(monkeypatch):
    """The cache's folder is found once in a process: forget it before and after."""
    for variable in ("CACHE_DIRECTORY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(variable, raising=False)
    cache_folder.cache_clear()
    yield monkeypatch
    cache_folder.cache_clear()


def test_the_cache_is_systemds_or_the_users_or_in_the_home(fresh, tmp_path):
    fresh.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/maskwatch"
    for variable, value, expected in (
        ("XDG_CACHE_HOME", f"{tmp_path}/xdg", tmp_path / "xdg/maskwatch"),
        ("CACHE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two", tmp_path / "one"),
    ):
        cache_folder.cache_clear()
        fresh.setenv(variable, value)
        assert cache_folder() == expected


def test_libraries_are_left_alone_where_there_is_a_home(fresh, tmp_path):
    fresh.setenv("HOME", str(tmp_path))
    settle_libraries()
    assert not {"MPLCONFIGDIR", "XDG_CACHE_HOME"} & os.environ.keys()


def test_a_home_that_cannot_be_written_to_is_replaced_by_a_temporary_folder(fresh, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".cache").touch()  # root may write to what is read-only
    fresh.setenv("HOME", str(home))
    settle_libraries()
    folder = cache_folder()
    assert folder == cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(os.environ["MPLCONFIGDIR"]).parent == folder
    folder.rmdir()


def test_a_home_of_nobody_is_no_error(fresh):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    fresh.setattr(caches.Path, "home", unknown)
    assert cache_folder().is_dir()
