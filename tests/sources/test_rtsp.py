"""An IP camera, for real: a GStreamer RTSP server on loopback that is killed, frozen and restarted."""

import logging
import signal
import socket
import threading
import time
import traceback
from collections import deque
from contextlib import closing, contextmanager
from itertools import islice, pairwise, takewhile

import numpy as np
import pytest

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.records import CameraState
from maskwatch.pipeline.capture import Capture, start
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.status_board import Board
from maskwatch.sources.rtsp import RtspSource
from maskwatch.sources.settings import RtspSettings

PASSWORD = "hunter2-xyzzy"
QUICK = RtspSettings(open_s=1.5, read_s=1, stale_s=2)

pytestmark = pytest.mark.timeout(60)


def source_at(url, **options):
    return RtspSource("door", Address(url), **options)


def ends(frames, within_s):
    """Why the frames end, which must be soon."""
    until = time.monotonic() + within_s
    with pytest.raises(SourceError) as ended:
        deque(takewhile(lambda _: time.monotonic() < until, frames))
    assert time.monotonic() < until
    return ended.value


def everything_said(error):
    """What any log or report could show of an error, its hidden context included."""
    said, seen = [], error
    while seen is not None:
        said += [str(seen), repr(seen), *traceback.format_exception(seen)]
        seen = seen.__cause__ or seen.__context__
    return "".join(said)


def test_frames_come_with_size_colours_and_unix_times(rtsp_camera):
    camera = rtsp_camera()
    before = time.time()
    with closing(source_at(camera.url).frames()) as stream:
        frames = list(islice(stream, 10))
    assert {(f.camera, f.source) for f in frames} == {("door", camera.url)}
    assert [f.seq for f in frames] == list(range(10))
    assert all(f.rgb.shape == (540, 960, 3) and f.rgb.dtype == np.uint8 for f in frames)
    assert all(f.rgb.flags.c_contiguous for f in frames)
    assert all(earlier.at <= later.at for earlier, later in pairwise(frames))
    assert before <= frames[0].at <= frames[-1].at <= time.time()


