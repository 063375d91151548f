"""Sets from strangers, as folders or zip files: their texts taken out, and no more of them than is good."""

import shutil
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from maskwatch.core.errors import DataError
from maskwatch.learn.formats.coco import ANNOTATIONS
from maskwatch.learn.formats.registry import Format

# pictures that come back are not needed
TEXTS = {".json", ".txt", ".xml", ".yaml", ".yml", ".names", ".data"}
MOST_FILES = 200_000
MOST_TEXT_MB = 512  # unpacked, all files together
CHUNK = 1 << 20


def unpack(source: Path, folder: Path, formats: Collection[Format]) -> Path:
    """Copy the texts of a folder, a zip file or a single JSON file below `folder`; where all lie in one folder, gives that.

    Raises `DataError`.
    """
    try:
        if source.is_dir():
            _copy_texts(source, folder)
        elif source.suffix.lower() == ".json":
            _Budget(source).spend(source.stat().st_size)
            shutil.copyfile(source, folder / ANNOTATIONS)
        else:
            _unzip_texts(source, folder)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
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
            budget.spend(path.stat().st_size)
            shutil.copyfile(path, target)


def _unzip_texts(source: Path, folder: Path) -> None:
    """A zip file from strangers: no path leads out of `folder`, and no more is written than the budget allows."""
    budget = _Budget(source)
    with zipfile.ZipFile(source) as archive:
        for about in archive.infolist():
            name = PurePosixPath(about.filename)
            if about.is_dir() or name.suffix.lower() not in TEXTS:
                continue
            if name.is_absolute() or ".." in name.parts or "\\" in about.filename or ":" in about.filename:
                raise DataError(f"{source}: holds {about.filename!r}, which lies outside of it; refused")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(about) as packed, target.open("wb") as file:
                _copy(packed.read, file.write, budget)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], int], budget: "_Budget") -> None:
    budget.spend(0)
    while chunk := read(CHUNK):
        budget.spend(len(chunk), files=0)  # what comes out, whatever the header promised
        write(chunk)


class _Budget:
    """How much may be unpacked. Raises `DataError` when it is spent."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._files = MOST_FILES
        self._bytes = MOST_TEXT_MB * 1_000_000

    def spend(self, count: int, files: int = 1) -> None:
        self._files -= files
        self._bytes -= count
        if self._files < 0 or self._bytes < 0:
            raise DataError(
                f"{self._source}: more than {MOST_FILES} files or {MOST_TEXT_MB} MB of labels; refused"
            )
