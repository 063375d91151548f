"""A camera that falls ill: the other goes on, it is said once, and it comes back by itself."""

import time
from contextlib import closing
from itertools import islice

import av
import cv2
import numpy as np
import psutil
import pytest
from harness.cameras import Clip

from maskwatch.core.address import Address
from maskwatch.sources.rtsp import RtspSource

BACK_S = 5
FROZEN_NOTICED_S = 10
OUTAGE_S = 4  # so long that it tries again several times

pytestmark = pytest.mark.timeout(120)


def survives(watched, begin, end, *, noticed_within_s=BACK_S):
    """Make the camera sick, see what must hold, and cure it; gives the times, and the log meanwhile."""
    watched.is_steady()
    service, mark = watched.service, watched.service.mark()
    begin()
    noticed_s = service.until_logged("sick: down", noticed_within_s, after=mark)
    time.sleep(OUTAGE_S)
    watched.well_goes_on()
    end()
    back_s = service.until_logged("sick: up", 3 * BACK_S, after=mark)
    before = service.status().analysed("sick")
    service.until(lambda: service.status().analysed("sick") > before + 2)
    said = service.log[mark:]
    assert said.count("sick: down") == 1
    assert said.count("sick: up") == 1
    assert "well: up" not in said
    assert "well: down" not in said
    assert back_s <= BACK_S
    return {"noticed_s": noticed_s, "back_s": back_s}, said


def test_a_camera_that_is_killed_is_back_within_five_seconds_of_its_return(watched, recovery):
    times, _ = survives(watched, watched.sick.gone, lambda: watched.sick.serve(Clip()))
    recovery(**times)


def test_a_frozen_camera_is_noticed_within_ten_seconds_and_back_within_five(watched, recovery):
    times, _ = survives(watched, watched.sick.freeze, watched.sick.thaw, noticed_within_s=FROZEN_NOTICED_S)
    recovery(**times)


def test_a_camera_that_returns_with_another_size_and_codec_goes_on(watched, recovery):
    clip = Clip(codec="h265", width=640, height=360)
    times, _ = survives(watched, watched.sick.gone, lambda: watched.sick.serve(clip))
    recovery(**times)
    sizes = lambda: {cv2.imread(str(p)).shape for p in watched.queue.glob("sick/*/[!.]*.jpg")}  # noqa: E731
    watched.service.until(lambda: (360, 640, 3) in sizes())
    watched.sick.serve(Clip())


def test_a_camera_that_refuses_the_password_says_so_and_not_the_password(watched):
    watched.is_steady()
    service, mark = watched.service, watched.service.mark()
    watched.sick.serve(Clip(), password="another")
    told = "refuses the user or the password; tried again in"
    service.until_logged(told, after=mark)
    time.sleep(OUTAGE_S)
    watched.well_goes_on()
    assert told in service.status().cameras["sick"]["reason"]
    assert service.log[mark:].count(told) == 1
    watched.sick.serve(Clip())
    mark = service.mark()
    service.reload()  # else it waits for a minute, so as not to be locked out
    service.until_logged("sick: up", after=mark)


def test_a_camera_that_accepts_and_says_nothing_is_down_until_it_speaks(watched, recovery):
    times, _ = survives(watched, watched.sick.silent, lambda: watched.sick.serve(Clip()))
    recovery(**times)


@pytest.mark.parametrize("mode", ["garbage", "truncated"])
def test_a_camera_whose_packets_are_broken_does_no_harm(watched, recovery, mode):
    service, mark = watched.service, watched.service.mark()
    reconnects = service.status().cameras["sick"]["reconnects"]
    watched.sick.mangle(Clip(), mode)
    service.until(lambda: service.status().cameras["sick"]["reconnects"] >= reconnects + 3)
    watched.well_goes_on()
    watched.sick.serve(Clip())
    before = service.status().analysed("sick")
    back_s = service.until(lambda: service.status().analysed("sick") > before, 3 * BACK_S)
    recovery(back_s=back_s)
    assert back_s <= BACK_S
    said = service.log[mark:]
    assert said.count("sick: up") + said.count("sick: down") + said.count("sick: breaks off") <= 7
    assert "well: down" not in said
    service.until_logged("sick: stays connected again", 20, after=mark)


def test_pictures_of_several_slices_come_whole(watched, clips):
    clip = Clip(slices=4)
    with av.open(str(clip.write(clips))) as file:
        shown = [small(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    watched.sick.serve(clip)
    with closing(RtspSource("sick", Address(watched.sick.url)).frames()) as stream:
        received = [small(frame.rgb) for frame in islice(stream, 60)]
    for image in received:
        assert min(np.abs(image - each).mean() for each in shown) < 1
    watched.sick.serve(Clip())


def small(rgb):
    return cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.int16)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_reconnects_leave_no_thread_handle_or_child_behind(watched):
    service = watched.service
    process = psutil.Process(service.pid)

    def kept():
        time.sleep(4)  # the voice's player comes and goes
        return min((process.num_threads(), process.num_fds()) for _ in range(10) if not time.sleep(0.2))

    def reconnects():
        return service.status().cameras["sick"]["reconnects"]

    before = kept()
    for _ in range(50):
        past = reconnects()
        watched.sick.serve(Clip())
        service.until(lambda past=past: reconnects() > past and service.status().up == 2, 15)
    threads, handles = kept()
    assert threads <= before[0] + 1
    assert handles <= before[1] + 2
    assert not [child for child in process.children() if child.status() == psutil.STATUS_ZOMBIE]
