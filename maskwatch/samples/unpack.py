"""Data sets from others, as folders or zip files: their text files taken out, within limits of number and size."""

import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from maskwatch.core.errors import DataError
from maskwatch.datasets.formats.coco import ANNOTATIONS
from maskwatch.datasets.formats.registry import Format

MAX_FILES = 200_000
MAX_TEXT_MB = 512  # unpacked, all files together
# One file. Read, a text takes up to 25 times its size in memory as JSON, 1,000 times as YAML
MAX_FILE_MB = {
    ".json": 64,
    ".txt": 16,
    ".xml": 4,
    ".yaml": 0.25,
    ".yml": 0.25,
    ".names": 0.25,
    ".data": 0.25,
}
MAX_PACKED = 100  # times smaller in a zip file than unpacked, a file and all together; labels come to 5 to 30
PACKED_FROM_BYTES = 1_000_000
TEXTS = set(MAX_FILE_MB)  # pictures that come back are not needed
CHUNK = 1 << 20
# what a zip file raises that is cut off, damaged, encrypted, or packed otherwise
BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def unpack(source: Path, folder: Path, formats: Collection[Format]) -> Path:
    """Copy the texts of a folder, a zip file or a single JSON file below `folder`; where all lie in one folder, gives that.

    Raises `DataError`.
    """
    try:
        if source.is_dir():
            _copy_texts(source, folder)
        elif source.suffix.lower() == ".json":
            with source.open("rb") as file, (folder / ANNOTATIONS).open("wb") as target:
                _copy(file.read, target.write, _Budget(source), ANNOTATIONS)
        else:
            _unzip_texts(source, folder)
    except (OSError, *BROKEN) as e:
        raise DataError(f"{source}: cannot be read ({e})") from e
    inside = list(folder.iterdir())
    known = any(kind.matches(folder) for kind in formats)
    return inside[0] if not known and len(inside) == 1 and inside[0].is_dir() else folder


def _copy_texts(source: Path, folder: Path) -> None:
    budget = _Budget(source)
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in TEXTS and path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source_file, target.open("wb") as file:
                _copy(source_file.read, file.write, budget, path.name)


def _unzip_texts(source: Path, folder: Path) -> None:
    """A zip file from strangers: no path leads out of `folder`, and no more is written than the budget allows."""
    budget = _Budget(source, max(PACKED_FROM_BYTES, MAX_PACKED * source.stat().st_size))
    with zipfile.ZipFile(source) as archive:
        for about in archive.infolist():
            name = PurePosixPath(about.filename)
            if about.is_dir() or name.suffix.lower() not in TEXTS:
                continue
            if name.is_absolute() or ".." in name.parts or "\\" in about.filename or ":" in about.filename:
                raise DataError(f"{source}: holds {about.filename!r}, which lies outside of it; refused")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if about.file_size > max(PACKED_FROM_BYTES, MAX_PACKED * about.compress_size):
                raise DataError(f"{source}: {about.filename} is packed too tightly for labels; refused")
            with archive.open(about) as packed, target.open("wb") as file:
                _copy(packed.read, file.write, budget, about.filename)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], int], budget: "_Budget", name: str) -> None:
    budget.begin(name)
    while chunk := read(CHUNK):
        budget.spend(len(chunk))  # what comes out, whatever the header promised
        write(chunk)


class _Budget:
    """How much may be unpacked, at most `most` bytes. Raises `DataError` when it is spent."""

    def __init__(self, source: Path, most: float = math.inf) -> None:
        self._source = source
        self._name = ""
        self._files = MAX_FILES
        self._bytes = min(MAX_TEXT_MB * 1_000_000, most)
        self._most_mb = self._bytes / 1_000_000
        self._of_file: float = 0

    def begin(self, name: str) -> None:
        self._name = name
        self._of_file = MAX_FILE_MB[PurePosixPath(name).suffix.lower()] * 1_000_000
        self._files -= 1
        self._check()

    def spend(self, count: int) -> None:
        self._bytes -= count
        self._of_file -= count
        self._check()

    def _check(self) -> None:
        if self._files < 0 or self._bytes < 0:
            raise DataError(
                f"{self._source}: more than {MAX_FILES} files or {self._most_mb:.3g} MB of labels; refused"
            )
        if self._of_file < 0:
            most = MAX_FILE_MB[PurePosixPath(self._name).suffix.lower()]
            raise DataError(f"{self._source}: {self._name} is larger than {most:g} MB; refused")
