"""A long video written in segments, so that a power cut costs only the last one."""

from pathlib import Path
from types import TracebackType
from typing import Self

import av

from maskwatch.core.records import Rgb
from maskwatch.platform.files import replacing
from maskwatch.sources.video_writer import VideoWriter


class VideoSegments:
    """Writes frames as files of one folder; use it in a `with`. `cut` ends a segment, after which all before are complete.

    `begins_ms` are the times at which the segments of an earlier run begin, and `size` their width and height.
    """

    def __init__(
        self, folder: Path, begins_ms: tuple[int, ...] = (), size: tuple[int, int] | None = None
    ) -> None:
        self._folder = folder
        self._begins_ms = list(begins_ms)
        self._writer: VideoWriter | None = None
        self.size = size

    def __enter__(self) -> Self:
        return self

    @property
    def begins_ms(self) -> tuple[int, ...]:
        """When each segment begins, in milliseconds; the first always at 0."""
        return tuple(self._begins_ms)

    def write(self, rgb: Rgb, at: float) -> None:
        """Add a frame to be shown at `at` seconds; times must rise."""
        at_ms = round(at * 1000)
        if self._writer is None:
            self._begins_ms.append(at_ms if self._begins_ms else 0)
            self._writer = VideoWriter(self._path(len(self._begins_ms)), self.size).__enter__()
        self._writer.write(rgb, (at_ms - self._begins_ms[-1]) / 1000)
        self.size = self._writer.size

    def cut(self) -> None:
        """End the segment; the next frame begins another."""
        if self._writer is not None:
            self._writer.__exit__(None, None, None)
            self._writer = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
            self._writer = None

    def join(self, path: Path) -> None:
        """Put all that was written into one file, which takes `path`'s place; no picture is encoded again."""
        segments = [(self._path(number), begin) for number, begin in enumerate(self._begins_ms, 1)]
        if len(segments) == 1:
            copy_file(segments[0][0], path)
            return
        with replacing(path) as part:
            part.touch(mode=0o600)
            with av.open(str(part), "w", options={"movflags": "+faststart"}) as target:
                _append(target, segments)

    def _path(self, number: int) -> Path:
        return self._folder / f"video-{number:06d}.mp4"


def copy_file(source: Path, path: Path) -> None:
    """Put a finished file at a second place, atomically: as a hard link where the disk allows it, else as a copy."""
    with replacing(path) as part:
        try:
            part.hardlink_to(source)
        except OSError:
            part.touch(mode=0o600)
            part.write_bytes(b"")
            with source.open("rb") as read, part.open("wb") as written:
                while block := read.read(1 << 20):
                    written.write(block)


def _append(target: av.container.OutputContainer, segments: list[tuple[Path, int]]) -> None:
    stream: av.VideoStream | None = None
    last_dts = None
    for path, begin_ms in segments:
        with av.open(str(path)) as source:
            video = source.streams.video[0]
            if stream is None:
                stream = target.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue
                shift = round(begin_ms / 1000 / packet.time_base)
                packet.pts += shift
                packet.dts += shift
                if (
                    last_dts is not None
                ):  # an encoder's first pictures are decoded earlier than they are shown
                    packet.dts = max(packet.dts, last_dts + 1)
                last_dts = packet.dts
                packet.stream = stream
                target.mux(packet)
