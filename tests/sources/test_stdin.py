"""Standard input as footage and as a camera: what another program writes into a pipe."""

import os
import pty
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from itertools import islice

import av
import cv2
import numpy as np
import pytest
from harness.cameras import number_of, write_numbered

from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.sources.registry import is_footage, open_source, why_missing
from maskwatch.sources.stdin import LivePipe, PipedFile

COUNT = 40


@contextmanager
def piped(write):
    """A pipe into which a thread writes; its end to read from."""
    reading, writing = os.pipe()

    def body():
        with suppress(BrokenPipeError, av.FFmpegError), os.fdopen(writing, "wb") as file:
            write(file)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield reading
    finally:
        os.close(reading)
        thread.join(30)


class Whole:
    """A file that can only be written to."""

    def __init__(self, file):
        self.write = file.write


def footage(form, **options):
    return lambda file: write_numbered(Whole(file), form, 25, COUNT / 25, **options)


def mjpeg(file):
    for number in range(COUNT):
        file.write(cv2.imencode(".jpg", np.full((48, 64, 3), 40 + number, np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    "write",
    [
        footage("mpegts"),
        footage("matroska"),
        footage("mp4", movflags="frag_keyframe+empty_moov"),
        footage("h264"),
        mjpeg,
    ],
    ids=["mpegts", "matroska", "mp4", "h264", "mjpeg"],
)
def test_every_frame_that_is_piped_is_shown(write):
    with piped(write) as descriptor:
        frames = list(PipedFile("door", Address("-"), descriptor=descriptor).frames())
    assert [frame.seq for frame in frames] == list(range(COUNT))
    assert np.diff([frame.at for frame in frames]).tolist() == pytest.approx([0.04] * (COUNT - 1), abs=0.002)
    assert {frame.source for frame in frames} == {"standard input"}


def test_a_pipe_waits_for_who_writes_slowly():
    with piped(footage("mpegts", paced=True)) as descriptor:
        frames = list(PipedFile("door", Address("-"), fps=5, descriptor=descriptor).frames())
    assert [number_of(frame.rgb) for frame in frames] == list(range(0, COUNT, 5))


def test_what_a_pipe_brought_does_not_come_again():
    with piped(footage("mpegts")) as descriptor:
        source = PipedFile("door", Address("-"), descriptor=descriptor)
        assert len(list(source.frames())) == COUNT
        with pytest.raises(SourceError, match="was read already"):
            next(source.frames())


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda _: None, "standard input: is empty"),
        (
            lambda file: file.write(b"hello" * 1000),
            "standard input: is no video, or none that a pipe can carry",
        ),
    ],
)
@pytest.mark.parametrize("kind", [PipedFile, LivePipe])
def test_nothing_and_no_video_are_told(write, told, kind):
    with piped(write) as descriptor, pytest.raises(SourceError, match=told):
        next(kind("door", Address("-"), descriptor=descriptor).frames())


def test_a_video_whose_index_is_at_its_end_is_told(write_video):
    noise = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3), np.uint8)
    path = write_video("clip.mp4", list(noise))
    with (
        piped(lambda file: file.write(path.read_bytes())) as descriptor,
        pytest.raises(
            SourceError, match="its index at the end, which cannot be read from a pipe; give the file"
        ),
    ):
        list(PipedFile("door", Address("-"), descriptor=descriptor).frames())


@pytest.mark.parametrize("kind", [PipedFile, LivePipe])
def test_a_terminal_is_told_what_to_do(kind):
    master, terminal = pty.openpty()
    try:
        with pytest.raises(SourceError, match="is a terminal; pipe a video into it"):
            next(kind("door", Address("-"), descriptor=terminal).frames())
    finally:
        os.close(master)
        os.close(terminal)


def test_a_live_pipe_gives_frames_as_they_come_and_its_end_is_an_error():
    before = time.time()
    with piped(footage("mpegts", paced=True)) as descriptor:
        source = LivePipe("door", Address("stdin:"), descriptor=descriptor)
        assert source.live
        with closing(source.frames()) as stream:
            frames = list(islice(stream, COUNT))
            with pytest.raises(SourceError, match="standard input: has ended"):
                next(stream)
    assert [number_of(frame.rgb) for frame in frames] == list(range(COUNT))
    assert before < frames[0].at <= frames[-1].at < time.time()


def test_standard_input_is_no_path_and_is_one_cameras_alone(tmp_path):
    assert not is_footage(Address("-"))
    assert why_missing(Address("stdin:")) is None
    path = tmp_path / "c.yaml"
    path.write_text("cameras: {a: {source: '-'}, b: {source: 'stdin:'}}")
    with pytest.raises(ConfigError, match=r"cameras\.b\.source: is that of a, too"):
        configuration.load(path)
    path.write_text("cameras: {a: {source: '-'}}")
    source = configuration.load(path).cameras["a"].source
    assert type(open_source("a", source)) is PipedFile


@pytest.mark.integration
def test_replay_takes_a_pipe(maskwatch, tmp_path):
    clip, video = tmp_path / "clip.ts", tmp_path / "out.mp4"
    write_numbered(str(clip), "mpegts", 25, 0.4)
    with subprocess.Popen(["/bin/cat", str(clip)], stdout=subprocess.PIPE) as writer:
        done = maskwatch("replay", "-", "-o", video, stdin=writer.stdout)
    assert done.returncode == 0, done.stderr
    assert "10 frames" in done.stdout
    with av.open(str(video)) as written:
        assert sum(1 for _ in written.decode(video=0)) == 10
