"""A path in a configuration means the same file, wherever a command is run."""

import logging
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from maskwatch.config import load as config
from maskwatch.config.reader import EVERYTHING
from maskwatch.config.sections import CameraConfig, Globals
from maskwatch.core.errors import ConfigError
from maskwatch.platform.paths import looked_at

WRITTEN = """
queue: {dir: q}
models: {dir: m}
learn: {archive: a, base: [one, /two]}
drift: {dir: d}
detect: {weights: w.safetensors}
classify: {weights: sub/../c.safetensors}
cameras:
  clip: {source: clip.mp4}
  pictures: {source: 'pictures/*.jpg', detect: {weights: stock}}
  whole: {source: /footage/clip.mp4, classify: {weights: own.safetensors}}
  rtsp: {source: 'rtsp://192.0.2.1/clip.mp4'}
  usb: {source: usb:0}
"""


@pytest.fixture
def door(tmp_path, monkeypatch):
    """A configuration's folder with files of weights, and another one in which the commands run."""
    folder, elsewhere = tmp_path / "door", tmp_path / "elsewhere"
    for each in (folder, elsewhere, folder / "sub"):
        each.mkdir()
    for name in ("w", "c", "own"):
        (folder / f"{name}.safetensors").touch()
    monkeypatch.chdir(elsewhere)

    def write(text, path=folder / "config.yaml"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_every_path_is_relative_to_the_file(door):
    path = door(WRITTEN)
    folder = path.parent
    read = config.load(Path("../door/config.yaml"))
    assert (read.queue.dir, read.models.dir, read.drift.dir) == (folder / "q", folder / "m", folder / "d")
    assert (read.learn.archive, read.learn.base) == (folder / "a", (folder / "one", Path("/two")))
    assert read.defaults.detect.weights == str(folder / "w.safetensors")
    sources = {name: camera.source.reveal() for name, camera in read.cameras.items()}
    assert sources == {
        "clip": f"{folder}/clip.mp4",
        "pictures": f"{folder}/pictures/*.jpg",
        "whole": "/footage/clip.mp4",
        "rtsp": "rtsp://192.0.2.1/clip.mp4",
        "usb": "usb:0",
    }
    assert read.cameras["pictures"].detect.weights == "stock"
    assert read.cameras["clip"].classify.weights == str(folder / "sub/../c.safetensors")
    assert read.cameras["whole"].classify.weights == str(folder / "own.safetensors")


def paths(value):
    """All paths within records."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from paths(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from paths(each)
    elif isinstance(value, Path):
        yield value


def test_no_path_stays_relative_also_where_it_is_not_written(door):
    """Of a new key, too: every field that is a `Path` is asked."""
    read = config.load(door("cameras: {clip: {source: clip.mp4}}\nlearn: {base: [b]}"))
    found = [path for part in ("queue", "models", "learn", "drift") for path in paths(getattr(read, part))]
    assert len(found) == 5
    assert all(path.is_absolute() for path in found), found
    kinds = [f for model in (Globals, CameraConfig) for f in model.model_fields.values()]
    assert not [f for f in kinds if f.annotation is Path]


def test_without_a_file_folders_are_those_of_the_working_directory():
    read = config.default()
    assert (read.queue.dir, read.models.dir, read.learn.archive) == (
        Path("queue"),
        Path("models"),
        Path("archive"),
    )


def test_the_state_of_a_configuration_in_etc_lies_in_var_lib(door, tmp_path):
    """As the service's, whose configuration an update never changes; what is read lies beside the file."""
    path = door(
        "queue: {dir: queue}\ncameras: {clip: {source: clip.mp4}}", tmp_path / "etc/maskwatch/config.yaml"
    )
    read = config.load(path)
    state = tmp_path / "var/lib/maskwatch"
    assert (read.queue.dir, read.models.dir) == (state / "queue", state / "models")
    assert (read.learn.archive, read.drift.dir) == (state / "archive", state / "drift")
    assert read.cameras["clip"].source.reveal() == str(path.parent / "clip.mp4")


def test_an_installed_configuration_keeps_its_queue_for_service_and_people(tmp_path, maskwatch):
    """The file of earlier releases, with its relative folders, which an update never changes."""
    path, state = tmp_path / "etc/maskwatch/config.yaml", tmp_path / "var/lib/maskwatch"
    path.parent.mkdir(parents=True)
    path.write_bytes((Path(__file__).parents[2] / "config.yaml").read_bytes())
    (state / "queue").mkdir(parents=True)
    for folder in (state, "/"):  # the service's working directory, and a person's
        done = maskwatch("queue", "list", "-c", path, cwd=folder)
        assert (done.stdout, done.stderr) == (f"0 samples in {state}/queue\n", "")


def test_a_link_in_etc_is_as_good_as_a_folder(tmp_path, door):
    door("cameras: {clip: {source: clip.mp4}}", tmp_path / "srv/site/config.yaml")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/maskwatch").symlink_to(tmp_path / "srv/site")
    assert (
        config.load(tmp_path / "etc/maskwatch/config.yaml").queue.dir == tmp_path / "var/lib/maskwatch/queue"
    )


def test_a_link_to_the_file_is_where_the_person_put_it(door, tmp_path):
    path = door("cameras: {clip: {source: clip.mp4}}")
    link = tmp_path / "elsewhere/config.yaml"
    link.symlink_to(path)
    assert config.load(link).queue.dir == link.parent / "queue"


@pytest.mark.parametrize(
    ("there", "key", "used"),
    [
        ("queue/door/2026-11-01", "queue", lambda read: read.queue.dir / "door/2026-11-01"),
        ("models/versions", "models", lambda read: read.models.dir / "versions"),
        ("archive/parts.json", "learn", lambda read: read.learn.archive / "parts.json"),
        ("drift/door/2026-11-01.json", "drift", lambda read: read.drift.dir / "door/2026-11-01.json"),
        ("clip.mp4", "source", lambda read: read.cameras["clip"].source.reveal()),
        ("p/1.jpg", "source", lambda read: Path(read.cameras["pictures"].source.reveal()).parent),
        ("base", "learn", lambda read: read.learn.base[0]),
    ],
)
def test_what_lies_where_earlier_releases_looked_is_used_and_told(door, caplog, there, key, used):
    path = door(
        "cameras: {clip: {source: clip.mp4}, pictures: {source: 'p/*.jpg'}}\nlearn: {base: [base]}\nqueue: {dir: queue}"
    )
    here = Path.cwd() / there
    here.parent.mkdir(parents=True, exist_ok=True)
    here.touch() if here.suffix else here.mkdir()
    read = config.load(path)
    expected = here.parent if there.startswith("p/") else here
    assert Path(used(read)) == expected
    (warning,) = caplog.messages
    assert f"{Path.cwd()}/{there.split('/')[0]}" in warning
    assert f"{path.parent}/{there.split('/')[0]}" in warning
    caplog.clear()
    config.load(path, EVERYTHING - {key})  # nobody asks for it
    assert not [each for each in caplog.messages if there.split("/")[0] in each]
    right = path.parent / there
    right.parent.mkdir(parents=True, exist_ok=True)
    right.touch() if right.suffix else right.mkdir()
    caplog.clear()
    assert Path(used(config.load(path))) == (right.parent if there.startswith("p/") else right)
    assert caplog.messages == []


def test_a_folder_of_that_name_which_is_not_ours_is_left_alone(door, caplog):
    """A checkout has a folder `models`, and a new place may be there, empty."""
    path = door("cameras: {clip: {source: clip.mp4}}")
    for name in ("models/detector.safetensors", "queue/empty", "drift/notes.txt", "archive/old/x.mp4"):
        (Path.cwd() / name).mkdir(parents=True)
    assert config.load(path).models.dir == path.parent / "models"
    assert caplog.messages == []
    (Path.cwd() / "queue/door/2026-11-01").mkdir(parents=True)
    (path.parent / "queue").mkdir()
    assert config.load(path).queue.dir == Path.cwd() / "queue"  # what is empty is no place for what there is


def test_weights_where_earlier_releases_looked_are_found(door, caplog):
    (Path.cwd() / "old.safetensors").touch()
    path = door("detect: {weights: old.safetensors}\ncameras: {clip: {source: clip.mp4}}")
    assert config.load(path).defaults.detect.weights == str(Path.cwd() / "old.safetensors")
    assert "is used, because" in caplog.text
    path.write_text("detect: {weights: none.safetensors}\ncameras: {clip: {source: clip.mp4}}")
    with pytest.raises(ConfigError, match=f"No such file or directory: {path.parent}/none.safetensors"):
        config.load(path)


def test_a_folder_with_signs_of_a_pattern_in_its_name_is_no_pattern(door, tmp_path):
    (tmp_path / "[1]").mkdir()
    (tmp_path / "[1]/a.jpg").touch()
    path = door("cameras: {pictures: {source: '*.jpg'}}", tmp_path / "[1]/config.yaml")
    assert config.missing_footage(path) == []


def test_a_configuration_from_a_pipe_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reader, writer = os.pipe()
    os.write(writer, b"cameras: {clip: {source: clip.mp4}}")
    os.close(writer)
    read = config.load(Path(f"/dev/fd/{reader}"))
    os.close(reader)
    assert read.queue.dir == tmp_path / "queue"


def test_a_folder_that_is_empty_or_missing_is_named_in_full(tmp_path, maskwatch):
    path = tmp_path / "door/config.yaml"
    path.parent.mkdir()
    path.write_text("cameras: {clip: {source: clip.mp4}}\ndevice: cpu\n")
    for command, folder in (
        ("queue list", "queue"),
        ("queue purge", "queue"),
        ("learn --dry-run", "queue"),
        ("models list", "models"),
        ("drift", "drift"),
        ("drift", "archive/samples"),
    ):
        done = maskwatch(*command.split(), "-c", path, cwd="/", env=os.environ | {"COLUMNS": "300"})
        assert done.returncode == 0, done.stderr
        assert f"{path.parent}/{folder}, which is not there\n" in done.stdout, command
    assert sorted(each.name for each in path.parent.iterdir()) == ["config.yaml"]
    done = maskwatch("queue", "export", tmp_path / "out.zip", "-c", path, cwd="/")
    assert (done.returncode, f"{path.parent}/queue, which is not there: no sample" in done.stderr) == (
        1,
        True,
    )
    (tmp_path / "empty").mkdir()
    done = maskwatch("queue", "list", "--dir", "empty", cwd=tmp_path)
    assert done.stdout == f"0 samples in {tmp_path}/empty\n"
    done = maskwatch("replay", "empty", cwd=tmp_path)
    assert done.stderr.startswith(f"maskwatch: {tmp_path}/empty: no pictures")


def test_a_folder_that_one_may_not_look_at_counts_as_there(monkeypatch):
    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", closed)
    assert looked_at(Path("/var/lib/maskwatch/queue")) == "/var/lib/maskwatch/queue"


def test_the_commands_say_once_that_an_old_folder_is_used(tmp_path, maskwatch):
    path = tmp_path / "door/config.yaml"
    path.parent.mkdir()
    (tmp_path / "queue/door/2026-11-01").mkdir(parents=True)
    path.write_text("cameras: {clip: {source: clip.mp4}}")
    done = maskwatch("queue", "list", "-c", path, cwd=tmp_path)
    assert done.stdout == f"0 samples in {tmp_path}/queue\n"
    assert done.stderr.count("is used, because") == 1
    assert logging.getLevelName(logging.WARNING) in done.stderr
