"""What recorders and cameras send that is not as it should be: pixels, pictures, packets, clocks, tracks, passwords."""

import contextlib
import logging
import re
import socket
import threading
import time
from contextlib import closing
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from harness.cameras import Listener, free_port
from harness.waiting import until

from maskwatch.core.address import Address
from maskwatch.core.errors import ImageError, SourceError, SourceRefused
from maskwatch.pipeline import capture
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.status_board import Board
from maskwatch.sources.decoding import JUMP_S, TORN_S, CleanDecoder, FrameClock, upright
from maskwatch.sources.registry import open_source
from maskwatch.sources.rtsp import BEHIND_S, Backlog
from maskwatch.sources.settings import RtspSettings


def frames_of(path, **settings):
    return list(open_source("door", Address(str(path)), **settings).frames())


def write(path, frames, *, size=(64, 48), sar=None, rate=25, tracks=(), damage=None):
    """H.264 of grey pictures; `frames` are their times in seconds; `damage(number, packet)` gives what is written for a packet."""
    with av.open(str(path), "w") as target:
        thumbs = [target.add_stream("libx264", rate=rate, options={"g": "10"}) for _ in tracks]
        for thumb, (width, height) in zip(thumbs, tracks, strict=True):
            thumb.width, thumb.height, thumb.pix_fmt = width, height, "yuv420p"
        stream = target.add_stream(
            "libx264", rate=rate, options={"g": "10", "bf": "0", "x264-params": "sliced-threads=0"}
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if sar is not None:
            stream.codec_context.sample_aspect_ratio = sar
        written = 0
        for number, at in enumerate(frames):
            for each in (*thumbs, stream):
                grey = np.full((each.height, each.width, 3), 60 + number % 100, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
                frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
                for packet in each.encode(frame):
                    spoiled = each is stream and damage is not None
                    target.mux(damage(written, packet) if spoiled else packet)
                    written += spoiled
        for each in (*thumbs, stream):
            target.mux(each.encode())
    return path


def steps(count, step=0.04):
    return [number * step for number in range(count)]


@pytest.mark.parametrize(
    ("sar", "size"),
    [("2/1", (128, 48)), ("1/2", (64, 96)), ("12/11", (70, 48)), (None, (64, 48)), ("50/1", (64, 48))],
)
def test_pixels_are_made_square(tmp_path, sar, size):
    path = write(tmp_path / "clip.mp4", steps(3), sar=None if sar is None else Fraction(sar))
    assert [frame.size for frame in frames_of(path)] == [size] * 3


def test_who_knows_the_aspect_of_the_picture_says_it(tmp_path):
    path = write(tmp_path / "clip.mp4", steps(1), sar=Fraction(2))
    assert frames_of(path, aspect=16 / 9)[0].size == (85, 48)
    assert frames_of(path, aspect=1.0)[0].size == (64, 64)


def test_square_pixels_are_not_made_without_bound():
    frame = av.VideoFrame(12_000, 4_000, "yuv420p")
    assert upright(frame, 1.0).shape == (4_000, 12_000, 3)
    with pytest.raises(ImageError, match="50 million"):
        upright(frame, 2.0)


def test_the_best_track_is_shown_and_no_thumbnail(tmp_path):
    path = write(tmp_path / "clip.mp4", steps(5), tracks=[(32, 24)])
    assert {frame.size for frame in frames_of(path)} == {(64, 48)}


def test_damaged_packets_are_left_out_and_told(tmp_path, caplog):
    def damage(number, packet):
        if 12 <= number < 16:
            broken = av.Packet(b"\0\0\0\1\x41" + b"\xff" * 20)
            broken.pts, broken.dts, broken.time_base, broken.stream = (
                packet.pts,
                packet.dts,
                packet.time_base,
                packet.stream,
            )
            return broken
        return packet

    path = write(tmp_path / "clip.mp4", steps(30), damage=damage)
    with caplog.at_level(logging.WARNING):
        assert len(frames_of(path)) == 26
    assert f"{path}: 4 damaged packets left out" in caplog.text


class Picture:
    """As PyAV's `VideoFrame` tells of one."""

    def __init__(self, time, *, torn=False, key=False):
        self.time, self.is_corrupt, self.key_frame = time, torn, key


class Stream:
    def decode(self, packet):
        if packet is None:
            raise av.InvalidDataError(1, "bad", "x")
        return [packet]


@pytest.mark.parametrize("until_key", [True, False])
def test_a_torn_picture_is_left_out_and_of_footage_all_that_are_built_on_it(until_key):
    decoder = CleanDecoder(Stream(), until_key=until_key)
    shown = [
        Picture(0.0, key=True),
        Picture(0.1),
        Picture(0.2, torn=True),
        Picture(0.3),
        Picture(0.4, key=True),
        Picture(0.5),
    ]
    times = [image.time for picture in shown for image in decoder.images(picture)]
    assert times == ([0.0, 0.1, 0.4, 0.5] if until_key else [0.0, 0.1, 0.3, 0.4, 0.5])
    assert str(decoder.damage) == ("2 torn pictures" if until_key else "1 torn picture")


def test_an_encoder_without_key_frames_is_not_left_out_for_ever():
    decoder = CleanDecoder(Stream(), until_key=True)
    shown = [Picture(0.0, torn=True), *(Picture(0.5 * number) for number in range(1, 10))]
    assert [image.time for picture in shown for image in decoder.images(picture)] == [
        0.5 * n for n in range(5, 10)
    ]
    assert TORN_S == 2.0


def test_what_cannot_be_decoded_is_counted():
    decoder = CleanDecoder(Stream(), until_key=True)
    assert not list(decoder.images(None))
    assert list(decoder.images(Picture(0.0)))
    assert str(decoder.damage) == "1 damaged packet"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([5.0, 5.1, 5.2], [0.0, 0.1, 0.2]),
        ([0.0, 0.1, 9.0, 9.1], [0.0, 0.1, 9.0, 9.1]),  # a still picture
        ([3.0, 3.1, 1.0, 1.1], [0.0, 0.1, 0.2, 0.3]),  # set back
        ([0.0, 0.1, 36_000.0, 36_000.1], [0.0, 0.1, 0.2, 0.3]),  # ten hours ahead
        ([None, None, None], [0.0, 0.1, 0.2]),
        ([1.0, None, 1.3], [0.0, 0.1, 0.3]),
        ([1.0, 1.0, 1.1], [0.0, 0.0, 0.1]),
    ],
)
def test_time_goes_on_whatever_the_clock_does(told, expected):
    clock = FrameClock(0.1)
    assert [clock.at(time) for time in told] == pytest.approx(expected)
    assert clock.jumps == (
        told[:1] != [None]
        and any(b is not None and a is not None and not 0 <= b - a <= JUMP_S for a, b in pairwise(told))
    )


