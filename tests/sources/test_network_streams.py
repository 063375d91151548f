"""What FFmpeg reads from the network beside RTSP, each from a server of its own on loopback."""

import logging
import time
from contextlib import closing
from itertools import islice

import av
import numpy as np
import pytest
from harness.cameras import hls_camera, mjpeg_camera, number_of, ts_camera
from harness.rtmp import rtmp_camera

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.sources.paced import LATE_S, MAX_WAIT_S, Pace
from maskwatch.sources.registry import open_source
from maskwatch.sources.settings import RtspSettings


def knows(protocol):
    """Whether the installed FFmpeg has it; nothing answers there."""
    try:
        with av.open(f"{protocol}://127.0.0.1:1/x", timeout=2):
            return True
    except av.ProtocolNotFoundError:
        return False
    except (av.FFmpegError, OSError):
        return True


def seen(url, count, **options):
    """The numbers of the first pictures, and when each came."""
    with closing(open_source("door", Address(url), **options).frames()) as frames:
        return list(zip(*((number_of(f.rgb), time.monotonic()) for f in islice(frames, count)), strict=True))


def test_mpeg_ts_over_http_is_watched():
    with ts_camera() as url:
        numbers, _ = seen(url, 30)
    assert numbers == tuple(range(30))


@pytest.mark.integration
@pytest.mark.skipif(not knows("rtmp"), reason="the installed PyAV reads no rtmp://")
def test_rtmp_is_watched():
    with rtmp_camera() as url:
        numbers, _ = seen(url, 40)
    assert numbers == tuple(range(40))


@pytest.mark.skipif(not knows("srt"), reason="the installed PyAV reads no srt://")
def test_srt_is_watched():
    from harness.cameras import free_port, write_numbered

    url = f"srt://127.0.0.1:{free_port()}"
    import threading

    listening = f"{url}?mode=listener"
    arguments = (listening, "mpegts", 25, 30)
    threading.Thread(target=write_numbered, args=arguments, kwargs={"paced": True}, daemon=True).start()
    numbers, _ = seen(url, 30, rtsp_settings=RtspSettings(open_s=10))
    assert np.diff(numbers).tolist() == [1] * 29


@pytest.mark.skipif(knows("srt"), reason="the installed PyAV reads srt://")
def test_what_this_ffmpeg_does_not_read_is_told_with_what_helps():
    source = open_source("door", Address("srt://user:secret@127.0.0.1:9000?passphrase=secret"))
    with pytest.raises(SourceError, match="the installed PyAV reads no srt://; go2rtc or MediaMTX") as e:
        next(source.frames())
    assert "secret" not in str(e.value)


@pytest.mark.integration
def test_a_playlist_whose_pieces_are_longer_than_the_limits_is_watched_at_its_own_speed(tmp_path, caplog):
    """A piece comes at once, then nothing for its length: neither an outage nor slow decoding."""
    settings = RtspSettings(open_s=5, read_s=1, stale_s=1)
    with hls_camera(tmp_path, 2) as url:
        numbers, times = seen(url, 35, fps=5, rtsp_settings=settings)
    assert np.diff(times).max() < 1.9
    assert np.median(np.diff(times)) == pytest.approx(0.2, abs=0.1)
    assert np.diff(numbers).min() > 0
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.integration
def test_a_slow_mjpeg_camera_is_not_taken_for_slow_decoding(caplog):
    """FFmpeg counts 25 pictures a second of it, however many come."""
    with (
        mjpeg_camera(5) as port,
        closing(open_source("door", Address(f"http://viewer:hunter2@127.0.0.1:{port}/")).frames()) as frames,
    ):
        assert len(list(islice(frames, 18))) == 18
    assert not caplog.records


class Clock:
    def __init__(self, monkeypatch):
        self.now_s, self.slept = 100.0, []
        monkeypatch.setattr("maskwatch.sources.paced.time.monotonic", lambda: self.now_s)
        monkeypatch.setattr("maskwatch.sources.paced.time.sleep", self.sleep)

    def sleep(self, seconds):
        self.slept.append(round(seconds, 3))
        self.now_s += seconds


def test_frames_wait_for_their_time(monkeypatch):
    clock, pace = Clock(monkeypatch), Pace()
    for at in (7.0, 7.2, 7.4):
        pace.wait(at)
    pace.wait(7.8, speed=4)
    assert clock.slept == [0, 0.2, 0.2, 0.1]
    clock.now_s += 0.1
    pace.wait(8.0)
    assert clock.slept[-1] == 0.1  # a little late: the next is in time again
    clock.now_s += LATE_S + 1
    pace.wait(8.1)
    assert clock.slept[-1] == 0
    pace.wait(8.2)
    assert clock.slept[-1] == 0.1
    pace.wait(8.2 + MAX_WAIT_S + 1)
    assert clock.slept[-1] == 0
