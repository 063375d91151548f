"""Pictures: one file, a folder of them, or a glob. Whatever is decoded from a file is decoded here."""

import logging
import re
from glob import glob, has_magic
from io import BytesIO
from pathlib import Path

import cv2
import imagesize
import numpy as np

from maskwatch.core.address import Address
from maskwatch.core.errors import ImageError, SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame, Rgb, require_size

log = logging.getLogger(__name__)

JPEG_QUALITY = 95
MAX_FILE_MB = 1000  # 50 million pixels of four 16-bit channels, and room for what else a file holds
HEAD_BYTES = 65_536
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
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
        """The image files in natural order; a single path as it is, there or not."""
        if Path(self.name).is_dir():
            found = [p for p in Path(self.name).iterdir() if is_image(p)]
        elif _is_pattern(self.name):
            found = [p for p in map(Path, glob(self.name)) if is_image(p)]  # noqa: PTH207 - Path.glob takes no absolute pattern
        else:
            found = [Path(self.name)]
        return sorted(found, key=natural)


def read_rgb(path: Path) -> Rgb:
    """A picture, upright by its EXIF orientation: `(H, W, 3)` uint8, RGB.

    Raises `SourceError` where it cannot be read or has more than `MAX_PIXELS`.
    """
    try:
        if path.stat().st_size > MAX_FILE_MB * 1_000_000:
            raise SourceError(f"{path}: is larger than {MAX_FILE_MB} MB")
        data = path.read_bytes()
    except OSError as e:
        raise SourceError(f"{path}: {e.strerror}") from e
    return decoded(data, str(path))


def decoded(data: bytes, name: str) -> Rgb:
    """Like `read_rgb`, from a file's bytes; `name` stands for it in errors.

    The size is known before anything is decoded. Raises `SourceError`, of which an
    `ImageError` says that it has more than `MAX_PIXELS`.
    """
    width, height = imagesize.get(BytesIO(data))
    if min(width, height) <= 0:
        raise SourceError(f"{name}: is not a picture that can be read")
    require_size(width, height, name)
    try:
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (cv2.error, MemoryError) as e:
        raise SourceError(f"{name}: cannot be decoded ({type(e).__name__})") from e
    if rgb is None:
        raise SourceError(f"{name}: is not a picture that can be read")
    return np.asarray(rgb, np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as `read_rgb` would give them, decoded only where the head does not tell.

    Raises `SourceError`.
    """
    try:
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
    """A file may be called clip[1].mp4."""
    return has_magic(text) and not Path(text).exists()


def encoded(rgb: Rgb, suffix: str = ".jpg") -> bytes:
    """A picture as the bytes of a file: JPEG of good quality, or PNG. The counterpart of `read_rgb`.

    Raises `OSError` when it cannot be encoded, a side too long for the format say.
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
    """A key to sort by: digits as numbers, so that 2 is before 10. The parts of two keys alternate text and number, and always compare."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", str(path))]
