"""What is decoded from files: how large it may be, that this is known before, and that one bad picture ends nothing."""

import contextlib
import io
import logging
import re
import struct
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

import maskwatch
from maskwatch.console.review.thumbnails import thumbnail
from maskwatch.core import records
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.records import MAX_PIXELS
from maskwatch.core.records import images as sizes
from maskwatch.sources import decoding, images
from maskwatch.sources.images import ImageSource, decoded, image_size, read_rgb
from maskwatch.sources.registry import open_source


def png(width, height):
    """A whole PNG of 65 bytes or so that says it is this large."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    whole = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def jpeg(width, height):
    small = bytearray(in_format("JPEG", (8, 8)))
    place = small.index(b"\xff\xc0") + 5
    small[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(small)


def bmp(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def tiff(width, height):
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (279, 4, 0),
    ]
    rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + rows + bytes(4)


def webp(width, height):
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    vp8x += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    vp8x += in_format("WEBP", (8, 8))[12:]
    return b"RIFF" + struct.pack("<I", len(vp8x) + 4) + b"WEBP" + vp8x


def gif(width, height):
    return b"GIF89a" + struct.pack("<HH", width, height) + in_format("GIF", (8, 8))[10:]


def netpbm(width, height):
    return f"P6 {width} {height} 255\n".encode()


def in_format(kind, size, **options):
    file = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(file, kind, **options)
    return file.getvalue()


BOMBS = [
    png(60_000, 60_000),
    png(7_072, 7_072),  # a little more than is allowed
    jpeg(60_000, 60_000),
    bmp(60_000, 60_000),
    bmp(60_000, -60_000),  # from the top down
    tiff(60_000, 60_000),
    webp(16_000, 16_000),
    gif(30_000, 30_000),
    netpbm(60_000, 60_000),
]


@pytest.fixture
def no_decoder(monkeypatch):
    def fail(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", fail)


@pytest.mark.parametrize("data", BOMBS, ids=lambda data: f"{data[:4]!r} {len(data)}")
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(data, tmp_path, no_decoder):
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    assert len(data) < 1000
    for read in (read_rgb, image_size, thumbnail):
        with pytest.raises(SourceError, match=r"bomb\.png: has more than 50 million pixels"):
            read(path)


def test_the_limit_lets_an_8k_picture_through(tmp_path):
    assert cv2.imwrite(str(tmp_path / "8k.png"), np.zeros((4320, 7680, 3), np.uint8))
    assert read_rgb(tmp_path / "8k.png").shape == (4320, 7680, 3)
    assert 7071 * 7071 <= MAX_PIXELS < 7072 * 7072


@pytest.mark.parametrize("error", [cv2.error("what OpenCV says"), MemoryError()])
def test_what_the_decoder_refuses_is_told_with_the_pictures_name(error, monkeypatch):
    def refuse(*_):
        raise error

    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(SourceError, match=r"a\.png: cannot be decoded"):
        decoded(in_format("PNG", (8, 8)), "a.png")


def test_a_file_that_is_too_large_for_a_picture_is_not_even_read(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(1_000_000_001)
    with pytest.raises(SourceError, match="is larger than 1000 MB"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_that_is_told_is_that_of_the_decoded_picture(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(in_format(kind, (12, 8), **({} if kind == "BMP" else {"exif": exif})))
    height, width = read_rgb(path).shape[:2]
    assert image_size(path) == (width, height)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "GIF", "PNG"])
def test_of_several_pages_or_pictures_the_first_counts(kind):
    pages = [Image.new("RGB", size) for size in ((12, 8), (12, 8) if kind != "TIFF" else (90, 70))]
    file = io.BytesIO()
    pages[0].save(file, kind, save_all=True, append_images=pages[1:])
    assert decoded(file.getvalue(), "a").shape == (8, 12, 3)


def test_thousands_of_cut_off_pictures_raise_nothing_else():
    random = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000"):
        whole = in_format(kind, (40, 30))
        for _ in range(150):
            data = bytearray(whole[: int(random.integers(len(whole)))])
            for place in random.integers(0, max(1, min(len(data), 120)), 3):
                data[place : place + 1] = bytes([int(random.integers(256))])
            with contextlib.suppress(SourceError):
                assert decoded(bytes(data), "a").ndim == 3


def test_one_place_decodes_pictures():
    root = Path(maskwatch.__file__).parent
    decode = re.compile(r"\b(imread|imdecode|imreadmulti|Image\.open|matplotlib\.image)\b")
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if decode.search(path.read_text())}
    # these decode what the program itself has encoded, a moment ago
    own = {"evaluation/conditions.py", "training/augmentation.py", "evaluation/contact_sheet.py"}
    own |= {"events/clips.py"}
    assert found == {"sources/images.py"} | own


def test_a_folder_goes_on_behind_a_bomb_and_says_it_once(tmp_path, caplog):
    for name, data in {"1.png": in_format("PNG", (40, 30)), "2.png": png(60_000, 60_000)}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "3.png").write_bytes(in_format("PNG", (40_000, 2)))  # too long for OpenCV
    (tmp_path / "4.png").write_bytes(in_format("PNG", (40, 30)))
    caplog.set_level(logging.WARNING)
    frames = list(ImageSource("door", Address(str(tmp_path))).frames())
    assert [(frame.source, frame.seq) for frame in frames] == [("1.png", 0), ("4.png", 3)]
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        f"{tmp_path / '2.png'}: has more than 50 million pixels",
        f"{tmp_path / '3.png'}: a picture's sides must be 1 to 32766 px, not 40000 x 2; left out",
    ]


# --- video --------------------------------------------------------------------------------------------------


def test_a_video_that_says_its_frames_are_huge_is_refused(tmp_path):
    path = tmp_path / "huge.gif"
    path.write_bytes(gif(65_535, 65_535))
    with pytest.raises(SourceError, match=r"huge\.gif"):
        list(open_source("door", Address(str(path))).frames())


def test_a_video_of_too_many_pixels_is_refused_before_a_frame_is_decoded(write_video, monkeypatch):
    path = write_video("clip.mp4", [np.zeros((96, 128, 3), np.uint8)] * 3)
    monkeypatch.setattr(sizes, "MAX_PIXELS", 96 * 128 - 1)
    with pytest.raises(SourceError, match=r"clip\.mp4: has more than .* \(128 x 96\)"):
        list(open_source("door", Address(str(path))).frames())


def test_a_video_whose_frames_grow_on_the_way_breaks_off(tmp_path, monkeypatch):
    """The decoder itself is told the limit: it refuses the frame, and does not first make it."""
    path = tmp_path / "clip.mjpeg"
    small, large = (in_format("JPEG", size) for size in ((64, 48), (640, 480)))
    path.write_bytes(small * 5 + large * 5)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 100_000)
    frames = open_source("door", Address(str(path))).frames()
    sizes = []
    with pytest.raises(SourceError, match=r"clip\.mjpeg"):
        sizes.extend(frame.size for frame in frames)
    assert set(sizes) == {(64, 48)}
    with av.open(str(path)) as container:  # without the limit they are decoded
        assert any(frame.width == 640 for frame in container.decode(video=0))


def test_no_frame_of_any_source_may_have_more(frame):
    wide = np.lib.stride_tricks.as_strided(np.zeros(3, np.uint8), (8000, 8000, 3), (0, 0, 1))
    with pytest.raises(SourceError, match="more than 50 million pixels"):
        frame(rgb=wide)
    assert images.require_size is records.require_size
