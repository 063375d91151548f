"""A video file: mp4, mkv, avi, mov, webm, gif, and whatever else FFmpeg reads."""

import logging
import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.stream import Stream

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.core.text import pluralize
from maskwatch.sources.decoding import (
    JUMP_S,
    Cadence,
    CleanDecoder,
    Damage,
    FrameClock,
    open_container,
    pixel_aspect,
    reason,
    upright,
    video_stream,
)
from maskwatch.sources.facts import StreamFacts

log = logging.getLogger(__name__)

INDEXED = {"mp4", "mov", "matroska", "webm"}  # files of which any time is found at once
TRUNCATED_S = 0.5  # this much of the announced duration may be missing


class UnsteadyTimes(SourceError):  # noqa: N818 - what its frames' times are
    """A file cannot be read in parts: its frames' times do not increase steadily."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A file's first presentation time and its stated length, in seconds."""

    first_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A place in a file: the frame's number and presentation time, and the state after it (clock, cadence, end)."""

    seq: int
    time: float | None
    clock: FrameClock
    cadence: Cadence
    end: float
    damage: Damage


class FileSource:
    """Frames stamped with their presentation time since the first, in seconds."""

    live = False
    facts = StreamFacts()

    def __init__(
        self, camera: str, address: Address, *, fps: float | None = None, aspect: float | None = None
    ) -> None:
        self._path = Path(address.reveal())
        self.name = self._path.name
        self._camera = camera
        self._fps = fps
        self._aspect = aspect

    def frames(self) -> Frames:
        return self._frames(None)

    def frames_from(self, bookmark: object) -> Frames:
        """The frames from the bookmark on. Decoding starts at the key frame before it."""
        assert isinstance(bookmark, Bookmark)
        return self._frames(bookmark)

    def extent(self) -> Extent | None:
        """The file's extent if it can be read in parts; None where it has no index or does not state its length. Raises `SourceError`."""
        try:
            with self._opened() as container:
                stream = video_stream(container, str(self._path))
                announced = _announced_s(container, stream)
                if not INDEXED & set(container.format.name.split(",")) or announced is None:
                    return None
                first = next(
                    _images(container, CleanDecoder(stream, until_key=True), stream, _Others()), None
                )
                return None if first is None or first.time is None else Extent(first.time, announced)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

    def part(
        self, first_s: float, begin: float, end: float, warm: float | None = None
    ) -> Iterator[Frame | None]:
        """The frames with `begin` <= `at` < `end`; `first_s` is `Extent.first_s`. None in the place of one that is not wanted, by `fps`.

        `seq` counts from the first of them. With `warm`, the frames from then on come before, with a `seq` of -1. Raises `UnsteadyTimes` where times jump, so that the file has to be read in one
        piece, and `SourceError`.
        """
        try:
            with self._opened() as container:
                yield from self._part(container, first_s, (begin if warm is None else warm, begin, end))
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

    def _part(
        self, container: av.container.InputContainer, first_s: float, span: tuple[float, float, float]
    ) -> Iterator[Frame | None]:
        stream = video_stream(container, str(self._path))
        stream.thread_type = "AUTO"
        assert stream.time_base
        warm, begin, end = span
        if warm > 0:
            container.seek(int((warm + first_s) / stream.time_base), stream=stream)
        cadence, before, seq = Cadence(self._fps), None, 0
        for image in _images(container, CleanDecoder(stream, until_key=True), stream, _Others()):
            at = math.inf if image.time is None else image.time - first_s
            if (before is None and at > warm) or not (before or 0.0) <= at <= (before or warm) + JUMP_S:
                raise UnsteadyTimes(f"{self._path}: its times jump")
            before = at
            if at >= end:
                return
            if at < warm:
                continue
            aspect = pixel_aspect(stream, image, self._aspect)
            rgb = upright(image, aspect) if cadence.is_due(at) else None
            number = seq if at >= begin else -1
            yield None if rgb is None else Frame(self._camera, self.name, number, at, rgb)
            seq += at >= begin

    def expected(self) -> int | None:
        try:
            with self._opened() as container:
                stream = video_stream(container, str(self._path))
                announced = _announced_s(container, stream)
                rate = stream.average_rate or stream.guessed_rate
                if stream.frames or announced is None or not rate:
                    return stream.frames or None
                return round(announced * rate)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

    def _why(self, error: av.FFmpegError | OSError) -> str:
        return reason(error)

    def _opened(self) -> av.container.InputContainer:
        """`file:`, or else FFmpeg takes 12:30.mp4 for a protocol. Raises `SourceError` for what is no video."""
        try:
            return open_container(f"file:{self._path}")
        except av.InvalidDataError:
            is_empty = self._path.is_file() and not self._path.stat().st_size
            why = (
                "is empty"
                if is_empty
                else "is no video, or one that was cut off before its index was written"
            )
            raise SourceError(f"{self._path}: {why}") from None

    def _frames(self, after: Bookmark | None) -> Frames:
        try:
            with self._opened() as container:
                yield from self._decoded(container, after)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {self._why(e)}") from None

    def _decoded(self, container: av.container.InputContainer, after: Bookmark | None) -> Frames:
        stream = video_stream(container, str(self._path))
        stream.thread_type = "AUTO"
        usual_s = 1 / float(stream.guessed_rate or 25)
        cadence, clock, end, first = Cadence(self._fps), FrameClock(usual_s), 0.0, 0
        decoder = CleanDecoder(stream, until_key=True)
        announced, others = _announced_s(container, stream), _Others()
        if announced is None and container.duration is not None:  # of the longest track, whichever it is
            announced, others.streams = container.duration / av.time_base, set(container.streams) - {stream}
        images = _images(container, decoder, stream, others)
        if after is not None:
            images = _from(after, images, container, stream)
            cadence, clock, end, first = copy(after.cadence), copy(after.clock), after.end, after.seq
        seq = first - 1
        for seq, image in enumerate(images, first):
            is_marked = after is not None and seq == after.seq
            if after is not None and is_marked:  # what is decoded once more was counted
                decoder.damage = copy(after.damage)
            at = clock.now if is_marked else clock.at(image.time)
            # not `at`: Matroska's duration counts from 0, wherever the first frame lies
            end = (at if image.time is None else image.time) + max(usual_s, _shown_s(image))
            if is_marked or cadence.is_due(at):
                mark = Bookmark(seq, image.time, copy(clock), copy(cadence), end, copy(decoder.damage))
                self.facts = decoder.facts
                aspect = pixel_aspect(stream, image, self._aspect)
                yield Frame(self._camera, self.name, seq, at, upright(image, aspect), bookmark=mark)
        if seq < 0:
            raise SourceError(f"{self._path}: holds no frame that can be decoded")
        if clock.jumps:
            log.warning("%s: its clock jumps (%s); time goes on", self._path, pluralize(clock.jumps, "time"))
        if told := str(decoder.damage):
            log.warning("%s: %s left out", self._path, told)
        end = max(end, others.end)
        if announced is not None and end < announced - TRUNCATED_S and not clock.jumps:
            raise SourceError(f"{self._path}: ends after {end:.1f} s of {announced:.1f} s; it is cut off")