def test_footage_whose_clock_is_set_back_goes_on(tmp_path, caplog):
    path = tmp_path / "clip.ts"
    for part, name in ((0.0, "a.ts"), (100.0, "b.ts")):
        write(tmp_path / name, [part + at for at in steps(20)])
    path.write_bytes((tmp_path / "b.ts").read_bytes() + (tmp_path / "a.ts").read_bytes())
    with caplog.at_level(logging.WARNING):
        times = [frame.at for frame in frames_of(path)]
    assert len(times) == 40
    assert np.diff(times) == pytest.approx(0.04, abs=0.002)
    assert "its clock jumps (1 time); time goes on" in caplog.text


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("clip.mp4", b"", "is empty"),
        ("clip.mp4", b"\0\0\0\x20ftypisom" + bytes(500), "cut off before its index was written"),
        ("clip.mkv", b"no video at all" * 100, "is no video"),
    ],
)
def test_a_file_that_is_no_video_says_so(tmp_path, name, data, told):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=told) as e:
        frames_of(path)
    assert str(e.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.168.1.5:554/stream1", "looks like an address without rtsp:// before it"),
        ("192.168.1.5", "looks like an address without rtsp:// before it"),
        ("ffmpeg:rtsp://10.0.0.1/x", "go2rtc or MediaMTX"),
        ("exec:rm -rf /", "go2rtc or MediaMTX"),
        ("ftp://10.0.0.1/x", "go2rtc or MediaMTX"),
        ("rtsp://viewer:12/34@10.0.0.1/x", "are written %2F"),
    ],
)
def test_an_address_that_cannot_be_taken_says_what_to_write(address, told):
    with pytest.raises(SourceError, match=told):
        open_source("door", Address(address))


def test_an_unknown_host_is_told():
    with pytest.raises(SourceError, match=r"no such host: camera\.invalid"):
        next(open_source("door", Address("rtsp://viewer:secret@camera.invalid/x")).frames())


class Packet:
    def __init__(self, at):
        self.dts, self.time_base = (None, None) if at is None else (round(at * 90_000), Fraction(1, 90_000))


def test_the_backlog_is_how_much_older_packets_are_than_the_freshest_was():
    backlog = Backlog()
    assert [backlog.behind_s(Packet(at), 100 + at) for at in (0.0, 0.1, 0.2)] == pytest.approx([0, 0, 0])
    assert backlog.behind_s(Packet(0.3), 103.3) == pytest.approx(3, abs=0.01)
    assert backlog.behind_s(Packet(None), 104.0) == 0
    assert backlog.behind_s(Packet(3.6), 103.7) == pytest.approx(0.1, abs=0.01)  # it has caught up
    assert backlog.behind_s(Packet(5000.0), 103.8) == 0  # another clock
    assert backlog.behind_s(Packet(5000.1), 106.9) == pytest.approx(3, abs=0.01)


def test_a_clock_that_runs_slow_is_no_backlog():
    backlog = Backlog()
    assert max(backlog.behind_s(Packet(at * 0.9995), at) for at in range(20_000)) < 0.01


class Slow:
    """A decoder that cannot keep up: what it is told to skip, and what comes through."""

    skip_frame = "DEFAULT"


