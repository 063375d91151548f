"""Width and height of pictures, from the first bytes of JPEG and PNG: decoding thousands would take minutes."""

import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from maskwatch.sources.images import read_rgb

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
EXIF = 0xE1  # may say that the picture is turned


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as `read_rgb` would give them. Raises `SourceError`."""
    try:
        with path.open("rb") as file:
            size = _from_header(file)
    except (OSError, struct.error):
        size = None
    if size is None:
        rgb = read_rgb(path)
        size = rgb.shape[1], rgb.shape[0]
    return size


def pixels(data: bytes) -> int | None:
    """How many pixels a JPEG or PNG says it has, before any is decoded; None for what is neither."""
    try:
        size = _from_header(BytesIO(data), past_exif=True)
    except struct.error:
        return None
    return None if size is None else size[0] * size[1]


def _from_header(file: BinaryIO, *, past_exif: bool = False) -> tuple[int, int] | None:
    """Width and height, but None where they may have to be turned, unless that makes no difference."""
    start = file.read(len(PNG))
    if start == PNG:
        _, kind, width, height = struct.unpack(">I4sII", file.read(16))
        return (width, height) if kind == b"IHDR" else None
    if not start.startswith(JPEG):
        return None
    file.seek(len(JPEG))
    while True:
        raw_annotation, code, length = struct.unpack(">BBH", file.read(4))
        if raw_annotation != 0xFF or (code == EXIF and not past_exif):
            return None
        if code in FRAME_HEADERS:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)