@dataclass
class _Others:
    """The other tracks to read, and the end of what was read of them, in seconds."""

    streams: set[Stream] = field(default_factory=set)
    end: float = 0.0


def _images(
    container: av.container.InputContainer, decoder: CleanDecoder, stream: av.VideoStream, others: _Others
) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream, *others.streams):
        if packet.stream is stream:
            yield from decoder.images(packet)
        elif packet.pts is not None:
            others.end = max(others.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))


def _from(
    mark: Bookmark,
    images: Iterator[av.VideoFrame],
    container: av.container.InputContainer,
    stream: av.VideoStream,
) -> Iterator[av.VideoFrame]:
    """The images from the bookmark's on; none where it cannot be found by its time."""
    if mark.time is None or mark.clock.jumps or not stream.time_base:
        return
    container.seek(round(mark.time / stream.time_base), stream=stream)
    for image in images:
        if image.time is not None and image.time >= mark.time:
            if image.time == mark.time:
                yield image
            break
    else:
        return
    yield from images


def _shown_s(image: av.VideoFrame) -> float:
    """How long the picture stays, in seconds, 0 where not stated; the last one of a screen recording or a GIF may stay long."""
    return float(image.duration * image.time_base) if image.duration and image.time_base else 0.0


def _announced_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """The video's stated length in seconds; None where it may be that of a longer sound track."""
    if stream.duration is not None and stream.time_base:  # None in PyAV 18, 0 in 19 when unknown
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
