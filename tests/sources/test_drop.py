"""A folder into which a camera puts clips and pictures: what has come is looked at once, whatever breaks."""

import logging
import os
import shutil
import stat
import threading
import time
from collections import deque
from contextlib import closing, contextmanager
from datetime import datetime

import cv2
import numpy as np
import pytest
from harness.cameras import number_of, write_numbered

from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import SupportsIdle
from maskwatch.core.records import CameraState
from maskwatch.pipeline.camera_counters import STILL_S
from maskwatch.pipeline.capture import Capture, start
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.status_board import Board
from maskwatch.sources import done_files, drop
from maskwatch.sources.done_files import DoneFiles, FileState
from maskwatch.sources.drop import DropSource, _Arrivals, _File
from maskwatch.sources.kinds import drop as kind
from maskwatch.sources.registry import open_source

COUNT = 5


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "ftp"
    path.mkdir()
    return path


@pytest.fixture
def clip(tmp_path):
    """Put a clip of five numbered pictures into a folder; `age_s` is how old the file is."""
    made = tmp_path / "made.mp4"
    write_numbered(str(made), "mp4", 25, COUNT / 25)

    def put(path, age_s=0.0):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, path)
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    put.data = made.read_bytes()
    return put


@pytest.fixture
def make(folder, tmp_path):
    """A source as it is after a start; what it remembers stays for the next."""

    def source(*, existing=True, steady_s=0.1, **options):
        done = DoneFiles.of(tmp_path / "state", "door", folder, existing=existing)
        return DropSource("door", folder, done, steady_s=steady_s, look_s=0.02, **options)

    return source


class IdleError(Exception):
    """Raised instead of waiting for ever."""


def shown(source, looks=40):
    """The frames that come until the folder was looked at so often."""
    left = iter(range(looks))

    def tell():
        if next(left, None) is None:
            raise IdleError

    source.on_idle(tell)
    frames = []
    try:
        for frame in source.frames():
            frames.append(frame)  # noqa: PERF402 - what came before the end counts
    except IdleError:
        pass
    return frames


def names(frames):
    return list(dict.fromkeys(frame.source for frame in frames))


def test_clips_are_shown_in_the_order_of_their_names_and_once(make, folder, clip):
    for name in ("2026-11-26_10-00-09.mp4", "day/2026-11-26_10-00-10.mp4", "2026-11-26_09-59-59.mp4"):
        clip(folder / name)
    source = make()
    frames = shown(source)
    assert names(frames) == [
        "2026-11-26_09-59-59.mp4",
        "2026-11-26_10-00-09.mp4",
        "day/2026-11-26_10-00-10.mp4",
    ]
    assert [number_of(frame.rgb) for frame in frames] == list(range(COUNT)) * 3
    assert [frame.seq for frame in frames] == list(range(3 * COUNT))
    assert np.diff([frame.at for frame in frames]).min() > 0
    assert not shown(source, 5)
    assert not shown(make(), 5)  # nor after a restart
    clip(folder / "2026-11-26_11-00-00.mp4")
    assert names(shown(make())) == ["2026-11-26_11-00-00.mp4"]


def test_frames_have_the_time_at_which_they_were_taken(make, folder, clip):
    now = datetime.now()  # noqa: DTZ005 - as cameras name their files
    stamp = now.replace(microsecond=0).timestamp()
    clip(folder / f"{now:%Y-%m-%d_%H-%M-%S}.mp4")
    assert shown(make())[0].at == pytest.approx(stamp, abs=0.01)
    clip(folder / "motion.mp4", age_s=-60)  # by the clock of a server that is ahead
    assert shown(make())[0].at <= time.time()


@pytest.mark.parametrize("name", ["motion.mp4", "2019-01-01_00-00-00.mp4"])
def test_where_the_name_tells_nothing_or_something_else_the_files_own_time_counts(make, folder, clip, name):
    clip(folder / name, age_s=600)
    frames = shown(make())
    assert frames[-1].at == pytest.approx(time.time() - 600, abs=5)


def test_what_is_still_written_is_waited_for(make, folder, clip, caplog):
    path, source = folder / "clip.mp4", make(steady_s=1)
    half = len(clip.data) // 2

    def write():
        with path.open("wb") as file:
            for part in (clip.data[:half], b"", b"", clip.data[half:]):
                file.write(part)
                file.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    frames = shown(source, 120)
    writer.join()
    assert len(frames) == COUNT
    assert not caplog.records


def file_of(tmp_path, name, size=100, key=1, at=5.0):
    return _File(tmp_path / name, name, FileState(size, at), key)


