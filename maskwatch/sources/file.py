"""A video file: mp4, mkv, avi, mov, webm, gif, and whatever else FFmpeg reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.stream import Stream

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.sources.decoding import Cadence, open_container, reason, upright, video_stream

TRUNCATED_S = 0.5  # this much of the announced duration may be missing


class FileSource:
    """Frames stamped with their presentation time since the first, in seconds."""

    live = False

    def __init__(self, camera: str, address: Address, *, fps: float | None = None) -> None:
        self._path = Path(address.reveal())
        self.name = self._path.name
        self._camera = camera
        self._fps = fps

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
        """`file:`, or else FFmpeg takes 12:30.mp4 for a protocol."""
        return open_container(f"file:{self._path}")

    def _decoded(self, container: av.container.InputContainer) -> Frames:
        stream = video_stream(container, str(self._path))
        stream.thread_type = "AUTO"
        cadence = Cadence(self._fps)
        usual_s = 1 / float(stream.guessed_rate or 25)
        start, end, seq = None, 0.0, -1
        announced, others = _announced_s(container, stream), _Others()
        if announced is None and container.duration is not None:  # of the longest track, whichever it is
            announced, others.streams = container.duration / av.time_base, set(container.streams) - {stream}
        for seq, image in enumerate(_images(container, stream, others)):
            time = image.time if image.time is not None else seq * usual_s
            start = time if start is None else start
            at = time - start
            # not from `start`: Matroska's duration counts from 0, wherever the first frame lies
            end = time + max(usual_s, _shown_s(image))
            if cadence.is_due(at):
                yield Frame(self._camera, self.name, seq, at, upright(image))
        if seq < 0:
            raise SourceError(f"{self._path}: holds no frame that can be decoded")
        end = max(end, others.end)
        if announced is not None and end < announced - TRUNCATED_S:
            raise SourceError(f"{self._path}: ends after {end:.1f} s of {announced:.1f} s; it is cut off")


@dataclass
class _Others:
    """The other tracks that are watched, and the end of what was seen of them, in seconds."""

    streams: set[Stream] = field(default_factory=set)
    end: float = 0.0


def _images(
    container: av.container.InputContainer, stream: av.VideoStream, others: _Others
) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream, *others.streams):
        if packet.stream is stream:
            yield from stream.decode(packet)
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
