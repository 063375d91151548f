"""Which files of a folder have been processed, kept on disk so that none is processed twice after a restart."""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from maskwatch.platform.files import make_file, make_folder, replacing, sync_folder

log = logging.getLogger(__name__)

SAME_S = 2  # times of one file may differ by so much, as disks round them
MANY = 1000  # remembered files that are no longer there


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's size in bytes and modification time (Unix time) when it was seen."""

    size: int
    changed_at: float


class DoneFiles:
    """The processed files of one camera's folder, by their paths below it. Not thread-safe.

    One line of JSON for each file, appended and flushed, mode 0600; the first line says from when on files are new. A line that a
    power cut left incomplete is skipped. Where the file cannot be written, one warning says so, and it is tried again with
    the next file.
    """

    def __init__(self, path: Path, *, existing: bool = False) -> None:
        self._path = path
        self._existing = existing
        self._done: dict[str, FileState] | None = None
        self._unwritten: list[str] = []
        self._problem: str | None = None
        self._since = 0.0

    @classmethod
    def of(cls, folder: Path, camera: str, watched: Path, *, existing: bool) -> "DoneFiles":
        """The processed files of the camera's folder `watched`; their list is kept in `folder`."""
        digest = hashlib.sha256(
            f"{camera}\0{watched.absolute()}".encode(errors="surrogateescape")
        ).hexdigest()
        name = re.sub(r"\W+", "_", camera)
        return cls(folder / f"{name}-{digest[:12]}.jsonl", existing=existing)

    def __contains__(self, each: tuple[str, FileState]) -> bool:
        """Whether the file at that path has been processed in its present state."""
        name, state = each
        known = self._known().get(name)
        return (
            known is not None
            and known.size == state.size
            and abs(known.changed_at - state.changed_at) <= SAME_S
        )

    @property
    def since(self) -> float:
        """Files modified before this Unix time are old: the time of the first start, or 0 where all files are processed."""
        self._known()
        return self._since

    def add(self, name: str, state: FileState) -> None:
        """It was looked at."""
        self._known()[name] = state
        self._write([_line(name, state)])

    def forget(self, there: Collection[str]) -> None:
        """Forget files that no longer exist, when they are many; `there` holds all that do.

        Where none of the remembered files exists, it is another folder, or its network share is offline: nothing is forgotten.
        """
        done = self._known()
        kept = {name: done[name] for name in there if name in done}
        if not kept or len(done) - len(kept) < MANY:
            return
        self._done = kept
        try:
            with replacing(self._path) as part:
                part.touch(mode=0o600)
                part.write_text("\n".join([self._head(), *(_line(*each) for each in kept.items()), ""]))
        except OSError as e:
            self._tell(e)

    def _known(self) -> dict[str, FileState]:
        if self._done is not None:
            return self._done
        self._done = {}
        try:
            lines = self._path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            self._since = 0.0 if self._existing else time.time()
            self._write([self._head()])
            return self._done
        except OSError as e:
            self._tell(e)
            self._since = 0.0 if self._existing else time.time()
            return self._done
        for line in lines:
            self._take(line, self._done)
        return self._done

    def _take(self, line: str, done: dict[str, FileState]) -> None:
        """A line of the file; one that is damaged is passed over."""
        try:
            match json.loads(line):
                case {"since": float() | int() as since}:
                    self._since = 0.0 if self._existing else float(since)
                case [str() as name, int() as size, float() | int() as changed_at]:
                    done[name] = FileState(size, float(changed_at))
        except ValueError:
            return

    def _head(self) -> str:
        return json.dumps({"since": self._since})

    def _write(self, lines: list[str]) -> None:
        """Append them, each after a line break, as the line before may be incomplete."""
        self._unwritten += lines
        try:
            is_new = not self._path.exists()
            if is_new:
                make_folder(self._path.parent)
                make_file(self._path)
            with self._path.open("a") as file:
                file.write("".join(f"\n{line}" for line in self._unwritten) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)
        except OSError as e:
            self._tell(e)
            return
        self._unwritten = []
        if self._problem is not None:
            log.info("%s: written again", self._path)
        self._problem = None

    def _tell(self, error: OSError) -> None:
        why = error.strerror or type(error).__name__
        if why != self._problem:
            log.warning(
                "%s: %s; what is looked at now may be looked at again after a restart", self._path, why
            )
        self._problem = why


def _line(name: str, state: FileState) -> str:
    return json.dumps([name, state.size, state.changed_at])
