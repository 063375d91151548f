"""Which files of a folder were looked at: remembered on the disk, so that none is looked at twice after a restart."""

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
    """A file as it was seen: its size in bytes and when it was changed, Unix time."""

    size: int
    changed_at: float


class DoneFiles:
    """The files of one camera's folder, by their paths below it. One thread may use it.

    A line of JSON a file, appended and flushed, for its user alone; the first says from when on files are new. A line that a
    power cut left half is passed over. Where it cannot be written, a warning says so once, and it is tried again with
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
        """Those of the folder `watched` of that camera, remembered in `folder`."""
        digest = hashlib.sha256(
            f"{camera}\0{watched.absolute()}".encode(errors="surrogateescape")
        ).hexdigest()
        name = re.sub(r"\W+", "_", camera)
        return cls(folder / f"{name}-{digest[:12]}.jsonl", existing=existing)

    def __contains__(self, each: tuple[str, FileState]) -> bool:
        """Whether the file of that path was looked at as it is now."""
        name, state = each
        known = self._known().get(name)
        return (
            known is not None
            and known.size == state.size
            and abs(known.changed_at - state.changed_at) <= SAME_S
        )

    @property
    def since(self) -> float:
        """Files that were changed before this Unix time are old: that of the first start, 0 where all are looked at."""
        self._known()
        return self._since

    def add(self, name: str, state: FileState) -> None:
        """It was looked at."""
        self._known()[name] = state
        self._write([_line(name, state)])

    def forget(self, there: Collection[str]) -> None:
        """Forget files that are not there any more, when they are many; `there` is all that is.

        Where none of those remembered is there, the folder is another, or its share is away: nothing is forgotten.
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
        """Append them; a line break before each, as the one before may be torn."""
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