def test_colours_are_those_of_the_clip(rtsp_camera, demo_clip):
    import av

    with av.open(str(demo_clip)) as clip:
        shown = next(clip.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    with closing(source_at(rtsp_camera().url).frames()) as stream:
        received = next(stream).rgb.astype(int)
    assert np.abs(received - shown).mean() < 6
    assert np.abs(received[..., ::-1] - shown).mean() > 12


def test_frames_are_thinned_to_the_wanted_rate(rtsp_camera):
    with closing(source_at(rtsp_camera().url, fps=5).frames()) as stream:
        frames = list(islice(stream, 8))
    assert frames[-1].at - frames[0].at == pytest.approx(7 / 5, abs=0.3)
    assert frames[-1].seq >= 30


@pytest.mark.parametrize(
    ("password", "in_url"), [(PASSWORD, PASSWORD), ("p/ss@w:rd#1", "p%2Fss%40w%3Ard%231"), ("p@ss", "p@ss")]
)
def test_logs_in_with_any_password(rtsp_camera, password, in_url):
    camera = rtsp_camera(f"viewer:{password}")
    with closing(source_at(f"rtsp://viewer:{in_url}@127.0.0.1:{camera.port}/cam").frames()) as stream:
        frame = next(stream)
    assert frame.source == f"rtsp://127.0.0.1:{camera.port}/cam"


def test_a_killed_camera_ends_with_an_error_quickly(rtsp_camera):
    camera = rtsp_camera()
    with closing(source_at(camera.url).frames()) as stream:
        next(stream)
        camera.kill()
        assert f"127.0.0.1:{camera.port}" in str(ends(stream, within_s=3))


def test_reports_frozen_camera_within_ten_seconds(rtsp_camera):
    camera = rtsp_camera()
    with closing(source_at(camera.url).frames()) as stream:
        next(stream)
        camera.process.send_signal(signal.SIGSTOP)
        ends(stream, within_s=10)


def test_a_stalled_camera_that_comes_to_life_again_shows_no_old_frames(rtsp_camera):
    camera = rtsp_camera()
    settings = RtspSettings(open_s=3, read_s=5, stale_s=1)
    with closing(source_at(camera.url, settings=settings).frames()) as stream:
        list(islice(stream, 30))
        camera.process.send_signal(signal.SIGSTOP)
        threading.Timer(2, camera.process.send_signal, [signal.SIGCONT]).start()
        assert "no frame for" in str(ends(stream, within_s=5))


@contextmanager
def silent_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_says_nothing_ends_within_the_open_limit():
    with silent_port() as port:
        ends(source_at(f"rtsp://127.0.0.1:{port}/cam", settings=QUICK).frames(), within_s=2.5)


def test_may_be_opened_again_after_an_error(rtsp_camera):
    camera = rtsp_camera()
    source = source_at(camera.url, settings=QUICK)
    camera.kill()
    ends(source.frames(), within_s=2)
    camera.start()
    with closing(source.frames()) as stream:
        assert next(stream).seq == 0


def wrong_password(camera):
    return camera.url.replace("right", PASSWORD)


def wrong_path(camera):
    return camera.url.replace("right", PASSWORD).replace("/cam", f"/user=viewer&password={PASSWORD}")


def bad_port(camera):
    return f"rtsp://viewer:{PASSWORD}@127.0.0.1:port/cam"


def closed_port(camera):
    with silent_port() as port:
        return f"rtsp://viewer:{PASSWORD}@127.0.0.1:{port}/cam"


def unknown_host(camera):
    return f"rtsp://viewer:{PASSWORD}@no-such-host.invalid/cam"


@pytest.mark.parametrize("url", [wrong_password, wrong_path, bad_port, closed_port, unknown_host])
def test_a_refusal_never_shows_the_password(rtsp_camera, url, caplog):
    caplog.set_level(logging.DEBUG)
    source = source_at(url(rtsp_camera("viewer:right")), settings=QUICK)
    error = ends(source.frames(), within_s=10)
    assert PASSWORD not in everything_said(error) + repr(source) + source.name + caplog.text
    assert str(error).startswith("rtsp://")
    assert "\n" not in str(error)


def wait_for(condition, within_s):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < within_s
        time.sleep(0.02)


@contextmanager
def captured(url):
    """The capture thread at work; gives a look into its mailbox and at the status board."""
    board, bell = Board(["door"]), threading.Condition()
    mailbox = Mailbox(bell, capacity=1, blocks=False)

    def waiting():
        with bell:
            return mailbox.take()

    crashes = []
    capture = Capture("door", source_at(url, settings=QUICK), mailbox, board)
    thread = start(capture, "door", crashes.append)
    try:
        yield waiting, lambda: board.snapshot().cameras["door"]
    finally:
        capture.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert not crashes


def test_capture_is_back_within_five_seconds_of_the_cameras_return(rtsp_camera, caplog):
    caplog.set_level(logging.DEBUG)
    camera = rtsp_camera(f"viewer:{PASSWORD}")
    with captured(camera.url) as (waiting, status):
        wait_for(lambda: status().captured > 3, within_s=5)
        camera.kill()
        wait_for(lambda: status().state is CameraState.DOWN, within_s=3)
        assert PASSWORD not in status().reason
        time.sleep(4)  # several attempts, the pauses between them at their longest
        caplog.clear()
        before, camera_back = status().captured, time.time()
        camera.start()
        wait_for(lambda: status().captured > before, within_s=5)
        assert waiting()[0].at > camera_back
    assert status().reconnects == 1
    assert status().reason is None
    assert PASSWORD not in caplog.text


def test_capture_says_down_once_and_up_once_and_never_the_password(rtsp_camera, caplog):
    caplog.set_level(logging.DEBUG)
    camera = rtsp_camera(f"viewer:{PASSWORD}")
    with captured(camera.url) as (_, status):
        wait_for(lambda: status().state is CameraState.UP, within_s=5)
        camera.kill()
        wait_for(lambda: status().state is CameraState.DOWN, within_s=3)
        time.sleep(1.5)
        camera.start()
        wait_for(lambda: status().state is CameraState.UP, within_s=5)
    said = [r.getMessage() for r in caplog.records if r.name.startswith("maskwatch")]
    assert [line.split(": ")[1].split()[0] for line in said] == ["up", "down", "up"]
    assert PASSWORD not in caplog.text


def test_capture_of_a_camera_that_was_never_there_waits_for_it(rtsp_camera, caplog):
    camera = rtsp_camera()
    camera.kill()
    with captured(camera.url) as (_, status):
        wait_for(lambda: status().state is CameraState.DOWN, within_s=3)
        camera.start()
        wait_for(lambda: status().state is CameraState.UP, within_s=5)


def test_capture_keeps_only_the_newest_frame(rtsp_camera):
    with captured(rtsp_camera().url) as (waiting, status):
        wait_for(lambda: status().captured > 20, within_s=5)
        (frame,) = waiting()
        assert time.time() - frame.at < 0.5
        assert status().dropped >= 19


def test_capture_stops_at_once_while_the_camera_is_away():
    with silent_port() as port:
        pass
    begin = time.monotonic()
    with captured(f"rtsp://127.0.0.1:{port}/cam") as (_, status):
        wait_for(lambda: status().state is CameraState.DOWN, within_s=3)
    assert time.monotonic() - begin < 3
