"""What `maskwatch check` finds out about a camera: its stream, the faces in view, a smaller stream, and its picture."""

import re
import stat
from dataclasses import replace

import cv2
import numpy as np
import pytest
from harness.by_colour import BARE, models
from harness.describing import Describing, description

from maskwatch.app.check import faces, stream, sub_streams
from maskwatch.app.check.camera import CheckOptions, look_at
from maskwatch.app.check.faces import FacesSeen, SizeTrial
from maskwatch.app.check.stream import StreamSample, watch
from maskwatch.config.sections import CameraConfig
from maskwatch.core.address import Address
from maskwatch.core.errors import ModelError, SourceError
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.models.loading import Models, pick_device
from maskwatch.platform.files import write_atomically
from maskwatch.sources import hardware
from maskwatch.sources.facts import StreamFacts
from maskwatch.sources.images import encoded, read_rgb

BLACK = np.zeros((90, 160, 3), np.uint8)


class Footage:
    """A source of frames at these times, so many seconds of work each."""

    name, live = "door", True

    def __init__(self, times, facts=None):
        self._times = times
        self.closed = False
        if facts is not None:
            self.facts = facts

    def frames(self):
        try:
            for seq, at in enumerate(self._times):
                yield Frame("door", self.name, seq, at, BLACK)
        finally:
            self.closed = True


def watched(size=(1920, 1080), **changes):
    frame = Frame("door", "door", 0, 0.0, np.zeros((size[1], size[0], 3), np.uint8))
    plain = StreamSample(
        "rtsp://h/x", True, frame, frame, 0.42, 25.0, 4.0, StreamFacts("H.264", size, 25.0, 1.0)
    )
    return replace(plain, **changes)


def test_a_camera_is_watched_for_two_seconds_and_let_go():
    source = Footage([100 + seq / 5 for seq in range(1000)])
    seen = watch(source)
    assert source.closed
    assert seen.last.at - seen.first.at == pytest.approx(2 + stream.SETTLE_S, abs=0.4)
    assert seen.fps == pytest.approx(5)


def test_what_was_buffered_is_no_measure_of_the_rate():
    burst = [100 + seq / 1000 for seq in range(30)]
    rest = [100.2 + seq / 5 for seq in range(30)]
    assert watch(Footage(burst + rest)).fps == pytest.approx(5, rel=0.1)
    facts = StreamFacts()
    for seq in range(50):
        facts.note_image(seq / 8, is_key=False)
    assert watch(Footage(burst + rest, facts)).fps == pytest.approx(8)  # the stream's own clock knows better


def test_a_camera_that_gives_no_frame_says_so_and_one_of_one_frame_has_no_rate():
    with pytest.raises(SourceError, match="gives no frame"):
        watch(Footage([]))
    seen = watch(Footage([100.0]))
    assert (seen.fps, seen.frame_ms) == (None, None)
    assert stream.told(seen, "", None) == "door: 160 x 90, first picture after 0.0 s"


def test_the_stream_is_told_in_a_line():
    assert stream.told(watched(), "TCP", None) == (
        "rtsp://h/x over TCP: H.264, 1920 x 1080, 25 frames a second, key frame every 1.0 s, "
        "first picture after 0.4 s, decoding 4 ms a frame"
    )
    assert "12.5 frames a second (says 25)" in stream.told(watched(fps=12.5), "TCP", None)


def test_pixels_that_are_not_square_are_told_and_those_that_ought_not_to_be():
    sent = StreamFacts("H.264", (960, 1080))
    assert stream.sizes(watched(facts=sent), None) == "960 x 1080 shown as 1920 x 1080 by its pixel aspect"
    assert stream.sizes(watched(facts=sent), 16 / 9).endswith("shown as 1920 x 1080 by aspect 16:9")
    squeezed = stream.sizes(watched((960, 1080)), None)
    assert squeezed == ("960 x 1080 (no pixel aspect is told: if people look narrow, set aspect: '16:9')")
    assert "'4:3'" in stream.sizes(watched((704, 576)), None)
    assert stream.sizes(watched((640, 480)), None) == "640 x 480"
    turned = replace(watched((1080, 1920)), facts=StreamFacts("H.264", (1920, 1080)))
    assert stream.sizes(turned, None) == "1080 x 1920"


def test_decoding_is_too_slow_when_it_takes_longer_than_the_camera():
    assert not watched(frame_ms=39).is_too_slow
    assert watched(frame_ms=41).is_too_slow
    assert watched(frame_ms=41, fps=3.0).is_too_slow  # as it could not keep up
    assert not watched(frame_ms=41, live=False).is_too_slow  # footage waits


def test_several_threads_decode_a_large_picture(monkeypatch):
    monkeypatch.setattr(hardware, "cores", lambda: 2)
    assert not watched((3840, 2160), frame_ms=79).is_too_slow
    assert watched((3840, 2160), frame_ms=81).is_too_slow