def test_a_file_has_come_when_it_stays_or_gets_its_own_name(tmp_path):
    arrivals = _Arrivals(5)
    grows = [file_of(tmp_path, "a.mp4", size) for size in (10, 20, 20, 20)]
    assert [arrivals.settled([each], at) for each, at in zip(grows[:3], (0, 4, 8), strict=True)] == [
        [],
        [],
        [],
    ]
    assert arrivals.settled([grows[3]], 9) == [grows[3]]
    for before in (".a.mp4", "a.mp4.part", "~a.mp4"):
        arrivals = _Arrivals(5)
        assert arrivals.settled([file_of(tmp_path, before)], 0) == []
        assert arrivals.settled([file_of(tmp_path, before)], 60) == []
        written = file_of(tmp_path, before, 200)
        assert arrivals.settled([written], 61) == []
        whole = file_of(tmp_path, "a.mp4", 200)
        assert arrivals.settled([whole], 62) == [whole]
    arrivals, empty = _Arrivals(5), file_of(tmp_path, "a.mp4", 0)
    assert [arrivals.settled([empty], at) for at in (0, 30)] == [[], []]
    assert arrivals.settled([empty], 60) == [empty]


def test_what_is_no_clip_is_told_once_and_left(make, folder, clip, caplog, monkeypatch):
    monkeypatch.setattr(drop, "EMPTY_S", 0.1)
    caplog.set_level(logging.INFO)
    (folder / "noise.mp4").write_bytes(b"no video at all" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "half.mp4").write_bytes(clip.data[: len(clip.data) // 2])
    for number in range(3):
        (folder / f"{number}.idx").write_bytes(b"x")
    (folder / "link.mp4").symlink_to(clip(folder.parent / "outside.mp4"))
    os.mkfifo(folder / "pipe.mp4")
    clip(folder / "whole.mp4")
    source = make()
    assert names(shown(source)) == ["whole.mp4"]
    assert not shown(source, 10)
    assert not shown(make(), 10)
    for name, why in (("noise", "is no video"), ("empty", "is empty"), ("half", "video; left out")):
        (line,) = [each for each in caplog.messages if f"{name}.mp4" in each]
        assert why in line
    assert sum("3 files (.idx), no clips" in each for each in caplog.messages) == 2  # once a start
    (folder / "half.mp4").write_bytes(clip.data)  # the camera goes on
    assert names(shown(source)) == ["half.mp4"]


def test_a_clip_that_broke_off_in_the_middle_is_shown_again(make, folder, clip):
    clip(folder / "clip.mp4")
    with closing(make().frames()) as frames:
        next(frames)  # and the power goes
    assert len(shown(make())) == COUNT


def test_what_is_older_than_the_first_start_is_left(make, folder, clip, caplog):
    caplog.set_level(logging.INFO)
    clip(folder / "old.mp4", age_s=3600)
    assert not shown(make(existing=False), 10)
    assert "1 file (.mp4), from before the first start" in caplog.text
    clip(folder / "new.mp4")
    assert names(shown(make(existing=False))) == ["new.mp4"]
    assert names(shown(make(existing=True))) == ["old.mp4"]


def test_pictures_are_shown_too(make, folder):
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((48, 64, 3), 60 + number, np.uint8))
    frames = shown(make())
    assert names(frames) == ["0.jpg", "1.jpg", "2.jpg"]
    assert [frame.size for frame in frames] == [(64, 48)] * 3
    assert not shown(make(), 5)


def test_a_clip_that_waits_alone_takes_its_time_and_others_make_it_quicker(make, folder, clip, monkeypatch):
    speeds = []
    monkeypatch.setattr(drop.Pace, "wait", lambda _, at, speed: speeds.append(speed))
    clip(folder / "1.mp4")
    clip(folder / "2.mp4")
    assert len(shown(make())) == 2 * COUNT
    assert speeds == [drop.SPEED] * COUNT + [1.0] * COUNT


def test_what_was_looked_at_is_remembered_for_its_user_alone(tmp_path):
    folder, state = tmp_path / "state", FileState(10, 5.0)
    done = DoneFiles.of(folder, "door/../x", tmp_path, existing=False)
    done.add("a.mp4", state)
    done.add("b\udcff.mp4", state)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as file:
        file.write('["torn')  # the power went
    again = DoneFiles.of(folder, "door/../x", tmp_path, existing=False)
    assert ("a.mp4", state) in again
    assert ("b\udcff.mp4", FileState(10, 6.5)) in again  # as a disk rounds it
    assert ("a.mp4", FileState(11, 5.0)) not in again
    assert again.since == pytest.approx(time.time(), abs=60)
    again.add("c.mp4", state)
    assert ("c.mp4", state) in DoneFiles.of(folder, "door/../x", tmp_path, existing=False)


def test_what_is_gone_is_forgotten_and_not_while_a_share_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(done_files, "MANY", 3)
    done, state = DoneFiles.of(tmp_path, "door", tmp_path, existing=False), FileState(10, 5.0)
    for number in range(6):
        done.add(f"{number}.mp4", state)
    done.forget([])
    done.forget(["other.mp4"])
    assert all((f"{number}.mp4", state) in done for number in range(6))
    done.forget(["5.mp4", "new.mp4"])
    again = DoneFiles.of(tmp_path, "door", tmp_path, existing=False)
    assert [(f"{number}.mp4", state) in again for number in range(6)] == [False] * 5 + [True]
    assert again.since == pytest.approx(done.since)
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_told_once_and_stops_only_the_remembering(make, folder, clip, monkeypatch, caplog):
    def full(_):
        raise OSError(28, "No space left on device")

    source = make()
    clip(folder / "1.mp4")
    assert names(shown(source)) == ["1.mp4"]
    with monkeypatch.context() as broken:
        broken.setattr(done_files.os, "fsync", full)
        for name in ("2.mp4", "3.mp4"):
            clip(folder / name)
        assert names(shown(source)) == ["2.mp4", "3.mp4"]
    assert caplog.text.count("No space left on device") == 1
    clip(folder / "4.mp4")
    assert names(shown(source)) == ["4.mp4"]
    assert not shown(make(), 10)


def wait_for(condition, within_s=30):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < within_s
        time.sleep(0.02)


@contextmanager
def captured(source):
    board, bell = Board(["door"]), threading.Condition()
    crashes, capture = [], None
    mailbox = Mailbox(bell, capacity=1, blocks=False)
    capture = Capture("door", source, mailbox, board)
    thread = start(capture, "door", crashes.append)
    try:
        yield lambda: board.snapshot().cameras["door"]
    finally:
        capture.stop()
        thread.join(20)
    assert not crashes


def test_it_is_up_while_nothing_comes_and_down_while_the_folder_is_away(
    make, folder, clip, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("maskwatch.pipeline.capture.BACKOFF_S", (0.1,))
    source = make()
    assert isinstance(source, SupportsIdle)
    with captured(source) as status:
        wait_for(lambda: status().state is CameraState.UP)
        assert status().captured == 0
        clip(folder / "1.mp4")
        wait_for(lambda: status().captured == COUNT)
        away = folder.rename(folder.with_name("away"))
        wait_for(lambda: status().state is CameraState.DOWN)
        assert "No such file" in status().reason
        clip(away / "2.mp4")  # the camera goes on meanwhile
        away.rename(folder)
        wait_for(lambda: status().captured == 2 * COUNT)
        assert status().state is CameraState.UP
        clip(folder / "3.mp4")
    assert [each.split()[1] for each in caplog.messages if each.startswith("door: ")][:3] == [
        "up",
        "down:",
        "up",
    ]


def test_of_an_idle_camera_nobody_is_in_view(report, monkeypatch):
    board = Board(["door"])
    board.set_camera_state("door", CameraState.UP)
    board.count_captured("door", 0)
    board.count_analysed(report(0.0, 0.1, 0.2))
    board.note_idle("door")
    assert board.snapshot().cameras["door"].people == 2
    later = time.monotonic() + STILL_S + 1
    monkeypatch.setattr("maskwatch.pipeline.status_board.time.monotonic", lambda: later)
    board.note_idle("door")
    seen = board.snapshot().cameras["door"]
    assert (seen.people, seen.state, seen.idle_s) == (0, CameraState.UP, later)


def test_a_share_that_is_unmounted_is_told(make, folder, monkeypatch):
    source = make()
    monkeypatch.setattr(type(folder), "is_mount", lambda _: True)
    assert not shown(source, 3)
    monkeypatch.setattr(type(folder), "is_mount", lambda _: False)
    with pytest.raises(SourceError, match="its share is not mounted any more"):
        deque(source.frames())


def test_check_tells_what_is_there_and_does_not_wait(make, folder, clip):
    assert make().check() == f"{folder}: no clip or picture yet"
    clip(folder / "1.mp4", age_s=3 * 3600)
    assert make().check() == f"{folder}: 1 file, the newest 3 h old"
    folder.rename(folder.with_name("away"))
    with pytest.raises(SourceError, match="No such file"):
        make().check()


def test_the_configuration_names_it_and_keeps_what_it_remembers_where_the_program_does(tmp_path, folder):
    path = tmp_path / "c.yaml"
    path.write_text("cameras: {door: {source: {kind: drop, address: ftp, existing: true}}}")
    settings = configuration.load(path).cameras["door"].source
    assert isinstance(settings, kind.Settings)
    assert settings.dir == tmp_path / "drop"
    source = open_source("door", settings)
    assert (source.name, source.live, source.expected()) == (str(folder), True, None)
    assert type(open_source("door", Address(str(folder)))) is not DropSource
