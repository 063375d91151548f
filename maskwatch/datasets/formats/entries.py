"""The files of a data set that is written, one after the other: into a folder, or into a zip that streams."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.core.errors import DataError
from maskwatch.platform.files import new_folder, write_atomically


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path in the data set, and its bytes, or the file that they are in."""

    name: str
    content: bytes | Path

    def data(self) -> bytes:
        """Raises `DataError` when they cannot be read."""
        if isinstance(self.content, bytes):
            return self.content
        try:
            return self.content.read_bytes()
        except OSError as e:
            raise DataError(f"{self.content}: {e.strerror}") from e


def write_folder(entries: Iterable[Entry], folder: Path) -> None:
    """All of them or none. Raises `OSError` where there is something already, and `DataError`."""
    with new_folder(folder) as part:
        for entry in entries:
            try:
                write_atomically(part / entry.name, entry.data())
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as e:
                raise DataError(f"{folder / entry.name}: is a file's name and a folder's") from e


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A zip file piece by piece; no more than one entry is in memory. Equal entries give equal bytes."""
    window = _Window()
    with zipfile.ZipFile(window, "w") as archive:
        for entry in entries:
            about = zipfile.ZipInfo(entry.name)  # of no particular day
            about.external_attr = 0o600 << 16  # unpacked, nobody else may read it either
            is_image = isinstance(entry.content, Path)  # which is compressed already
            about.compress_type = zipfile.ZIP_STORED if is_image else zipfile.ZIP_DEFLATED
            archive.writestr(about, entry.data())
            yield window.taken()
    yield window.taken()


class _Window(io.RawIOBase):
    """What was written since the last look; zipfile goes back in it, but never before the present entry."""

    def __init__(self) -> None:
        self._start = 0
        self._buffer = io.BytesIO()

    def taken(self) -> bytes:
        data = self._buffer.getvalue()
        self._start += len(data)
        self._buffer = io.BytesIO()
        return data

    def tell(self) -> int:
        return self._start + self._buffer.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            return self._start + self._buffer.seek(offset - self._start)
        return self._start + self._buffer.seek(offset, whence)

    def write(self, data: Any) -> int:
        return self._buffer.write(data)