def test_while_decoding_is_behind_key_frames_alone_are_decoded(caplog):
    source = open_source("door", Address("rtsp://camera/x"))
    stream = type("S", (), {"codec_context": Slow()})()
    key, other = type("P", (), {"is_keyframe": True}), type("P", (), {"is_keyframe": False})
    source._keep_up(stream, other, BEHIND_S - 0.1)
    assert stream.codec_context.skip_frame == "DEFAULT"
    for _ in range(3):
        source._keep_up(stream, other, BEHIND_S + 0.1)
        assert stream.codec_context.skip_frame == "NONKEY"
        source._keep_up(stream, other, 0.1)  # what is built on skipped ones would be torn
        assert stream.codec_context.skip_frame == "NONKEY"
        source._keep_up(stream, key, 0.1)
        assert stream.codec_context.skip_frame == "DEFAULT"
    assert caplog.text.count("decoding is slower than the camera") == 1
    with pytest.raises(SourceError, match="behind the camera"):
        source._keep_up(stream, other, 11)


def test_a_camera_that_refuses_the_password_is_left_alone_for_minutes(monkeypatch):
    asked, waited = [], []

    class Source:
        name, live = "rtsp://camera/x", True

        def frames(self):
            asked.append(1)
            raise SourceRefused("rtsp://camera/x: the camera refuses the user or the password")
            yield

    board = Board(["door"])
    watch = capture.Capture(
        "door", Source(), Mailbox(__import__("threading").Condition(), capacity=1, blocks=False), board
    )

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 5:
            watch.stop()

    monkeypatch.setattr(watch._stop, "wait", wait)
    watch.run()
    assert len(asked) == 5
    assert [round(seconds, -1) for seconds in waited] == pytest.approx([60, 120, 300, 600, 600], rel=0.3)


@pytest.mark.integration
def test_a_refused_password_is_told_apart(rtsp_camera):
    camera = rtsp_camera("viewer:right")
    url = camera.url.replace("//", "//viewer:wrong@")
    with pytest.raises(SourceRefused, match="refuses the user or the password"):
        next(open_source("door", Address(url)).frames())


@pytest.mark.integration
@pytest.mark.parametrize(("only", "wanted"), [("udp", "tcp"), ("tcp", "udp")])
def test_a_transport_that_the_camera_refuses_is_told(rtsp_camera, only, wanted):
    camera = rtsp_camera(only=only)
    settings = RtspSettings(transport=wanted, open_s=10, read_s=10)
    with pytest.raises(SourceError, match=rf"it may not do rtsp\.transport: {wanted}") as e:
        next(open_source("door", Address(camera.url), rtsp_settings=settings).frames())
    assert f"try {only}" in str(e.value)
    settings = RtspSettings(transport=only, open_s=10, read_s=10)
    until(lambda: _first_size(camera.url, settings) == (960, 540))


def _first_size(url, settings):
    """None while the camera has not done with the connection before, to which it answers 503."""
    try:
        with closing(open_source("door", Address(url), rtsp_settings=settings).frames()) as frames:
            return next(frames).size
    except SourceError as e:
        if "5XX" not in str(e):
            raise
        return None


class Firewall(Listener):
    """Lets TCP through to a camera behind it, and of UDP nothing: it tells the camera another port."""

    def __init__(self, behind):
        self.behind, self.port = behind, free_port()
        super().__init__(self.port)

    def handle(self, connection):
        camera = socket.create_connection(("127.0.0.1", self.behind), timeout=5)
        camera.settimeout(None)
        self.keep(camera)
        threading.Thread(target=self.carry, args=[camera, connection], daemon=True).start()
        self.carry(connection, camera)

    def carry(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(re.sub(rb"client_port=\d+-\d+", b"client_port=9-10", data))


@pytest.mark.integration
def test_udp_that_does_not_come_through_is_told(rtsp_camera):
    firewall = Firewall(rtsp_camera(only="udp").port)
    settings = RtspSettings(transport="udp", open_s=3, read_s=3)
    source = open_source("door", Address(f"rtsp://127.0.0.1:{firewall.port}/cam"), rtsp_settings=settings)
    with pytest.raises(SourceError, match=r"a firewall may stop UDP: try rtsp\.transport: tcp"):
        next(source.frames())
    firewall.close()


@pytest.mark.integration
@pytest.mark.parametrize("what", ["still", "noise"])
def test_a_camera_that_sends_no_good_picture_any_more_is_noticed(rtsp_camera, what):
    """Its sound goes on, or what comes is nothing that can be decoded: neither is a picture."""
    camera = rtsp_camera(fault=f"{what}:2")
    settings = RtspSettings(open_s=5, read_s=5, stale_s=2)
    begun_s, seen = time.monotonic(), 0
    source = open_source("door", Address(camera.url), rtsp_settings=settings)
    with closing(source.frames()) as frames, pytest.raises(SourceError, match="no frame for"):
        for _ in frames:
            seen += 1
            assert time.monotonic() - begun_s < 60
    assert seen > 20
