"""A folder of frames from clips, in which no frame of one clip takes the place of another's."""

import hashlib
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

from maskwatch.core.records import Rgb
from maskwatch.platform.files import write_atomically
from maskwatch.sources.images import encoded

COMMENT = b"\xff\xfe"  # the marker of a JPEG's comment
SAYS = b"maskwatch extract "
LONGEST_NAME = 200  # bytes, of what stands before a frame's number


class Clip:
    """A video or picture. `mark` tells it from every other: it is of the file's place and of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        digest = hashlib.sha256(os.fsencode(path.resolve()))
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:  # a camera shows something else each time
            digest.update(uuid4().bytes)
        self.mark = SAYS + digest.hexdigest()[:16].encode()

    def names(self) -> Iterator[str]:
        """What its frames may be called: its name, the same after the folders that it lies in, then with numbers."""
        yield self.path.stem
        above = self.path.resolve().parent.parts[1:]
        for number in range(2, len(above) + 1):
            name = "_".join([*above[-number:], self.path.stem])
            if len(os.fsencode(name)) <= LONGEST_NAME:
                yield name
        for number in count(2):
            yield f"{self.path.stem}-{number}"


class FrameFolder:
    """Each frame says in a comment which clip it is of, so a clip has the same names whenever it is extracted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name: dict[
            bytes, tuple[str, Iterator[str]]
        ] = {}  # by a clip's mark: its name, and those after that
        self._written: set[Path] = set()

    @property
    def written(self) -> int:
        """How many files."""
        return len(self._written)

    def write(self, clip: Clip, seq: int, rgb: Rgb) -> Path:
        """Write a frame as JPEG, under the first of the clip's names that no other clip's frame has."""
        plain = encoded(rgb)
        marked = _with_comment(plain, clip.mark)
        if clip.mark not in self._name:
            names = clip.names()
            self._name[clip.mark] = next(names), names
        while True:
            name, more = self._name[clip.mark]
            path = self._folder / f"{name}_{seq:06d}.jpg"
            if not path.exists() or path.read_bytes() in {plain, marked} or clip.mark in _head(path):
                write_atomically(path, marked)
                self._written.add(path)
                return path
            self._name[clip.mark] = next(more), more


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _with_comment(jpeg: bytes, text: bytes) -> bytes:
    """After the first segment, which must be the first."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:end] + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + jpeg[end:]
