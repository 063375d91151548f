"""Pictures: one file, a folder of them, or a glob. All image files are decoded and encoded here."""

import errno
import logging
import os
import re
from glob import glob, has_magic
from io import BytesIO
from pathlib import Path
from typing import Literal

import cv2
import imagesize
import numpy as np

from maskwatch.core.address import Address
from maskwatch.core.errors import ImageError, SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame, Rgb, require_size
from maskwatch.platform.files import read_file

log = logging.getLogger(__name__)

JPEG_QUALITY = 95
MAX_FILE_MB = 1000  # 50 million pixels of four 16-bit channels, and room for what else a file holds
HEAD_BYTES = 65_536
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
TIFF, BIG_TIFF = {b"II*\0", b"MM\0*"}, {b"II+\0", b"MM\0+"}
TIFF_SIZE = (256, 257)  # the tags of width and height
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def matches(address: Address) -> bool:
    """Whether an address is a folder, a glob that is no file's name, or a path with an image's suffix."""
    text = address.reveal()
    return "://" not in text and (Path(text).is_dir() or _is_pattern(text) or is_image(Path(text)))


class ImageSource:
    """Pictures in natural order (2 before 10), one a second of clip time; `source` is each file's name.

    A broken picture is logged and left out; when none is left, `SourceError`.
    """

    live = False

    def __init__(self, camera: str, address: Address) -> None:
        self.name = address.reveal()
        self._camera = camera

    def frames(self) -> Frames:
        paths = self.paths()
        if not paths:
            raise SourceError(f"{Path(self.name).absolute()}: no pictures ({', '.join(sorted(SUFFIXES))})")
        shown = 0
        for seq, path in enumerate(paths):
            try:
                frame = self._frame(seq, path)
            except SourceError as e:
                if len(paths) == 1:
                    raise
                log.warning("%s; left out", e)
                continue
            shown += 1
            yield frame
        if not shown:
            raise SourceError(f"{self.name}: none of {len(paths)} pictures can be read")

    def _frame(self, seq: int, path: Path) -> Frame:
        rgb = read_rgb(path)
        try:
            return Frame(self._camera, path.name, seq, float(seq), rgb)
        except ImageError as e:
            raise SourceError(f"{path}: {e}") from e

    def expected(self) -> int | None:
        return len(self.paths()) or None

    def paths(self) -> list[Path]:
        """The image files in natural order; a single path unchanged, whether it exists or not."""
        if Path(self.name).is_dir():
            found = [p for p in Path(self.name).iterdir() if is_image(p) and p.is_file()]
        elif _is_pattern(self.name):
            found = [p for p in map(Path, glob(self.name)) if is_image(p) and p.is_file()]  # noqa: PTH207 - Path.glob takes no absolute pattern
        else:
            found = [Path(self.name)]
        return sorted(found, key=natural)


def read_rgb(path: Path) -> Rgb:
    """A picture, upright by its EXIF orientation: `(H, W, 3)` uint8, RGB.

    Raises `SourceError` where it cannot be read or has more than `MAX_PIXELS`.
    """
    try:
        data = read_file(path, MAX_FILE_MB * 1_000_000)
    except OSError as e:
        raise SourceError(f"{path}: {e.strerror}") from e
    return decoded(data, str(path))


def decoded(data: bytes, name: str) -> Rgb:
    """Like `read_rgb`, from a file's bytes; errors call it `name`.

    The size is known before anything is decoded. Raises `SourceError`, of which an
    `ImageError` says that it has more than `MAX_PIXELS`.
    """
    width, height = imagesize.get(BytesIO(data))
    if min(width, height) <= 0 or not _says_size_once(data):
        raise SourceError(f"{name}: is not a picture that can be read")
    require_size(width, height, name)
    try:
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (cv2.error, MemoryError) as e:
        raise SourceError(f"{name}: cannot be decoded ({type(e).__name__})") from e
    if rgb is None:
        raise SourceError(f"{name}: is not a picture that can be read")
    return np.asarray(rgb, np.uint8)


def _says_size_once(data: bytes) -> bool:
    """False for a TIFF whose first directory states width or height twice: the decoder may use another one than was checked.

    See TIFF 6.0, section 2; BigTIFF has wider numbers.
    """
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    if data[:4] in BIG_TIFF:
        place, of_count, of_entry = int.from_bytes(data[8:16], order), 8, 20
    elif data[:4] in TIFF:
        place, of_count, of_entry = int.from_bytes(data[4:8], order), 2, 12
    else:
        return True
    count = int.from_bytes(data[place : place + of_count], order)
    begin = place + of_count
    entries = range(begin, min(begin + count * of_entry, len(data)), of_entry)
    tags = [int.from_bytes(data[entry : entry + 2], order) for entry in entries]
    return all(tags.count(tag) == 1 for tag in TIFF_SIZE)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as `read_rgb` would give them; decodes only where the header does not state them.

    Raises `SourceError`.
    """
    try:
        if not path.is_file():
            raise SourceError(f"{path}: {'is no file' if path.exists() else os.strerror(errno.ENOENT)}")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            width, height = imagesize.get(file)
    except OSError as e:
        raise SourceError(f"{path}: {e.strerror}") from e
    # of the others, and of a PNG with EXIF, the reader of heads does not tell whether they are turned
    is_told = head.startswith(JPEG) or (head.startswith(PNG) and b"eXIf" not in head)
    if not is_told or min(width, height) <= 0:
        rgb = read_rgb(path)
        return rgb.shape[1], rgb.shape[0]
    require_size(width, height, str(path))
    return width, height


def _is_pattern(text: str) -> bool:
    """Whether a path is a glob; a file may be called clip[1].mp4."""
    return has_magic(text) and not Path(text).exists()


def encoded(rgb: Rgb, suffix: str = ".jpg") -> bytes:
    """A picture as the bytes of a JPEG file of good quality, or of a PNG file. The counterpart of `decoded`.

    Raises `OSError` when it cannot be encoded, for example when a side is too long for the format.
    """
    parameters = [] if suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    ok, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), parameters)
    if not ok:
        raise OSError(f"a picture of {rgb.shape[1]} x {rgb.shape[0]} px cannot be encoded as {suffix}")
    return data.tobytes()


def is_image(path: Path) -> bool:
    """Whether its name ends like a picture's."""
    return path.suffix.lower() in SUFFIXES


def natural(path: Path) -> list[str | int]:
    """A sort key with digits as numbers, so that 2 is before 10. Its parts alternate text and number, so that any two keys compare."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", str(path))]
