"""What decodes a camera's stream: hardware where it is there, and software wherever that fails."""

import logging
import re
import time
from contextlib import closing
from itertools import islice

import av
import pytest
from harness.cameras import number_of, ts_camera

from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.sources import hardware
from maskwatch.sources.hardware import choose, decoding_threads, why_missing
from maskwatch.sources.registry import open_source
from maskwatch.sources.rtsp import BEHIND_S, GIVE_UP_S
from maskwatch.sources.settings import Decode


@pytest.fixture
def camera():
    with ts_camera(50) as url:
        yield url


@pytest.fixture
def without_devices(monkeypatch):
    """A machine with no hardware that decodes, whatever this one has."""
    monkeypatch.setattr(hardware, "why_missing", lambda _: "cannot be opened (gone)")


def opened(url, decode):
    return open_source("door", Address(url), decode=decode)


def numbers(source, count=20):
    with closing(source.frames()) as frames:
        return [number_of(frame.rgb) for frame in islice(frames, count)]


@pytest.mark.parametrize("device", [Decode.VAAPI, Decode.CUDA])
def test_hardware_that_is_not_there_is_told_by_its_name(device):
    why = why_missing(device)
    if why is None:
        pytest.skip(f"this machine has {device.value}")
    assert re.fullmatch(r"is not in the installed PyAV, which has [\w, ]+|cannot be opened \(.+\)", why)
    assert "\n" not in why


@pytest.mark.parametrize("device", [Decode.VAAPI, Decode.CUDA])
def test_what_opens_as_if_by_hardware_gives_the_same_pictures(camera, device, caplog):
    """On this machine's own hardware, or its own way of lacking it."""
    caplog.set_level(logging.INFO)
    by_software = numbers(opened(camera, Decode.SOFTWARE))
    assert numbers(opened(camera, device)) == by_software == list(range(20))
    assert caplog.text.count(f"door: decode: {device.value}: ") == 1


def test_auto_takes_the_first_that_is_there_and_says_why_none_is(monkeypatch, without_devices):
    device, why = choose(Decode.AUTO)
    assert device is Decode.SOFTWARE
    assert why == "cuda cannot be opened (gone); vaapi cannot be opened (gone)"
    monkeypatch.setattr(hardware, "why_missing", lambda device: None if device is Decode.VAAPI else "gone")
    assert choose(Decode.AUTO) == (Decode.VAAPI, None)
    assert choose(Decode.CUDA) == (Decode.SOFTWARE, "gone")
    assert choose(Decode.SOFTWARE) == (Decode.SOFTWARE, None)


@pytest.mark.parametrize(("decode", "level"), [(Decode.AUTO, "INFO"), (Decode.CUDA, "WARNING")])
def test_a_fallback_is_told_once_and_as_what_was_asked_for(camera, without_devices, caplog, decode, level):
    caplog.set_level(logging.INFO)
    source = opened(camera, decode)
    for _ in range(3):
        assert numbers(source, 3)
    told = [record for record in caplog.records if "it is decoded in software" in record.getMessage()]
    assert [record.levelname for record in told] == [level]


def test_a_device_that_knows_no_codec_of_the_stream_decodes_in_software(camera, monkeypatch, caplog):
    """FFmpeg itself falls back here: this PyAV opens the stream with an accelerator of another build."""
    caplog.set_level(logging.INFO)
    if why_missing(Decode.VAAPI) is None:
        pytest.skip("this machine has vaapi")
    monkeypatch.setattr(hardware, "why_missing", lambda _: None)
    assert numbers(opened(camera, Decode.VAAPI)) == list(range(20))
    assert "decode: vaapi: no codec of it; decoded in software" in caplog.text


class BrokenDevice:
    """As `CleanDecoder`, of a device that takes packets and gives nothing."""

    damage = ""

    def __init__(self, stream, *, until_key):
        pass

    def images(self, packet):
        raise av.ExternalError(1, "the device was lost", "x")


def test_hardware_that_brings_no_picture_is_given_up_for_software(camera, monkeypatch, caplog):
    monkeypatch.setattr(hardware, "why_missing", lambda _: None)
    source = opened(camera, Decode.VAAPI)
    with monkeypatch.context() as broken:
        broken.setattr("maskwatch.sources.rtsp.CleanDecoder", BrokenDevice)
        with pytest.raises(SourceError):
            next(source.frames())
    assert numbers(source) == list(range(20))
    assert source._decoding.accelerator() is None
    assert caplog.text.count("brings no picture; from now on it is decoded in software") == 1


def test_a_camera_that_is_away_is_not_the_hardwares_fault(monkeypatch, caplog):
    monkeypatch.setattr(hardware, "why_missing", lambda _: None)
    source = opened("http://127.0.0.1:1/live.ts", Decode.VAAPI)
    with pytest.raises(SourceError):
        next(source.frames())
    assert not source._decoding._is_given_up
    assert not caplog.records


def test_large_pictures_alone_are_decoded_by_threads(monkeypatch):
    monkeypatch.setattr(hardware, "cores", lambda: 16)
    assert [decoding_threads(w * h) for w, h in ((640, 360), (1920, 1080), (2560, 1440), (3840, 2160))] == [
        1,
        1,
        4,
        4,
    ]
    monkeypatch.setattr(hardware, "cores", lambda: 2)
    assert decoding_threads(3840 * 2160) == 2


def test_a_camera_may_name_what_decodes_it():
    cameras = configuration.parse(
        "decode: auto\ncameras: {a: {source: 'rtsp://h/a'}, b: {source: 'rtsp://h/b', decode: cuda}}", "c", {}
    ).cameras
    assert (cameras["a"].decode, cameras["b"].decode) == (Decode.AUTO, Decode.CUDA)


@pytest.mark.integration
def test_pictures_stay_young_while_decoding_is_slower_than_the_camera(monkeypatch, caplog):
    """Fifty a second come, twelve can be decoded: without an end to it, those shown would be 6 s old after 8 s."""
    from maskwatch.sources.decoding import CleanDecoder

    whole = CleanDecoder.images

    def slow(decoder, packet):
        for image in whole(decoder, packet):
            time.sleep(0.08)
            yield image

    monkeypatch.setattr(CleanDecoder, "images", slow)
    ages, begun_s = [], None
    with ts_camera(50, gop=25) as url, closing(opened(url, Decode.SOFTWARE).frames()) as frames:
        for frame in frames:
            now_s, number = time.monotonic(), number_of(frame.rgb)
            begun_s = begun_s or now_s - number / 50
            ages.append(now_s - begun_s - number / 50)
            if now_s - begun_s > 8:
                break
    assert "decoding is slower than the camera" in caplog.text
    assert max(ages) < BEHIND_S + 1.5 < GIVE_UP_S
    assert ages[-1] < BEHIND_S + 1.5