def seen(*widths, smaller=(), least=20.0, size=(1920, 1080)):
    def face(width):
        return Face(Box(10, 10, 10 + width, 10 + width), 0.99)

    frame = Frame("door", "door", 0, 0.0, np.zeros((size[1], size[0], 3), np.uint8))
    report = FrameReport("door", "door", 0, 0.0, size, tuple(map(face, widths)))
    return FacesSeen(frame, report, tuple(map(face, smaller)), least, 50.0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (seen(), "nobody in view now; "),
        (seen(22, 60), "2 faces in view, 22 to 60 px wide: detect.min_face_px 20 fits (faces from about 12 px are found); "),
        (seen(41), "1 face in view, 41 px wide: detect.min_face_px 20 fits (faces from about 12 px are found); "),
        (seen(60, smaller=[13, 15]), "3 faces in view, 13 to 60 px wide: detect.min_face_px 20 is too large, 2 of them are missed for it; 13 would find them; "),
        (seen(100, 90), "2 faces in view, 90 to 100 px wide: detect.min_face_px 20 finds them; where nobody is further away, 32 costs less; "),
        (seen(30, least=None), "1 face in view, 30 px wide; "),
    ],
)  # fmt: skip
def test_the_faces_in_view_tell_whether_the_smallest_that_is_looked_for_fits(found, expected):
    told = faces.told(found, 90)
    assert told.startswith(expected)
    assert "a face (16 cm, in a view 90° wide) has 77, 31, 15 px at 2, 5, 10 m" in told
    # 12 px, as faces of 0.6 of the smallest that is looked for are found
    assert told.endswith(" and is found up to 12.8 m") == (found.least_px is not None)


def test_what_each_smallest_face_costs_is_told_in_a_line():
    tried = [SizeTrial(12, 150.4, 3), SizeTrial(20, 52.0, 1)]
    assert faces.compared(tried) == "smallest face: 12 px 150 ms, 3 faces; 20 px 52 ms, 1 face"


LOGIN = "viewer:hunter2"
MAIN, SUB, THIRD = "/Streaming/Channels/101", "/Streaming/Channels/102", "/Streaming/Channels/103"


@pytest.fixture
def describing():
    servers = []

    def make(streams, login=LOGIN):
        servers.append(Describing(streams, login))
        return servers[-1]

    yield make
    for each in servers:
        each.close()


def test_the_largest_of_the_smaller_streams_is_found_by_asking_alone(describing):
    server = describing({SUB: description("h264", 640, 360), THIRD: description("h264", 1280, 720)})
    found = sub_streams.find(Address(server.url(MAIN, LOGIN)), (1920, 1080))
    assert (found.stream.change, found.codec, found.size) == ("103 in place of 101", "H.264", (1280, 720))
    assert {method for method, _, _ in server.asked} == {"DESCRIBE"}
    assert server.connections == 1
    assert len(server.asked) == 3  # one to be asked for the login


def test_a_stream_that_is_as_large_is_no_smaller_one(describing):
    server = describing({SUB: description("h264", 1920, 1080)})
    assert sub_streams.find(Address(server.url(MAIN, LOGIN)), (1920, 1080)) is None


def test_after_the_first_refusal_the_password_is_not_tried_again(describing):
    server = describing({SUB: description("h264", 640, 360)})
    assert sub_streams.find(Address(server.url(MAIN, "viewer:wrong")), (1920, 1080)) is None
    assert [with_login for _, _, with_login in server.asked] == [False, True]
    assert server.connections == 1


def test_a_camera_of_no_known_maker_is_asked_nothing(describing):
    server = describing({})
    assert sub_streams.find(Address(server.url("/door", LOGIN)), (1920, 1080)) is None
    assert server.connections == 0


SMALL = sub_streams.SmallerStream(
    sub_streams.SubStream(Address("rtsp://viewer:hunter2@h/102"), "102 in place of 101"), "H.264", (640, 360)
)


@pytest.mark.parametrize(
    ("smaller", "size", "slow", "expected"),
    [
        (SMALL, (1920, 1080), False, "there is a smaller stream with 102 in place of 101 (H.264, 640 x 360)"),
        (SMALL, (1920, 1080), True, "decoding is slower than the camera: take the smaller stream with 102 in place of 101 (H.264, 640 x 360)"),
        (SMALL, (3840, 2160), False, "the picture is far larger than faces need: take the smaller stream with 102 in place of 101 (H.264, 640 x 360)"),
        (None, (1920, 1080), False, ""),
        (None, (1920, 1080), True, "decoding is slower than the camera: take a stream of fewer pixels, if the camera has one"),
    ],
)  # fmt: skip
def test_a_smaller_stream_is_named_and_advised_where_it_helps(smaller, size, slow, expected):
    told = sub_streams.told(Address("rtsp://viewer:hunter2@h/101"), smaller, size, None, slow=slow)
    assert told == expected


def test_it_is_told_what_is_left_of_a_face_there_and_when_it_is_squeezed():
    def told(small, face):
        other = replace(SMALL, size=small)
        return sub_streams.told(Address("rtsp://h/101"), other, (1920, 1080), face, slow=False).split(
            "; ", 1
        )[1]

    assert told((640, 360), (90.0, 20.0)) == "a face of 90 px has 30 there"
    assert (
        told((640, 360), (45.0, 20.0)) == "a face of 45 px has 15 there, too few: they are found from 20 on"
    )
    # shown as 1024 x 576
    assert (
        told((704, 576), (45.0, 20.0))
        == "a face of 45 px has 24 there; it is squeezed, so set aspect: '16:9'"
    )


