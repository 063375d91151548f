"""Every kind of source but RTSP: what is shown, when, in which colours, and what is said when it cannot be."""

import shutil
import time
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import SourceError
from maskwatch.sources.decoding import Cadence
from maskwatch.sources.file import FileSource
from maskwatch.sources.images import ImageSource, read_rgb
from maskwatch.sources.paced import PacedSource
from maskwatch.sources.registry import open_source
from maskwatch.sources.rtsp import RtspSource
from maskwatch.sources.usb import UsbSource

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
COUNT = 12

VIDEO_KINDS = {
    "mp4": ("libx264", "yuv420p"),
    "mkv": ("libx264", "yuv420p"),
    "avi": ("mpeg4", "yuv420p"),
    "mov": ("mjpeg", "yuvj420p"),
    "webm": ("libvpx-vp9", "yuv420p"),
    "gif": ("gif", "rgb8"),
}


def solid(colour, width=70, height=50):  # 70: a width that decoders pad
    return np.full((height, width, 3), colour, np.uint8)


def noise(count):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(count)]


def save(path, rgb):
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def show(path, **options):
    return list(open_source("door", Address(str(path)), **options).frames())


def is_near(rgb, colour):
    return np.abs(rgb.astype(int) - colour).max() < 40


@pytest.fixture(params=[*VIDEO_KINDS, "folder"])
def footage(request, write_video, tmp_path):
    """Half red, then blue."""
    images = [solid(RED)] * (COUNT // 2) + [solid(BLUE)] * (COUNT // 2)
    if request.param == "folder":
        for number, rgb in enumerate(images):
            save(tmp_path / f"{number}.png", rgb)
        return tmp_path
    codec, pix_fmt = VIDEO_KINDS[request.param]
    return write_video(f"clip.{request.param}", images, codec=codec, pix_fmt=pix_fmt)


def test_every_kind_gives_contiguous_rgb_in_the_right_colours(footage):
    frames = show(footage)
    for frame in frames:
        assert (frame.rgb.shape, frame.rgb.dtype) == ((50, 70, 3), np.uint8)
        assert frame.rgb.flags.c_contiguous
    colours = [frame.rgb.mean((0, 1)) for frame in frames]  # the GIF encoder leaves specks
    assert all(is_near(colour, RED) for colour in colours[: COUNT // 2])
    assert all(is_near(colour, BLUE) for colour in colours[COUNT // 2 :])


def test_every_kind_counts_frames_and_starts_its_clock_at_zero(footage):
    frames = show(footage)
    assert [frame.seq for frame in frames] == list(range(COUNT))
    assert frames[0].at == 0
    assert all(before.at < after.at for before, after in pairwise(frames))
    assert {frame.camera for frame in frames} == {"door"}


def test_every_kind_names_the_file_of_each_frame(footage):
    names = [f"{number}.png" for number in range(COUNT)] if footage.is_dir() else [footage.name] * COUNT
    assert [frame.source for frame in show(footage)] == names


def test_every_kind_gives_the_same_when_shown_again(footage):
    source = open_source("door", Address(str(footage)))
    first, again = list(source.frames()), list(source.frames())
    assert [(f.seq, f.at) for f in first] == [(f.seq, f.at) for f in again]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(first, again, strict=True))


def test_every_kind_knows_about_how_many_frames_will_come(footage):
    assert abs(open_source("door", Address(str(footage))).expected() - COUNT) <= 1


def test_every_kind_may_be_left_in_the_middle(footage):
    frames = open_source("door", Address(str(footage))).frames()
    assert len(list(islice(frames, 3))) == 3
    frames.close()
    assert len(show(footage)) == COUNT


@pytest.mark.parametrize(
    ("name", "tolerance_s"), [("clip.mp4", 0.001), ("clip.mkv", 0.001), ("clip.gif", 0.01)]
)
def test_times_are_the_presentation_times_of_a_variable_frame_rate(write_video, name, tolerance_s):
    at = [0.0, 0.04, 0.5, 0.533, 2.0, 2.04]
    codec, pix_fmt = VIDEO_KINDS[name[-3:]]
    path = write_video(name, noise(len(at)), at=at, codec=codec, pix_fmt=pix_fmt)
    assert [frame.at for frame in show(path)] == pytest.approx(at, abs=tolerance_s + 1e-9)


def test_clock_starts_at_zero_in_a_clip_whose_first_frame_comes_late(write_video):
    path = write_video("clip.mkv", noise(3), at=[5.0, 5.1, 5.2])
    assert [frame.at for frame in show(path)] == pytest.approx([0, 0.1, 0.2], abs=1e-3)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.gif"])
def test_a_last_picture_that_stays_long_is_not_taken_for_a_cut_off_file(tmp_path, name):
    codec, pix_fmt = VIDEO_KINDS[name[-3:]]
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 70, 50, pix_fmt
        stream.codec_context.max_b_frames = 0
        images = [av.VideoFrame.from_ndarray(solid((250 - 40 * n, 0, 0)), format="rgb24") for n in range(5)]
        packets = [packet for image in [*images, None] for packet in stream.encode(image)]
        for packet in packets:
            packet.duration = packet.duration or 1
        packets[-1].duration *= 50
        container.mux(packets)
    assert len(show(tmp_path / name)) == 5


# A landscape picture whose left edge is red and whose lower right corner is green.
# Degrees are counter-clockwise: by 90, the left edge comes to lie at the bottom.
@pytest.mark.parametrize(
    ("degrees", "red", "green"),
    [
        (0, np.s_[:, :10], np.s_[-10:, -10:]),
        (90, np.s_[-10:, :], np.s_[:10, -10:]),
        (180, np.s_[:, -10:], np.s_[:10, :10]),
        (270, np.s_[:10, :], np.s_[-10:, :10]),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_rotation_metadata_is_honoured(tmp_path, suffix, degrees, red, green):
    rgb = solid(BLUE, 96, 64)
    rgb[:, :16], rgb[-16:, -16:] = RED, GREEN
    path = tmp_path / f"turned.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    (frame,) = show(path)
    assert frame.rgb.shape == ((96, 64, 3) if degrees % 180 else (64, 96, 3))
    assert frame.rgb.flags.c_contiguous
    assert is_near(frame.rgb[red], RED)
    assert is_near(frame.rgb[green], GREEN)


def with_orientation(path, number):
    """Put an EXIF block with nothing but the orientation into a JPEG."""
    tiff = (
        b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0" + bytes([number, 0, 0, 0]) + b"\0\0\0\0"
    )
    block = b"Exif\0\0" + tiff
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:])


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (64, 96), np.s_[:, :10]),
        (3, (64, 96), np.s_[:, -10:]),
        (6, (96, 64), np.s_[:10, :]),  # to be seen turned clockwise
        (8, (96, 64), np.s_[-10:, :]),
    ],
)
def test_exif_orientation_is_honoured(tmp_path, orientation, size, red):
    rgb = solid(BLUE, 96, 64)
    rgb[:, :16] = RED
    path = save(tmp_path / "turned.jpg", rgb)
    with_orientation(path, orientation)
    (frame,) = show(path)
    assert frame.rgb.shape == (*size, 3)
    assert is_near(frame.rgb[red], RED)


def test_grey_and_transparent_pictures_come_as_rgb(tmp_path):
    assert cv2.imwrite(str(tmp_path / "1.png"), np.full((50, 70), 80, np.uint8))
    assert cv2.imwrite(str(tmp_path / "2.png"), np.full((50, 70, 4), (0, 0, 255, 128), np.uint8))
    grey, transparent = show(tmp_path)
    assert is_near(grey.rgb, (80, 80, 80))
    assert is_near(transparent.rgb, RED)


@pytest.mark.parametrize(
    ("recorded_fps", "wanted_fps", "expected"),
    [
        (25, 5, range(0, 50, 5)),
        (25, 25, range(50)),
        (25, 100, range(50)),
        (25, None, range(50)),
        (25, 0.5, [0]),
    ],
)
def test_video_is_thinned_to_the_wanted_rate(write_video, recorded_fps, wanted_fps, expected):
    path = write_video("clip.mp4", [solid(RED)] * 50, rate=recorded_fps)
    frames = show(path, fps=wanted_fps)
    assert [frame.seq for frame in frames] == list(expected)
    assert [frame.at for frame in frames] == pytest.approx([seq / recorded_fps for seq in expected])


@pytest.mark.parametrize(
    ("fps", "times", "due"),
    [
        (5, [0, 0.1, 0.2, 0.3, 0.4], [0, 0.2, 0.4]),
        (5, [0, 1, 2, 3], [0, 1, 2, 3]),  # slower than wanted: all
        (5, [0, 0.19, 0.21, 0.39, 0.41], [0, 0.21, 0.41]),  # lateness does not add up
        (1, [0, 5, 5.1, 5.9, 6.1], [0, 5, 6.1]),  # no burst after a gap
        (5, [100, 100.1, 0, 0.1, 0.2], [100, 0, 0.2]),  # the clock was set back
        (None, [0, 0, 0.001], [0, 0, 0.001]),
    ],
)
def test_cadence_chooses_evenly(fps, times, due):
    cadence = Cadence(fps)
    assert [at for at in times if cadence.is_due(at)] == due


@pytest.mark.parametrize(("recorded_fps", "fps"), [(30, 10), (29.97, 5), (25, 10), (15, 4), (25, 24)])
def test_cadence_reaches_the_wanted_rate_and_never_exceeds_it(recorded_fps, fps):
    cadence = Cadence(fps)
    due = [at for at in (n / recorded_fps for n in range(round(60 * recorded_fps))) if cadence.is_due(at)]
    assert 60 * fps - 2 <= len(due) <= 60 * fps + 1


def test_cadence_holds_on_a_variable_frame_rate():
    rng = np.random.default_rng(3)
    cadence = Cadence(5)
    due = [at for at in np.cumsum(rng.uniform(0.005, 0.15, 2000)) if cadence.is_due(at)]
    per_second = np.bincount(np.floor(due).astype(int))[1:-1]
    assert per_second.max() <= 6
    assert per_second.mean() == pytest.approx(5, abs=0.1)


def write_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_nothing(path):
    pass


def write_text(path):
    path.write_text("neither video nor picture\n" * 50)


def write_cut(path, **options):
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for rgb in noise(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def write_cut_with_index_in_front(path):
    write_cut(path, movflags="faststart")
    assert b"moov" in path.read_bytes()


def write_cut_with_sound(path, *, keep=0.5):
    """Matroska tells the duration of the longest track alone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("libopus", rate=48000, layout="mono")
        for number, rgb in enumerate(noise(40)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
            heard.sample_rate, heard.pts = 48000, number * 4800
            container.mux(sound.encode(heard))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * keep)])


def write_folder_without_images(path):
    path.mkdir()
    write_text(path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("missing.mp4", write_nothing),
        ("empty.mp4", Path.touch),
        ("text.mp4", write_text),
        ("sound only.mp4", write_sound),
        ("cut, index at the end.mp4", write_cut),
        ("cut, index in front.mp4", write_cut_with_index_in_front),
        ("cut.mkv", write_cut),
        ("cut, with sound.mkv", write_cut_with_sound),
        ("missing.png", write_nothing),
        ("empty.png", Path.touch),
        ("text.jpg", write_text),
        ("empty folder", Path.mkdir),
        ("folder of notes", write_folder_without_images),
        ("pattern that finds nothing *.jpg", write_nothing),
    ],
)
def test_refuses_in_one_line_that_names_the_file(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    with pytest.raises(SourceError) as refused:
        show(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_cut_off_video_gives_what_it_holds_first(tmp_path):
    write_cut_with_index_in_front(tmp_path / "cut.mp4")
    frames = FileSource("door", Address(str(tmp_path / "cut.mp4"))).frames()
    assert len(list(islice(frames, 10))) == 10
    with pytest.raises(SourceError, match=r"cut off|Invalid data"):
        list(frames)


def test_a_video_whose_sound_lasts_longer_is_not_cut_off(tmp_path):
    path = tmp_path / "sound.mkv"
    write_cut_with_sound(path, keep=1)
    whole = show(path)
    assert len(whole) == 40


def test_a_broken_picture_in_a_folder_is_reported_and_left_out(tmp_path, caplog):
    for name in ("1.png", "3.png"):
        save(tmp_path / name, solid(RED))
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:20])
    assert [frame.source for frame in show(tmp_path)] == ["1.png", "3.png"]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "2.png" in warning


def test_a_folder_of_nothing_but_broken_pictures_is_an_error(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match="none of 2 pictures"):
        show(tmp_path)


def test_pictures_come_in_natural_order(tmp_path):
    for name in ("10.png", "2.png", "1.jpg", "cam10-a.png", "cam9-b.PNG", "notes.txt"):
        save(tmp_path / name, solid(RED)) if name != "notes.txt" else (tmp_path / name).touch()
    names = [frame.source for frame in show(tmp_path)]
    assert names == ["1.jpg", "2.png", "10.png", "cam9-b.PNG", "cam10-a.png"]


def test_a_pattern_chooses_pictures(tmp_path):
    for name in ("a1.png", "a2.png", "b1.png"):
        save(tmp_path / name, solid(RED))
    assert [frame.source for frame in show(tmp_path / "a*.png")] == ["a1.png", "a2.png"]


@pytest.mark.parametrize("name", ["12:30:00.mp4", "clip[1].mp4", "http:clip.mp4", "문 1.mp4", "-clip.mp4"])
def test_a_video_may_have_any_name(write_video, tmp_path, monkeypatch, name):
    shutil.copy(write_video("plain.mp4", [solid(RED)] * 3), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(show(name)) == 3
    assert open_source("door", Address(name)).expected() == 3


@pytest.mark.parametrize("name", ["titled.avi", "titled.mkv", "titled.mp4"])
@pytest.mark.parametrize("of", ["file", "track"])
def test_a_title_in_another_encoding_does_no_harm(tmp_path, name, of):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        titled = container if of == "file" else stream
        titled.metadata["title" if of == "file" or name != "titled.mp4" else "handler_name"] = "XXXXXXXX"
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(solid(RED, 96, 64), format="rgb24")))
        container.mux(stream.encode(None))
    assert b"XXXXXXXX" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"XXXXXXXX", "마스크요".encode("euc-kr")))
    assert len(show(path)) == 1
    assert open_source("door", Address(str(path))).expected() == 1


@pytest.fixture
def webcam(write_video):
    """A device that is an AVI file."""
    path = write_video("webcam.avi", [solid(RED, 96, 64)] * 10, codec="mjpeg", pix_fmt="yuvj420p")
    return lambda index: cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)


def test_usb_camera_gives_rgb_with_unix_times_and_its_end_is_an_error(webcam):
    source = UsbSource("door", Address("/dev/video3"), open_device=webcam)
    before, stream = time.time(), source.frames()
    frames = list(islice(stream, 10))
    with pytest.raises(SourceError, match="usb:3: gives no more frames"):
        next(stream)
    assert [frame.seq for frame in frames] == list(range(10))
    assert all(before <= frame.at <= time.time() for frame in frames)
    assert all(is_near(frame.rgb, RED) and frame.rgb.flags.c_contiguous for frame in frames)


def test_usb_camera_is_asked_for_by_its_number(webcam):
    asked = []
    source = UsbSource(
        "door", Address("usb:12"), open_device=lambda index: asked.append(index) or webcam(index)
    )
    next(source.frames())
    assert asked == [12]


def test_a_usb_camera_that_cannot_be_opened_is_an_error():
    source = UsbSource("door", Address("usb:7"), open_device=lambda _: cv2.VideoCapture())
    with pytest.raises(SourceError, match="usb:7: cannot be opened"):
        list(source.frames())


def test_of_a_usb_camera_that_is_not_there_nothing_but_the_error_is_said(capfd):
    with pytest.raises(SourceError, match="usb:97: cannot be opened"):
        list(UsbSource("door", Address("usb:97")).frames())
    assert capfd.readouterr() == ("", "")


def test_paced_footage_comes_at_its_own_speed(write_video):
    path = write_video("clip.mp4", [solid(RED)] * 6, rate=10)
    begin = time.monotonic()
    assert len(list(PacedSource(FileSource("door", Address(str(path)))).frames())) == 6
    assert 0.5 <= time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://192.0.2.1/stream", RtspSource),
        ("RTSPS://viewer:pw@192.0.2.1:322/", RtspSource),
        ("usb:0", UsbSource),
        ("/dev/video12", UsbSource),
        ("clip.mp4", FileSource),
        ("clip.MKV", FileSource),
        ("missing/folder/clip", FileSource),
        ("usb.mp4", FileSource),
        ("photo.jpg", ImageSource),
        ("PHOTO.JPEG", ImageSource),
        ("photos/*.png", ImageSource),
        (str(Path(__file__).parent), ImageSource),
    ],
)
def test_the_address_tells_the_kind(address, kind):
    assert type(open_source("door", Address(address))) is kind


@pytest.mark.parametrize("address", ["gopher://viewer:hunter2@192.0.2.1/video", "ftp://192.0.2.1/clip.mp4"])
def test_an_address_of_no_kind_is_refused_without_its_password(address):
    with pytest.raises(SourceError, match=r"must be rtsp://…, .* or a path") as refused:
        open_source("door", Address(address))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("password", ["hunter2/more", "hunter2?more", "hunter2#more", "12/hunter2"])
def test_a_raw_sign_in_a_password_is_refused_with_how_to_write_it(password):
    """Else what stands before the sign would be taken for a host, and asked for at a name server."""
    with pytest.raises(
        SourceError, match=r"in a password / \? # @ : are written %2F %3F %23 %40 %3A"
    ) as refused:
        open_source("door", Address(f"rtsp://viewer:{password}@192.0.2.1/stream1"))
    assert "hunter2" not in str(refused.value)


SECRET_ADDRESSES = [
    ("rtsp://viewer:hunter2@192.0.2.1:554/stream1", "hunter2"),
    ("rtsp://viewer:p@hunter2@192.0.2.1:554/stream1", "hunter2"),
    ("rtsp://viewer:hunter2:more@192.0.2.1/stream1", "hunter2"),
    ("rtsp://viewer:hunter2/more@192.0.2.1/stream1", "hunter2"),
    ("rtsp://viewer:12/hunter2@192.0.2.1/stream1", "hunter2"),
    ("rtsp://viewer:4711/x@192.0.2.1/stream1", "4711"),
    ("rtsp://viewer:4711#x@192.0.2.1/stream1", "4711"),
    ("rtsp://viewer:4711?x@192.0.2.1/stream1", "4711"),
    ("rtsp://viewer:#hunter2@192.0.2.1/stream1", "hunter2"),
    ("rtsp://viewer:?hunter2@192.0.2.1/stream1", "hunter2"),
    ("rtsp://viewer:hunter2@192.0.2.1:port/stream1", "hunter2"),
    ("rtsp://viewer:hunter2@192.0.2.1:99999/stream1", "hunter2"),
    ("rtsp://viewer:hunter2@[::1/stream1", "hunter2"),
    ("rtsp://viewer:hunter2℀@192.0.2.1/stream1", "hunter2"),
    ("rtsp://192.0.2.1/stream1?token=hunter2", "hunter2"),
    ("rtsp://192.0.2.1/stream1?hunter2", "hunter2"),
    ("rtsp://192.0.2.1/stream1#hunter2", "hunter2"),
    ("rtsp://192.0.2.1:554/user=admin&password=hunter2&channel=1&stream=0.sdp?real_stream", "hunter2"),
    ("rtsp://192.0.2.1:554/user=admin_password=hunter2_channel=1", "hunter2"),
    ("rtsp://192.0.2.1:554/user%3Dadmin%26password%3Dhunter2", "hunter2"),
    ("rtsp://192.0.2.1:554/0/admin:hunter2/main", "hunter2"),
    ("HTTP://viewer:hunter2@192.0.2.1/", "hunter2"),
    ("rtsps://192.0.2.1:7441/AbCdhunter2?enableSrtp", "hunter2"),
    ("rtsps://192.0.2.1/hunter2", "hunter2"),
    ("rtsp://192.0.2.1:7447/AbCdhunter2", "hunter2"),
]


@pytest.mark.parametrize(("url", "secret"), SECRET_ADDRESSES)
def test_an_address_never_shows_its_password(url, secret):
    address = Address(url)
    for shown in (str(address), repr(address), f"{address}", f"{[address]}", "%s" % address):  # noqa: UP031
        assert secret not in shown
    assert address.reveal() == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://viewer:hunter2@192.0.2.1:554/stream1", "rtsp://192.0.2.1:554/stream1"),
        ("rtsp://192.0.2.1/live/ch0?token=1", "rtsp://192.0.2.1/…"),
        ("clips/a=b@c.mp4", "clips/a=b@c.mp4"),
        ("usb:0", "usb:0"),
    ],
)
def test_an_address_shows_where_it_leads(url, shown):
    assert str(Address(url)) == shown


@pytest.mark.parametrize("url", [url for url, _ in SECRET_ADDRESSES if url.startswith("rtsp://viewer:")])
def test_credentials_are_taken_out_of_a_message(url):
    text = redacted(f"[Errno 111] Connection refused: '{url}' (3 attempts)")
    assert "hunter2" not in text
    assert "4711" not in text
    assert text.startswith("[Errno 111] Connection refused: 'rtsp://")
    assert text.endswith("(3 attempts)")


def test_a_message_without_credentials_stays_as_it_is():
    text = "rtsp://192.0.2.1/stream1: refused, ask admin@example.org"
    assert redacted(text) == text


def test_a_picture_that_cannot_be_read_names_itself(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        read_rgb(tmp_path / "none.png")


def test_time_base_of_the_container_does_not_round_the_times(write_video):
    at = [float(Fraction(number * 1001, 30000)) for number in range(30)]
    path = write_video("clip.mp4", [solid(RED)] * 30, rate=Fraction(30000, 1001))
    assert [frame.at for frame in show(path)] == pytest.approx(at, abs=1e-6)
