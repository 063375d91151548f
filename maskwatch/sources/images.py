"""Pictures: one file, a folder of them, or a glob."""

import logging
import re
from glob import glob, has_magic
from pathlib import Path

import cv2
import numpy as np

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame, Rgb

log = logging.getLogger(__name__)

JPEG_QUALITY = 95
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def matches(address: Address) -> bool:
    text = address.reveal()
    return "://" not in text and (Path(text).is_dir() or _is_pattern(text) or _is_image(Path(text)))


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
            raise SourceError(f"{self.name}: no pictures ({', '.join(sorted(SUFFIXES))})")
        shown = 0
        for seq, path in enumerate(paths):
            try:
                rgb = read_rgb(path)
            except SourceError as e:
                if len(paths) == 1:
                    raise
                log.warning("%s; left out", e)
                continue
            shown += 1
            yield Frame(self._camera, path.name, seq, float(seq), rgb)
        if not shown:
            raise SourceError(f"{self.name}: none of {len(paths)} pictures can be read")

    def expected(self) -> int | None:
        return len(self.paths()) or None

    def paths(self) -> list[Path]:
        if Path(self.name).is_dir():
            found = [p for p in Path(self.name).iterdir() if _is_image(p)]
        elif _is_pattern(self.name):
            found = [p for p in map(Path, glob(self.name)) if _is_image(p)]  # noqa: PTH207 - Path.glob takes no absolute pattern
        else:
            found = [Path(self.name)]
        return sorted(found, key=_natural)


def read_rgb(path: Path) -> Rgb:
    """A picture, upright by its EXIF orientation: `(H, W, 3)` uint8, RGB. Raises `SourceError`."""
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as e:
        raise SourceError(f"{path}: {e.strerror}") from e


def decoded(data: bytes, name: str) -> Rgb:
    """The same from a file's bytes; `name` stands for it in errors."""
    rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if rgb is None:
        raise SourceError(f"{name}: is not a picture that can be read")
    return np.asarray(rgb, np.uint8)


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


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _natural(path: Path) -> list[str | int]:
    """Digits as numbers; the parts of two keys alternate text and number, so they always compare."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", str(path))]
