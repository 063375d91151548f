"""Each command reads the sections that it uses: no camera's password is asked for where no camera is opened."""

import os
from pathlib import Path

import pytest

from maskwatch.cli.sections import USES
from maskwatch.config import load as config
from maskwatch.config.reader import EVERYTHING
from maskwatch.config.sections import CameraConfig
from maskwatch.core.errors import ConfigError

TEXT = """
cameras:
  entrance:
    source: rtsp://viewer:{MASKWATCH_ENTRANCE_PASSWORD}@192.0.2.10:{MASKWATCH_PORT}/stream1
    detect: {min_face_px: 30}
  hall: {source: '{MASKWATCH_HALL}', fps: 2}
device: cpu
web: {port: 1, token: '{MASKWATCH_WEB_TOKEN}'}
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MASKWATCH_") and name != "MASKWATCH_SHARED"]:
        monkeypatch.delenv(name)
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("queue list", "0 samples in"),
        ("queue purge --yes", "deleted 0 of 0"),
        ("models list", "shipped"),
        ("models show shipped", "shipped"),
        ("drift", "entrance, detector"),
        ("learn", "0 labelled samples wait"),
        ("learn --dry-run", "0 labelled samples wait"),
        ("replay CLIP --camera entrance", "135 frames"),
    ],
)
def test_commands_that_open_no_camera_need_no_password(path, command, told, maskwatch, demo_clip):
    words = [str(demo_clip) if word == "CLIP" else word for word in command.split()]
    done = maskwatch(*words, "-c", path, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert "MASKWATCH" not in done.stderr


def test_status_needs_the_token_alone(path, maskwatch):
    done = maskwatch("status", "-c", path)
    assert (done.returncode, done.stderr.count("MASKWATCH")) == (2, 1)
    assert f"{path}:8: web.token: the environment has no MASKWATCH_WEB_TOKEN" in done.stderr
    done = maskwatch("status", "-c", path, env=os.environ | {"MASKWATCH_WEB_TOKEN": "x" * 16})
    assert done.returncode == 1
    assert "no answer" in done.stderr


def test_evaluate_and_bench_need_no_password(path, maskwatch, tmp_path):
    """They come as far as their data, or measure."""
    (tmp_path / "empty").mkdir()
    done = maskwatch("evaluate", "detector", "--data", tmp_path / "empty", "-c", path)
    assert (done.returncode, "is no data set" in done.stderr) == (1, True), done.stderr
    done = maskwatch(
        "bench", "system", "-c", path, "--cameras", 1, "--seconds", 1, "--footage", tmp_path / "no.mp4"
    )
    assert "MASKWATCH" not in done.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_run_and_check_tell_every_password_that_is_missing(path, command, maskwatch):
    done = maskwatch(command, "-c", path)
    assert done.returncode == 2
    lines = done.stderr.removeprefix("maskwatch: ").splitlines()
    assert [line.split(": ")[1] for line in lines if "the environment has no" in line] == [
        "cameras.entrance.source",
        "cameras.entrance.source",
        "cameras.hall.source",
        "web.token",
    ]


@pytest.mark.parametrize("uses", USES.values(), ids=USES)
def test_what_is_wrong_elsewhere_is_told_to_every_command(path, uses, monkeypatch):
    monkeypatch.setenv("MASKWATCH_WEB_TOKEN", "x" * 16)
    assert list(config.load(path, uses).cameras) == ["entrance", "hall"]
    path.write_text(
        f"{TEXT}fsp: '{{MASKWATCH_NO}}'\nalert: {{for_s: -1}}\ndetect: {{min_face_px: 1}}\nqueue: {{max_mb: 0}}\n"
    )
    with pytest.raises(ConfigError) as e:
        config.load(path, uses)
    assert [line.split(": ")[1] for line in str(e.value).splitlines()] == [
        "fsp",
        "alert.for_s",
        "detect.min_face_px",
        "queue.max_mb",
    ]


def test_a_variable_is_needed_where_its_section_is_used(path):
    path.write_text(
        "queue: {dir: '{MASKWATCH_NO}'}\ncameras: {a: {source: '{MASKWATCH_A}', detect: {half: '{MASKWATCH_H}'}}}"
    )
    for uses, missing in (
        ({"queue"}, ["NO"]),
        ({"models"}, []),
        ({"detect"}, ["H"]),
        (EVERYTHING, ["A", "H", "NO"]),
    ):
        try:
            config.load(path, uses)
            told = ""
        except ConfigError as e:
            told = str(e)
        assert [name for name in ("A", "H", "NO") if f"has no MASKWATCH_{name}," in told] == missing


def test_settings_of_a_camera_are_read_although_its_source_is_not(path):
    read = config.load(path, USES["drift"])
    assert (read.cameras["entrance"].detect.min_face_px, read.cameras["hall"].detect.min_face_px) == (30, 20)
    assert config.load(path, USES["queue"]).queue.dir == path.parent / "queue"


def test_a_file_that_hangs_on_variables_alone_can_be_checked(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "fps: '{MASKWATCH_FPS}'\nweb: {host: '{MASKWATCH_H}', token: '{MASKWATCH_T}'}\n"
        "cameras: {a: {source: 'rtsp://h:{MASKWATCH_PORT}/s', ignore: ['{MASKWATCH_I}']}}\n"
    )
    config.check(path)
    path.write_text("cameras: {a: '{MASKWATCH_A}'}")
    with pytest.raises(ConfigError, match="must hold keys and values"):
        config.check(path)


def test_every_command_with_a_configuration_stands_in_the_list():
    folder = Path(config.__file__).parents[1] / "cli"
    asked = {
        name for path in folder.glob("*.py") for name in USES if f'settings_for("{name}"' in path.read_text()
    }
    assert asked == set(USES)
    loaders = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if "configuration.load(" in path.read_text()
    }
    assert loaders == {"sections.py", "run.py", "check/__init__.py"}
    known = {*EVERYTHING}
    assert all(uses <= known for uses in USES.values())


def test_a_replay_uses_all_that_a_camera_says_of_what_it_sees():
    """Whatever is added to a camera's settings is used, or named here."""
    of_the_camera_itself = {"rtsp", "source", "decode"}  # footage is decoded in software
    assert set(CameraConfig.model_fields) - of_the_camera_itself <= USES["replay"]
    for command in ("evaluate system", "bench system"):
        assert {"ignore", "zones", "lines"} <= USES[command]


def test_a_replay_has_the_camera_s_zones_and_lines(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "cameras:\n  door:\n    source: usb:0\n    zones: {hall: [[0, 0], [1, 0], [1, 0.5]]}\n"
        "    lines: {out: {from: [0, 0.5], to: [1, 0.5], leaving: right}}\n"
        "    alert: {when: leaving, rules: [{kind: protected_ratio, zone: hall}]}\n"
    )
    camera = config.load(path, USES["replay"]).cameras["door"]
    assert (list(camera.zones), list(camera.lines)) == (["hall"], ["out"])


def test_the_secrets_of_sinks_are_needed_where_they_are_told_alone(path):
    path.write_text(
        "cameras: {a: {source: 'usb:0'}}\nalert: {sinks: [{kind: webhook, url: 'https://example.org/x', "
        "secret: '{MASKWATCH_SECRET}'}], say: '{MASKWATCH_SAY}'}\n"
    )
    with pytest.raises(ConfigError) as found:
        config.load(path)
    assert "MASKWATCH_SECRET" in str(found.value)
    with pytest.raises(ConfigError) as found:
        config.load(path, USES["replay"])
    assert "MASKWATCH_SAY" in str(found.value)
    assert "MASKWATCH_SECRET" not in str(found.value)
