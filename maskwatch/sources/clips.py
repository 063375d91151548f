"""Many video files that are one camera's footage, as recorders write them: a folder of clips, with days and hours in it, or a glob."""

import logging
import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from glob import glob, has_magic
from itertools import islice
from pathlib import Path

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.core.text import pluralize
from maskwatch.sources.decoding import JUMP_S, FrameClock
from maskwatch.sources.facts import StreamFacts
from maskwatch.sources.file import FileSource
from maskwatch.sources.images import is_image, natural

log = logging.getLogger(__name__)

SUFFIXES = {
    ".mp4",
    ".mkv",
    ".ts",
    ".avi",
    ".mov",
    ".m4v",
    ".webm",
    ".dav",
    ".h264",
    ".h265",
    ".flv",
    ".mpg",
    ".gif",
}
LOOKED_AT = 2000  # entries of a folder, to find out whether it holds clips
COUNTED = 50  # clips that are opened to tell how many frames will come
USUAL_S = 0.04  # between the last frame of a clip and the first of the next, where names tell no times
DAY = r"(?P<year>20\d\d)[-_.]?(?P<month>[01]\d)[-_.]?(?P<day>[0-3]\d)"
TIMES = (
    # 2026-11-26_13-45-30, 20261126134530, 2026-11-26T13:45:30
    re.compile(rf"{DAY}[T _.-]?(?P<hour>[0-2]\d)[-_:.h]?(?P<minute>[0-5]\d)[-_:.m]?(?P<second>[0-5]\d)"),
    # 2026-11-26/13/entrance/45.30, as Frigate has it; its camera's folder may be missing
    re.compile(rf"{DAY}/(?P<hour>[0-2]\d)/(?:[^/]+/)?(?P<minute>[0-5]\d)[._-](?P<second>[0-5]\d)\.[^/]*$"),
)
PARTS = ("year", "month", "day", "hour", "minute", "second")


def matches(address: Address) -> bool:
    """Whether an address is a folder with clips and no pictures in it, or a glob of video files."""
    text = address.reveal()
    if "://" in text:
        return False
    folder = Path(text)
    if folder.is_dir():
        found = list(islice(folder.rglob("*"), LOOKED_AT))
        return any(map(is_clip, found)) and not any(
            each.parent == folder and is_image(each) for each in found
        )
    return has_magic(text) and not folder.exists() and Path(text).suffix.lower() in SUFFIXES


def is_clip(path: Path) -> bool:
    """Whether its name ends like a video's."""
    return path.suffix.lower() in SUFFIXES


def began_at(path: Path, zone: tzinfo | None = UTC) -> float | None:
    """When a clip began (Unix time), by its name or its folders' names, in `zone` (None: this machine's time zone).

    None where the names hold no time.
    """
    for pattern in TIMES:
        if told := pattern.search(path.as_posix()):
            try:
                year, month, day, hour, minute, second = (int(told[part]) for part in PARTS)
                return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()
            except (ValueError, OverflowError):  # a number that only looks like a time
                continue
    return None


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A place in a series of clips: the clip, the bookmark in it, when it began, the frame's number, and the clock after it."""

    path: str
    inner: object
    begin: float
    seq: int
    clock: FrameClock


class ClipSource:
    """The clips one after the other, in natural order; `source` is each file's path below the folder.

    Where all their names tell when they began, pauses of up to a minute between them are kept; a longer pause, or a step back,
    becomes the usual step between two frames. A clip that cannot be read is logged and left out; of one that breaks
    off, the readable part is shown. Raises `SourceError` when none is left.
    """

    live = False
    facts = StreamFacts()

    def __init__(
        self, camera: str, address: Address, *, fps: float | None = None, aspect: float | None = None
    ) -> None:
        self.name = address.reveal()
        self._camera = camera
        self._fps = fps
        self._aspect = aspect

    def frames(self) -> Frames:
        return self._frames(None)

    def frames_from(self, bookmark: object) -> Frames:
        """The frames from the bookmark on. Clips that were added before the bookmark's clip are left out."""
        assert isinstance(bookmark, Bookmark)
        return self._frames(bookmark)

    def _frames(self, after: Bookmark | None) -> Frames:
        paths = self.paths()
        if not paths:
            raise SourceError(f"{Path(self.name).absolute()}: no clips ({', '.join(sorted(SUFFIXES))})")
        times = [began_at(path) for path in paths]
        known = all(time is not None for time in times)
        step_s = 1 / self._fps if self._fps else USUAL_S
        clock, seq, end = FrameClock(step_s), 0, 0.0
        begun = (
            0 if after is None else next((n for n, each in enumerate(paths) if str(each) == after.path), 0)
        )
        for path, began in zip(paths[begun:], times[begun:], strict=True):
            begin = began if known and began is not None else end + step_s
            frames = self._shown(path, None)
            if after is not None and str(path) == after.path:
                clock, seq, begin = copy(after.clock), after.seq, after.begin
                frames = self._shown(path, after.inner)
            for frame in frames:
                end = begin + frame.at
                is_marked = after is not None and seq == after.seq
                at = clock.now if is_marked else clock.at(end)
                mark = Bookmark(str(path), frame.bookmark, begin, seq, copy(clock))
                yield replace(frame, source=self._shown_name(path), seq=seq, at=at, bookmark=mark)
                seq += 1
        if not seq:
            raise SourceError(f"{self.name}: none of {pluralize(len(paths), 'clip')} can be read")
        if known and clock.jumps:
            log.info(
                "%s: %s of more than %.0f s, or overlaps, left out",
                self.name,
                pluralize(clock.jumps, "pause"),
                JUMP_S,
            )

    def expected(self) -> int | None:
        paths = self.paths()
        if not 0 < len(paths) <= COUNTED or self._fps is not None:
            return None
        counts = []
        for path in paths:
            try:
                counts.append(FileSource(self._camera, Address(str(path))).expected())
            except SourceError:
                counts.append(0)
        return None if None in counts else sum(count for count in counts if count) or None

    def paths(self) -> list[Path]:
        """The clips in natural order, including those in subfolders."""
        folder = Path(self.name)
        found = folder.rglob("*") if folder.is_dir() else map(Path, glob(self.name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        return sorted((path for path in found if is_clip(path) and path.is_file()), key=natural)

    def _shown(self, path: Path, mark: object) -> Iterator[Frame]:
        source = FileSource(self._camera, Address(str(path)), fps=self._fps, aspect=self._aspect)
        try:
            for frame in source.frames() if mark is None else source.frames_from(mark):
                self.facts = source.facts
                yield frame
        except SourceError as e:
            log.warning("%s; what is left of it is left out", e)

    def _shown_name(self, path: Path) -> str:
        folder = Path(self.name)
        return path.relative_to(folder).as_posix() if folder.is_dir() else path.name
