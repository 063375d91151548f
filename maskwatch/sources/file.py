"""A video file: mp4, mkv, avi, mov, webm, gif, and whatever else FFmpeg reads."""

from pathlib import Path

import av

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.sources.decoding import Cadence, reason, upright, video_stream

TRUNCATED_S = 0.5  # this much of the announced duration may be missing


def matches(address: Address) -> bool:
    return "://" not in address.reveal()


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
            with av.open(str(self._path)) as container:
                yield from self._decoded(container)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

    def expected(self) -> int | None:
        try:
            with av.open(str(self._path)) as container:
                stream = video_stream(container, str(self._path))
                announced = _announced_s(container, stream)
                rate = stream.average_rate or stream.guessed_rate
                if stream.frames or announced is None or not rate:
                    return stream.frames or None
                return round(announced * rate)
        except (av.FFmpegError, OSError) as e:
            raise SourceError(f"{self._path}: {reason(e)}") from None

    def _decoded(self, container: av.container.InputContainer) -> Frames:
        stream = video_stream(container, str(self._path))
        stream.thread_type = "AUTO"
        cadence = Cadence(self._fps)
        start, at, seq = None, 0.0, -1
        for seq, picture in enumerate(container.decode(stream)):
            time = picture.time if picture.time is not None else seq / float(stream.guessed_rate or 25)
            start = time if start is None else start
            at = time - start
            if cadence.is_due(at):
                yield Frame(self._camera, self.name, seq, at, upright(picture))
        if seq < 0:
            raise SourceError(f"{self._path}: holds no frame that can be decoded")
        announced = _announced_s(container, stream)
        if announced is not None and at < announced - TRUNCATED_S - 1 / float(stream.guessed_rate or 25):
            raise SourceError(f"{self._path}: ends after {at:.1f} s of {announced:.1f} s; it is cut off")


def _announced_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """How long the video says it is; None where only a longer sound track may have been meant."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
