"""A file in a camera's place whose disk goes away: the cameras go on, and it continues when the disk is back."""

import shutil
import struct
import zlib
from contextlib import contextmanager

import pytest
from harness.cameras import sources
from harness.service import Service

BACK_S = 10  # it is tried again after 3 s, after 6 s more, and ever more seldom

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def started(cameras, tmp_path):
    """Runs the service with footage beside a camera, whose password must not show in the end."""
    entries, passwords = sources(cameras[1:])

    @contextmanager
    def start(path):
        config = {
            "cameras": {"clip": {"source": str(path)}, **entries},
            "fps": 2,
            "device": "cpu",
            "alert": {"sinks": ["log"]},
            "queue": {"dir": str(tmp_path / "queue")},
            "web": {"port": 0},
        }
        with Service(config, tmp_path / "service", passwords) as service:
            yield service
            service.must_keep_secret(cameras[1].password, tmp_path / "queue")

    return start


def well_goes_on(service, frames=6):
    before = service.status().analysed("well")
    service.until(lambda: service.status().analysed("well") >= before + frames)


def test_footage_that_is_lost_in_the_middle_goes_on_where_it_broke_off(
    started, demo_clip, tmp_path, recovery
):
    path = tmp_path / "clip.mp4"
    shutil.copy(demo_clip, path)
    with started(path) as service:
        service.until(lambda: service.url() and service.status().analysed("clip") >= 3)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 3)
        noticed_s = service.until_logged("clip: down")
        service.until(lambda: service.status().cameras["clip"]["state"] == "down")
        assert service.status().cameras["clip"]["reason"]
        well_goes_on(service)
        shutil.copy(demo_clip, path)
        back_s = service.until(lambda: service.status().cameras["clip"]["state"] == "up", 3 * BACK_S)
        recovery(noticed_s=noticed_s, back_s=back_s)
        service.until(lambda: service.status().cameras["clip"]["state"] == "ended")
        # 9 s at 2 a second, none twice; a slow machine may skip some of them
        assert 14 <= service.status().captured("clip") <= 20
        assert service.log.count("clip: down") == 1
        well_goes_on(service)
    assert back_s <= BACK_S


def test_footage_that_is_not_there_yet_is_shown_when_it_is(started, demo_clip, tmp_path, recovery):
    path = tmp_path / "stick" / "clip.mp4"
    with started(path) as service:
        service.until_logged("clip: down")
        assert "No such file" in service.log
        service.until(lambda: service.url() and service.status().up == 1)
        well_goes_on(service)
        path.parent.mkdir()
        shutil.copy(demo_clip, path)
        back_s = service.until_logged("clip: up", 3 * BACK_S)
        recovery(back_s=back_s)
        assert service.log.count("clip: down") == 1
    assert back_s <= BACK_S + 5


def bomb():
    """A PNG of 65 bytes that claims 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    whole = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def test_a_picture_that_claims_billions_of_pixels_does_no_harm(started, bare, tmp_path):
    import cv2

    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "1.png").write_bytes(bomb())
    assert len(bomb()) == 65
    with started(folder) as service:
        service.until_logged("clip: down")  # there is nothing else in it
        service.until(lambda: service.url() and service.status().up == 1)
        well_goes_on(service)
        assert cv2.imwrite(str(folder / "2.png"), bare[..., ::-1])
        service.until(lambda: service.status().cameras["clip"]["state"] == "ended", 3 * BACK_S)
        service.until(lambda: service.status().analysed("clip") == 1)
        assert "1.png: has more than 50 million pixels (60000 x 60000); left out" in service.log
        well_goes_on(service)
