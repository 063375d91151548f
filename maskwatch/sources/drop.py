"""A folder into which a camera puts clips and pictures: each is processed when it has been written completely."""

import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.core.text import pluralize
from maskwatch.sources.clips import USUAL_S, began_at, is_clip
from maskwatch.sources.decoding import open_container
from maskwatch.sources.done_files import DoneFiles, FileState
from maskwatch.sources.file import FileSource
from maskwatch.sources.images import is_image, natural, read_rgb
from maskwatch.sources.paced import Pace

log = logging.getLogger(__name__)

LOOK_S = 1.0
EMPTY_S = 60.0  # some make a file long before they write to it
SPEED = 4.0  # while more waits, as after an outage, clips are shown so many times as quick
PICTURE_S = 0.2  # between two pictures, so that none is dropped
DAY_S, AHEAD_S = 86_400.0, 60.0  # so much later than its name says a file may come, and so much earlier
UNFINISHED = {".part", ".tmp", ".temp", ".filepart", ".partial", ".crdownload", ".upload"}


@dataclass(frozen=True, slots=True)
class _File:
    """A file in the folder; `name` is its path below the folder, `key` identifies it even when it is renamed."""

    path: Path
    name: str
    state: FileState
    key: tuple[int, int] | str

    @property
    def is_named(self) -> bool:
        """Whether it has its final name, not one for files still being written."""
        return not self.path.name.startswith((".", "~")) and self.path.suffix.lower() not in UNFINISHED


@dataclass
class _Arrivals:
    """Notices when a file has been written completely: it no longer changes, or is renamed to its final name."""

    steady_s: float
    _seen: dict[tuple[int, int] | str, tuple[_File, float]] = field(default_factory=dict)

    def settled(self, files: list[_File], now_s: float) -> list[_File]:
        """The files that are complete. To be called repeatedly, with all that may be new."""
        before, self._seen = self._seen, {}
        come = []
        for each in files:
            known, since_s = before.get(each.key, (each, now_s))
            was_renamed = each.is_named and not known.is_named
            if known.state != each.state:
                since_s = now_s
            self._seen[each.key] = each, since_s
            steady_s = self.steady_s if each.state.size else max(EMPTY_S, self.steady_s)
            if each.is_named and (was_renamed or now_s - since_s >= steady_s):
                come.append(each)
        return come


