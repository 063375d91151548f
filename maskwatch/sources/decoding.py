"""What the PyAV sources share: opening, errors in one line, frames as upright RGB, a rate that is not exceeded."""

from collections.abc import Mapping
from typing import Any

import av
import numpy as np
from av import ExitError, FFmpegError, VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from maskwatch.core.errors import SourceError
from maskwatch.core.records import MAX_PIXELS, Rgb, require_size

# A title in Latin-1 or Shift JIS must not stop a source: PyAV before 19 needs to be told, later ones take any bytes.
PYAV = int(av.__version__.split(".")[0])
ANY_ENCODING: Mapping[str, Any] = {"metadata_errors": "replace"} if PYAV < 19 else {}


def open_container(
    url: str,
    *,
    timeout_s: tuple[float, float] | None = None,
    options: Mapping[str, str] | None = None,
) -> InputContainer:
    """A file or a stream to read from, whatever the encoding of its metadata; use it in a `with`.

    `timeout_s` is for opening and for each read, `options` are FFmpeg's. Raises `FFmpegError`.
    """
    opened: InputContainer = av.open(url, timeout=timeout_s, options=dict(options or {}), **ANY_ENCODING)
    return opened


def reason(error: FFmpegError | OSError) -> str:
    """FFmpeg's words alone: PyAV's own message carries the whole URL with its password."""
    if isinstance(error, ExitError):  # FFmpeg's "Immediate exit requested": our own time limit ended it
        return "no answer in time"
    return error.strerror or type(error).__name__


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first video stream, set to decode no frame of more than `MAX_PIXELS`.

    `name` stands for it in errors. Raises `SourceError` when there is none, `ImageError` when it is larger.
    """
    if not container.streams.video:
        raise SourceError(f"{name}: holds no video")
    stream = container.streams.video[0]
    require_size(stream.width, stream.height, name)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # a stream's frames may grow on the way
    return stream


def upright(frame: VideoFrame) -> Rgb:
    """The picture as it is to be seen: rotation metadata is honoured (degrees, counter-clockwise)."""
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


class Cadence:
    """Chooses which frames to analyse so that there are at most `fps` a second, evenly spaced; None: all."""

    def __init__(self, fps: float | None) -> None:
        self._step_s = 1 / fps if fps else 0.0
        self._next_at: float | None = None

    def is_due(self, at: float) -> bool:
        """Whether the frame at `at` seconds is wanted; times must be those of the frames in their order."""
        if self._next_at is None or at < self._next_at - 2 * self._step_s:  # the first, or time was set back
            self._next_at = at
        if at < self._next_at - 1e-6:
            return False
        behind = at - self._next_at
        self._next_at = self._next_at + self._step_s if behind < self._step_s else at + self._step_s
        return True
