"""Every kind of source that comes with maskwatch does what a source must."""

import socket
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from harness.cameras import mjpeg_camera

from maskwatch.conformance.sources import CAMERA, SourceContract
from maskwatch.core.address import Address
from maskwatch.sources.kinds import clips, drop, file, images, rtsp, stdin, stream, usb
from maskwatch.sources.registry import SOURCES, open_source
from maskwatch.sources.settings import RtspSettings
from maskwatch.sources.stdin import PipedFile
from maskwatch.sources.usb import UsbSource


class TestFile(SourceContract):
    @pytest.fixture(autouse=True)
    def clip(self, write_video):
        self.path = write_video("clip.mp4", [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(8)])

    def settings(self, tmp_path):
        return file.Settings(address=str(self.path))

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        return open_source(CAMERA, file.Settings(address=str(tmp_path / "no.mp4")))


class TestClips(SourceContract):
    @pytest.fixture(autouse=True)
    def archive(self, write_video, tmp_path):
        self.folder = tmp_path / "archive"
        for hour in ("9", "10"):
            (self.folder / hour).mkdir(parents=True)
            clip = write_video(f"{hour}.mp4", [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(4)])
            clip.rename(self.folder / hour / "clip.mp4")

    def settings(self, tmp_path):
        return clips.Settings(address=str(self.folder))

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        return open_source(CAMERA, clips.Settings(address=str(tmp_path / "none")))


class TestDrop(SourceContract):
    def settings(self, tmp_path):
        folder = tmp_path / "ftp"
        folder.mkdir(exist_ok=True)
        for number in range(4):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), 20 * number, np.uint8))
        return drop.Settings(address=str(folder), dir=tmp_path / "state", existing=True, steady_s=0.5)

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        return open_source(CAMERA, drop.Settings(address=str(tmp_path / "none"), dir=tmp_path / "state"))


class TestImages(SourceContract):
    def settings(self, tmp_path):
        for number in range(4):
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((48, 64, 3), 20 * number, np.uint8))
        return images.Settings(address=str(tmp_path))

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        return open_source(CAMERA, images.Settings(address=str(tmp_path / "no.png")))


class TestStdin(SourceContract):
    """A file in the place of the terminal; what a pipe is like is in `test_stdin.py`."""

    @pytest.fixture(autouse=True)
    def redirected(self, write_video):
        path = write_video("clip.mp4", [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(8)])
        with path.open("rb") as self.file:
            yield

    def settings(self, tmp_path):
        return stdin.Settings(address="-")

    def make(self, tmp_path):
        return PipedFile(CAMERA, Address("-"), descriptor=self.file.fileno())

    def make_broken(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))  # pytest's own standard input


class TestUsb(SourceContract):
    """With a device that is not there but for its frames."""

    class Device:
        def __init__(self, index):
            self.left = 5 if index == 0 else -1

        def isOpened(self):  # noqa: N802 - OpenCV's name
            return self.left >= 0

        def grab(self):
            self.left -= 1
            return self.left >= 0

        def retrieve(self):
            return True, np.full((48, 64, 3), self.left, np.uint8)

        def release(self):
            self.left = -1

    def settings(self, tmp_path):
        return usb.Settings(address="usb:0")

    def make(self, tmp_path):
        return UsbSource(CAMERA, Address("usb:0"), open_device=self.Device)

    def make_broken(self, tmp_path):
        return open_source(CAMERA, usb.Settings(address="usb:99"))


class TestRtsp(SourceContract):
    password = "hunter2"

    @pytest.fixture(autouse=True)
    def camera(self, request):
        self.request = request

    def settings(self, tmp_path):
        return rtsp.Settings(address=getattr(self, "url", "rtsp://viewer:hunter2@127.0.0.1:1/cam"))

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"rtsp://viewer:hunter2@127.0.0.1:{port}/cam"
        return open_source(CAMERA, rtsp.Settings(address=address), rtsp_settings=RtspSettings(open_s=2))

    @contextmanager
    def shown(self, tmp_path):
        self.url = self.request.getfixturevalue("rtsp_camera")("viewer:hunter2").url
        yield


class TestStream(SourceContract):
    """A camera that sends MJPEG over HTTP."""

    password = "hunter2"

    def settings(self, tmp_path):
        return stream.Settings(address=getattr(self, "url", "http://viewer:hunter2@127.0.0.1:1/video"))

    def make(self, tmp_path):
        return open_source(CAMERA, self.settings(tmp_path))

    def make_broken(self, tmp_path):
        settings = stream.Settings(address="http://viewer:hunter2@127.0.0.1:1/video")
        return open_source(CAMERA, settings, rtsp_settings=RtspSettings(open_s=2))

    @contextmanager
    def shown(self, tmp_path):
        with mjpeg_camera() as port:
            self.url = f"http://viewer:hunter2@127.0.0.1:{port}/video"
            yield


def test_every_kind_is_held_to_the_contract():
    tested = {kind.__name__.removeprefix("Test").lower() for kind in SourceContract.__subclasses__()}
    assert tested >= {name for name, _ in SOURCES.own()}


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://h/s", "rtsp"),
        ("http://h/s.m3u8", "stream"),
        ("srt://h:9000", "stream"),
        ("RTSPS://h/s", "rtsp"),
        ("-", "stdin"),
        ("stdin:", "stdin"),
        ("usb:0", "usb"),
        ("/dev/video12", "usb"),
        ("a.mp4", "file"),
        ("usb:zero", "file"),
        ("a.jpg", "images"),
        ("*.mp4", "clips"),
        (".", "images"),
        ("a", "file"),
    ],
)
def test_an_address_means_a_kind(address, kind):
    made = open_source("door", Address(address))
    assert type(made) is type(open_source("door", SOURCES.kind(kind).Settings(address=address)))
