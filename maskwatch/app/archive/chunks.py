"""Splits footage into clips, and clips into chunks, each for one worker."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.sources.clips import is_clip
from maskwatch.sources.file import FileSource
from maskwatch.sources.images import natural

CHUNK_S = 60.0  # of a long file; what a worker that dies costs


@dataclass(frozen=True, slots=True)
class Clip:
    """A file, and its name in the output: its path below the given folder."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """The part of a clip with `begin` <= time < `end`, in seconds since its first frame, whose presentation time is `first_s`.

    `number` counts from 0. `end` None: the clip is read in one piece. Otherwise it is analysed from `warm` on, so that at `begin`
    as much is known of the scene as if everything before had been analysed.
    """

    path: Path
    number: int = 0
    first_s: float = 0.0
    begin: float = 0.0
    end: float | None = None
    warm: float = 0.0

    def __str__(self) -> str:
        return f"{self.path} from {self.begin:.0f} s on"


def find_clips(footage: Iterable[str]) -> list[Clip]:
    """The video files in the given files, folders and globs, in natural order, each once. Raises `ConfigError` when there is none."""
    found: dict[Path, str] = {}
    for text in footage:
        path = Path(text)
        if path.is_dir():
            found |= {each: each.relative_to(path).as_posix() for each in path.rglob("*") if is_clip(each)}
        elif has_magic(text) and not path.exists():
            matching = map(Path, glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            found |= {each: each.name for each in matching if is_clip(each)}
        elif path.is_file():
            found[path] = path.name
        else:
            raise ConfigError(f"{text}: is no file, no folder and no pattern")
    clips = [Clip(path, name) for path, name in sorted(found.items(), key=lambda item: natural(item[0]))]
    if not clips:
        raise ConfigError(f"{', '.join(footage)}: no clips")
    return _with_own_names(clips)


def _with_own_names(clips: list[Clip]) -> list[Clip]:
    """Clips with the same name get a number after it."""
    seen: dict[str, int] = {}
    result = []
    for clip in clips:
        count = seen[clip.name] = seen.get(clip.name, 0) + 1
        result.append(clip if count == 1 else Clip(clip.path, f"{clip.name}~{count}"))
    return result


def chunks_of(clip: Clip, full_s: float | None) -> list[Chunk]:
    """The chunks in order; a single one where the clip is short or cannot be read in parts. Opens the clip.

    `full_s` is how often the motion gate looks everywhere, None where there is none. A chunk is warmed up for two such times,
    and from a multiple of it on: as long as nothing moves, the gate then looks at the same moments as in one piece.
    """
    try:
        extent = FileSource("", Address(str(clip.path))).extent()
    except SourceError:  # whoever reads it says why
        extent = None
    if extent is None or extent.length_s < 2 * CHUNK_S:
        return [Chunk(clip.path)]
    count = int(extent.length_s // CHUNK_S)
    return list(_parts(clip.path, extent.first_s, count, full_s))


def _parts(path: Path, first_s: float, count: int, full_s: float | None) -> Iterator[Chunk]:
    for number in range(count):
        end = math.inf if number == count - 1 else (number + 1) * CHUNK_S
        begin = number * CHUNK_S
        warm = begin if not full_s else max(0.0, (begin // full_s - 2) * full_s)
        yield Chunk(path, number, first_s, begin, end, warm)