def test_where_every_quality_has_its_own_address_it_is_said_where_to_find_it():
    told = sub_streams.told(Address("rtsps://h:7441/AbCdEfGhIjKl0123"), None, (3840, 2160), None, slow=False)
    assert "UniFi Protect" in told
    assert "AbCd" not in told


FACE = (60, 40, 100, 80)


@pytest.fixture
def door(write_video, tmp_path):
    """Looks at a camera of one face, with these settings."""
    rgb = np.full((270, 480, 3), 120, np.uint8)
    x1, y1, x2, y2 = FACE
    rgb[y1:y2, x1:x2] = BARE
    rgb[y1 + 10 : y1 + 12, x1:x2] = (255, 40, 40)  # something to know it by
    path = write_video("door.mkv", [rgb] * 5, codec="ffv1", pix_fmt="bgr0")

    def look(**settings):
        made = CameraConfig.model_validate({"source": str(path)} | settings)
        return look_at("정문", made, models, CheckOptions(tmp_path / "out"))

    return look


def test_a_picture_of_the_camera_is_left_for_its_user_alone(door, tmp_path):
    found = door(zones={"hall": [(0.5, 0.1), (0.9, 0.1), (0.9, 0.9)]})
    assert found.picture == tmp_path / "out" / "정문.jpg"
    assert stat.S_IMODE(found.picture.stat().st_mode) == 0o600
    picture = read_rgb(found.picture)
    assert picture.shape[1] == 480
    assert picture.shape[0] > 270  # the ruler is below it
    x1, y1, x2, _ = FACE
    assert picture[y1, x1:x2].std(axis=0).max() < 40  # its box
    assert (picture[27, 250:420].max(axis=1) > 180).mean() > 0.9  # the zone's upper edge
    assert found.lines[0].startswith("door.mkv: FFV1, 480 x 270, 10 frames a second, decoding ")
    assert "1 face in view, 40 px wide" in found.lines[2]


def test_no_more_of_a_face_is_in_it_than_may_be_shown(door):
    def sharpest(path):
        """The largest step within the face."""
        return np.abs(np.diff(read_rgb(path)[45:72, 80, 0].astype(int))).max()

    assert sharpest(door().picture) > 30
    assert sharpest(door(privacy="blur").picture) < 20
    found = door(privacy="aggregate")
    assert found.picture is None


def test_a_picture_of_before_goes_when_there_may_be_none_any_more(door):
    path = door().picture
    door(privacy="aggregate")
    assert not path.exists()


def test_what_is_ignored_is_dark_in_it_and_no_face(door):
    found = door(ignore=[[(0.1, 0.1), (0.3, 0.1), (0.3, 0.35), (0.1, 0.35)]])
    assert "5% of the picture ignored; " in found.lines[1]
    assert "nobody in view now" in found.lines[2]
    assert read_rgb(found.picture)[60, 80].max() < 100


def test_a_place_that_takes_no_picture_fails_only_where_it_was_asked_for(door, tmp_path):
    (tmp_path / "out").write_text("in the way")
    found = door()
    assert found.picture is None
    assert found.lines[-1].startswith(f"no picture: {tmp_path / 'out'}")
    made = CameraConfig.model_validate({"source": str(tmp_path / "door.mkv")})
    with pytest.raises(SourceError, match="out"):
        look_at("door", made, models, CheckOptions(tmp_path / "out", picture_required=True))


def test_without_models_the_stream_is_told_all_the_same(door, tmp_path):
    def fail():
        raise ModelError("no weights")

    made = CameraConfig.model_validate({"source": str(tmp_path / "door.mkv")})
    found = look_at("door", made, fail, CheckOptions(tmp_path / "out"))
    assert len(found.lines) == 1
    assert found.picture is None


def test_a_face_that_is_missed_for_its_size_is_found_by_the_real_models(bare, tmp_path):
    """The portrait twice, as it is and at a fifth: 120 px are too many to look for."""
    rgb = np.full((640, 960, 3), 110, np.uint8)
    rgb[20:620, 20:532] = bare
    small = cv2.resize(bare, (102, 120), interpolation=cv2.INTER_AREA)
    rgb[300:420, 700:802] = small
    write_atomically(tmp_path / "door.png", encoded(rgb, ".png"))
    made = CameraConfig.model_validate({"source": str(tmp_path / "door.png"), "detect": {"min_face_px": 120}})
    shipped = Models(pick_device("cpu"))
    found = look_at("door", made, lambda: shipped, CheckOptions(tmp_path / "out", compare=True))
    assert "2 faces in view, " in found.lines[2]
    assert "detect.min_face_px 120 is too large, 1 of them is missed for it; " in found.lines[2]
    assert re.fullmatch(
        r"smallest face: 12 px \d+ ms, 2 faces; 16 px \d+ ms, 2 faces; .*32 px \d+ ms, 2 faces",
        found.lines[3],
    )
    assert found.picture is not None