class DropSource:
    """A live source: up while the folder can be read, however long nothing comes; down while it cannot.

    Frames are stamped with the Unix time at which they were taken: that of the file's name, in this machine's time zone, where
    it fits the file, else the file's modification time. A clip is shown at its own speed, faster while others wait. What was shown to
    its end is remembered; what was interrupted, by a power cut say, is shown again.
    """

    live = True

    def __init__(
        self,
        camera: str,
        folder: Path,
        done: DoneFiles,
        *,
        fps: float | None = None,
        aspect: float | None = None,
        steady_s: float = 5.0,
        look_s: float = LOOK_S,
    ) -> None:
        self.name = str(folder)
        self._camera = camera
        self._folder = folder
        self._done = done
        self._fps = fps
        self._aspect = aspect
        self._look_s = look_s
        self._arrivals = _Arrivals(steady_s)
        self._tell_idle: Callable[[], None] = lambda: None
        self._was_mount = False
        self._last_at = 0.0
        self._seq = -1
        self._told: set[str] = set()

    def on_idle(self, tell: Callable[[], None]) -> None:
        """See the port."""
        self._tell_idle = tell

    def check(self) -> str:
        """See the port."""
        files = [each for each in self._files() if each.is_named and _is_taken(each)]
        if not files:
            return f"{self.name}: no clip or picture yet"
        newest_s = time.time() - max(each.state.changed_at for each in files)
        return f"{self.name}: {pluralize(len(files), 'file')}, the newest {_ago(newest_s)}"

    def expected(self) -> int | None:
        return None

    def frames(self) -> Frames:
        """The frames, for ever. Raises `SourceError` when the folder cannot be read."""
        while True:
            began_s = time.monotonic()
            come = self._come()
            self._tell_idle()
            for place, each in enumerate(come):
                yield from self._shown(each, speed=SPEED if come[place + 1 :] else 1.0)
                self._tell_idle()
            if not come:  # a folder of many files is looked at more seldom
                time.sleep(max(self._look_s, 10 * (time.monotonic() - began_s)))

    def _come(self) -> list[_File]:
        """The files to show now, oldest first. Raises `SourceError` when the folder cannot be read."""
        files = self._files()
        taken = [each for each in files if _is_taken(each)]
        new = [each for each in taken if (each.name, each.state) not in self._done]
        since = self._done.since - AHEAD_S  # another machine's clock may have written the times
        old = [each for each in new if each.is_named and each.state.changed_at < since]
        self._tell_once("older", old, "from before the first start; not looked at (existing: true does)")
        self._tell_once("other", [each for each in files if not _is_taken(each)], "no clips; left alone")
        self._done.forget([each.name for each in files])
        young = [each for each in new if each.state.changed_at >= since]
        come = self._arrivals.settled(young, time.monotonic())
        named = [began_at(each.path) for each in come]
        if None not in named:
            return sorted(come, key=lambda each: (began_at(each.path), natural(each.path)))
        return sorted(come, key=lambda each: (each.state.changed_at, natural(each.path)))

    def _files(self) -> list[_File]:
        try:
            is_mount = self._folder.is_mount()
            if self._was_mount and not is_mount:
                raise SourceError(f"{self.name}: its share is not mounted any more")
            self._was_mount = is_mount
            with os.scandir(self._folder):
                pass
        except OSError as e:
            raise SourceError(f"{self.name}: {e.strerror}") from e
        found = []
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [each for each in folders if not each.startswith((".", "@"))]  # thumbnails of a NAS
            for name in names:
                path = Path(folder, name)
                try:
                    seen = path.lstat()
                except OSError:  # it has gone meanwhile
                    continue
                if stat.S_ISREG(seen.st_mode):
                    key = (seen.st_dev, seen.st_ino) if seen.st_ino else str(path)
                    below = path.relative_to(self._folder).as_posix()
                    found.append(_File(path, below, FileState(seen.st_size, seen.st_mtime), key))
        return found

    def _shown(self, file: _File, speed: float) -> Iterator[Frame]:
        frames = self._picture(file) if is_image(file.path) else self._clip(file, speed)
        why, before = None, self._seq
        try:
            yield from frames
        except SourceError as e:
            why = str(e)
        try:
            seen = file.path.lstat()
        except OSError:
            seen = None
            if why is not None:
                self._files()  # the folder may have gone: then it is shown again
        if seen is not None and FileState(seen.st_size, seen.st_mtime) != file.state:
            return  # somebody still writes to it: it is shown again when it has come
        if why is not None:
            rest = "left out" if self._seq == before else "what is left of it is left out"
            log.warning("%s: %s; %s", self._camera, why, rest)
        self._done.add(file.name, file.state)

    def _clip(self, file: _File, speed: float) -> Iterator[Frame]:
        begin, pace = self._begin(file, _length_s(file.path)), Pace()
        source = FileSource(self._camera, Address(str(file.path)), fps=self._fps, aspect=self._aspect)
        for frame in source.frames():
            pace.wait(frame.at, speed)
            yield self._stamped(frame, file, begin + frame.at)

    def _picture(self, file: _File) -> Iterator[Frame]:
        at = self._begin(file, 0.0)
        yield self._stamped(Frame(self._camera, file.name, 0, at, read_rgb(file.path)), file, at)
        time.sleep(PICTURE_S)

    def _begin(self, file: _File, length_s: float) -> float:
        """When its first frame was taken (Unix time), no earlier than the last frame shown."""
        changed_at = file.state.changed_at
        named = began_at(file.path, None)
        begin = changed_at - length_s
        if named is not None and changed_at - DAY_S <= named <= changed_at + AHEAD_S:
            begin = named
        return max(min(begin, time.time()), self._last_at + USUAL_S if self._last_at else 0.0)

    def _stamped(self, frame: Frame, file: _File, at: float) -> Frame:
        self._seq += 1
        self._last_at = at
        return replace(frame, source=file.name, seq=self._seq, at=at)

    def _tell_once(self, what: str, files: list[_File], text: str) -> None:
        """Log which files are ignored, one line for each kind."""
        for suffix in {each.path.suffix.lower() for each in files if each.is_named}:
            if f"{what} {suffix}" not in self._told:
                self._told.add(f"{what} {suffix}")
                count = sum(each.path.suffix.lower() == suffix for each in files)
                log.info(
                    "%s: %s: %s (%s), %s", self._camera, self.name, pluralize(count, "file"), suffix, text
                )


def _is_taken(file: _File) -> bool:
    """Whether it is, or is about to be, a clip or a picture."""
    return not file.is_named or is_clip(file.path) or is_image(file.path)


def _length_s(path: Path) -> float:
    """A clip's length in seconds by its header; 0 where it states none."""
    try:
        with open_container(f"file:{path}") as container:
            return (container.duration or 0) / av.time_base
    except (av.FFmpegError, OSError):
        return 0.0


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s old"
    return f"{seconds / 60:.0f} min old" if seconds < 7200 else f"{seconds / 3600:.0f} h old"
