"""A video file: mp4, mkv, avi, mov, webm, gif, and whatever else FFmpeg reads."""

import logging
from collections.abc import Iterator
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
    Cadence,
    CleanDecoder,
    FrameClock,
    open_container,
    pixel_aspect,
    reason,
    upright,
    video_stream,
)
from maskwatch.sources.facts import StreamFacts

log = logging.getLogger(__name__)

TRUNCATED_S = 0.5  # this much of the announced duration may be missing


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
        try:
            with self._opened() as container:
                yield from self._decoded(container)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

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

    def _decoded(self, container: av.container.InputContainer) -> Frames:
        stream = video_stream(container, str(self._path))
        stream.thread_type = "AUTO"
        cadence = Cadence(self._fps)
        usual_s = 1 / float(stream.guessed_rate or 25)
        end, seq, clock, decoder = 0.0, -1, FrameClock(usual_s), CleanDecoder(stream, until_key=True)
        announced, others = _announced_s(container, stream), _Others()
        if announced is None and container.duration is not None:  # of the longest track, whichever it is
            announced, others.streams = container.duration / av.time_base, set(container.streams) - {stream}
        for seq, image in enumerate(_images(container, decoder, stream, others)):
            at = clock.at(image.time)
            # not `at`: Matroska's duration counts from 0, wherever the first frame lies
            end = (at if image.time is None else image.time) + max(usual_s, _shown_s(image))
            if cadence.is_due(at):
                self.facts = decoder.facts
                aspect = pixel_aspect(stream, image, self._aspect)
                yield Frame(self._camera, self.name, seq, at, upright(image, aspect))
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
    """The other tracks that are watched, and the end of what was seen of them, in seconds."""

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


def _shown_s(image: av.VideoFrame) -> float:
    """How long the picture stays, 0 when nobody says; the last one of a screen recording or a gif may stay long."""
    return float(image.duration * image.time_base) if image.duration and image.time_base else 0.0


def _announced_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """How long the video says it is; None where only a longer sound track may have been meant."""
    if stream.duration is not None and stream.time_base:  # None in PyAV 18, 0 in 19 when unknown
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
