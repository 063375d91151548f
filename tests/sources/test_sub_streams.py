"""Where a camera's smaller streams are, and what it says of them."""

import random

import pytest
from harness.describing import description

from maskwatch.core.address import Address
from maskwatch.sources.described import Described, described
from maskwatch.sources.sub_streams import MAX_GUESSES, candidates, has_own_addresses


@pytest.mark.parametrize(
    ("main", "others"),
    [
        ("/Streaming/Channels/101", ["/Streaming/Channels/102", "/Streaming/Channels/103"]),
        ("/Streaming/channels/1601?transportmode=unicast", ["/Streaming/channels/1602?transportmode=unicast", "/Streaming/channels/1603?transportmode=unicast"]),
        ("/h264/ch1/main/av_stream", ["/h264/ch1/sub/av_stream"]),
        ("/cam/realmonitor?channel=1&subtype=0", ["/cam/realmonitor?channel=1&subtype=1", "/cam/realmonitor?channel=1&subtype=2"]),
        ("/axis-media/media.amp?videocodec=h264&resolution=1920x1080", ["/axis-media/media.amp?videocodec=h264&resolution=1280x720", "/axis-media/media.amp?videocodec=h264&resolution=640x360"]),
        ("/axis-media/media.amp?resolution=640x360", ["/axis-media/media.amp?resolution=1280x720"]),
        ("/axis-media/media.amp", ["/axis-media/media.amp?resolution=1280x720", "/axis-media/media.amp?resolution=640x360"]),
        ("/h264Preview_01_main", ["/h264Preview_01_sub"]),
        ("/Preview_02_main", ["/Preview_02_sub"]),
        ("/profile2/media.smp", ["/profile3/media.smp", "/profile4/media.smp"]),
        ("/media/video1", ["/media/video2", "/media/video3"]),
        ("/unicast/c12/s0/live", ["/unicast/c12/s1/live", "/unicast/c12/s2/live"]),
        ("/stream1", ["/stream2"]),
        ("/videoMain", ["/videoSub"]),
        ("/onvif1", ["/onvif2"]),
        ("/ch0_0.h264", ["/ch0_1.h264"]),
        ("/user=admin&password=main&channel=1&stream=0.sdp?real_stream", ["/user=admin&password=main&channel=1&stream=1.sdp?real_stream"]),
        ("/Streaming/Channels/102", []),
        ("/cam/realmonitor?channel=1&subtype=1", []),
        ("/unknown", []),
    ],
)  # fmt: skip
def test_makers_have_their_smaller_streams_beside_the_main_one(main, others):
    start = "rtsp://viewer:main%2F101@192.0.2.10:554"
    found = candidates(Address(start + main))
    assert [each.address.reveal() for each in found] == [start + other for other in others]
    assert len(found) <= MAX_GUESSES
    for each in found:
        assert "password" not in each.change
        assert "viewer" not in each.change


@pytest.mark.parametrize("address", ["usb:0", "clip.mp4", "http://h/Streaming/Channels/101", "rtsp://[h/101"])
def test_what_is_no_rtsp_has_none(address):
    assert candidates(Address(address)) == ()
    assert not has_own_addresses(Address(address))


def test_where_each_quality_has_a_token_nobody_can_guess_it():
    address = Address("rtsps://192.0.2.1:7441/AbCdEfGhIjKl0123?enableSrtp")
    assert candidates(address) == ()
    assert has_own_addresses(address)
    assert not has_own_addresses(Address("rtsp://192.0.2.1:554/AbCdEfGhIjKl0123"))


@pytest.mark.parametrize(
    ("codec", "name", "size"),
    [("h264", "H.264", (704, 576)), ("h264", "H.264", (1920, 1080)), ("hevc", "H.265", (640, 360))],
)
def test_the_size_is_read_from_the_parameter_sets(codec, name, size):
    assert described(description(codec, *size)) == Described(name, size)


def test_a_size_that_is_said_plainly_is_taken():
    head = "v=0\r\nm=video 0 RTP/AVP 26\r\n"
    assert described(f"{head}a=x-dimensions:640,480\r\n") == Described("MJPEG", (640, 480))
    assert described(f"{head}a=framesize:26 704-576\r\n") == Described("MJPEG", (704, 576))
    assert described(f"{head}a=cliprect:0,0,480,640\r\n") == Described("MJPEG", (640, 480))


def test_a_description_without_a_video_or_a_size_says_so():
    assert described("v=0\r\nm=audio 0 RTP/AVP 0\r\n") is None
    assert described("v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n") == Described("H.264", None)


def test_a_description_of_anything_raises_nothing():
    whole, dice = description("h264", 640, 360) + description("hevc", 640, 360), random.Random(3)
    for _ in range(60):
        broken = list(whole)
        for _ in range(dice.randrange(1, 30)):
            broken[dice.randrange(len(broken))] = chr(dice.randrange(32, 127))
        found = described("".join(broken))
        assert found is None or found.size is None or all(side > 0 for side in found.size)
