"""Footage from a given frame on, to continue what an earlier process began."""

import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames, Source, SupportsResume
from maskwatch.core.records import Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in footage: the frame's number, a checksum (CRC-32) of its pixels, and the source's own bookmark, if it has any."""

    seq: int
    checksum: int
    bookmark: object


def place_of(frame: Frame) -> Place:
    """The place of a frame as its source gave it."""
    return Place(frame.seq, _checksum(frame), frame.bookmark)


class ResumedSource:
    """The frames of another source after a place.

    Where the source cannot seek there, or finds other pixels there (after damage or clocks that jump), everything
    before the place is read and skipped. Raises `SourceError` when it is not the same footage.
    """

    def __init__(self, source: Source, after: Place) -> None:
        self._source = source
        self._after = after
        self.name = source.name
        self.live = source.live

    def frames(self) -> Frames:
        for begin in self._ways():
            with closing(begin()) as frames:
                if self._reaches(frames):
                    yield from frames
                    return
        raise SourceError(f"{self.name}: has other frames than before; remove what the earlier replay left")

    def expected(self) -> int | None:
        return self._source.expected()

    def _ways(self) -> Iterator[Callable[[], Frames]]:
        source, mark = self._source, self._after.bookmark
        if isinstance(source, SupportsResume) and mark is not None:
            yield lambda: source.frames_from(mark)
            log.info("%s: is read from its beginning up to where it broke off", self.name)
        yield source.frames

    def _reaches(self, frames: Frames) -> bool:
        try:
            for frame in frames:
                if frame.seq >= self._after.seq:
                    return frame.seq == self._after.seq and _checksum(frame) == self._after.checksum
        except SourceError:
            pass
        return False


def _checksum(frame: Frame) -> int:
    return zlib.crc32(np.ascontiguousarray(frame.rgb).data)
