"""What the PyAV sources share: opening, errors in one line, frames as upright RGB, a rate that is not exceeded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import numpy as np
from av import ExitError, FFmpegError, InvalidDataError, Packet, VideoFrame
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import HTTPForbiddenError, HTTPUnauthorizedError
from av.stream import Disposition
from av.video.stream import VideoStream

from maskwatch.core.errors import SourceError
from maskwatch.core.records import MAX_PIXELS, Rgb, require_size
from maskwatch.core.text import pluralize
from maskwatch.sources.facts import StreamFacts, codec_name

MAX_ASPECT = 4.0  # of a pixel; DVRs have 2, and 1.46 at most on DVDs
TORN_S = 2.0
REFUSED = (HTTPUnauthorizedError, HTTPForbiddenError)
PLAYLISTS = {"hls", "dash"}
NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS
JUMP_S = 60.0  # a still picture of a screen recording may stay so long

# A title in Latin-1 or Shift JIS must not stop a source: PyAV before 19 needs to be told, later ones take any bytes.
PYAV = int(av.__version__.split(".")[0])
ANY_ENCODING: Mapping[str, Any] = {"metadata_errors": "replace"} if PYAV < 19 else {}


def open_container(
    url: str | BinaryIO,
    *,
    timeout_s: tuple[float, float] | None = None,
    options: Mapping[str, str] | None = None,
    accelerator: HWAccel | None = None,
) -> InputContainer:
    """A file or a stream to read from, whatever the encoding of its metadata; use it in a `with`.

    `timeout_s` is for opening and for each read, `options` are FFmpeg's. Raises `FFmpegError`.
    """
    opened: InputContainer = av.open(
        url, timeout=timeout_s, options=dict(options or {}), hwaccel=accelerator, **ANY_ENCODING
    )
    return opened


def is_playlist(container: InputContainer) -> bool:
    """Whether the stream comes in segments of some seconds, each sent at once (HLS, DASH)."""
    return container.format.name in PLAYLISTS


def tells_times(container: InputContainer) -> bool:
    """Whether the stream carries timestamps. For MJPEG and raw streams FFmpeg makes them up, at 25 frames a second."""
    return not container.format.flags & NO_TIMESTAMPS


def reason(error: FFmpegError | OSError) -> str:
    """FFmpeg's own error text: PyAV's message holds the whole URL with its password."""
    if isinstance(error, ExitError):  # FFmpeg's "Immediate exit requested": our own time limit ended it
        return "no answer in time"
    return error.strerror or type(error).__name__


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The largest video stream that is not a cover picture, set to refuse frames of more than `MAX_PIXELS`.

    `name` stands for it in errors. Raises `SourceError` when there is none, `ImageError` when it is larger.
    """
    known = [each for each in container.streams.video if each.codec_context is not None]
    if not known:
        unknown = " of a codec that is known" if container.streams.video else ""
        raise SourceError(f"{name}: holds no video{unknown}")
    stream = max(
        known,
        key=lambda each: (not each.disposition & Disposition.attached_pic, each.width * each.height),
    )
    require_size(stream.width, stream.height, name)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # a stream's frames may grow on the way
    return stream


def pixel_aspect(stream: VideoStream, frame: VideoFrame, display: float | None = None) -> float:
    """A pixel's width divided by its height (SAR). `display` is the picture's real aspect ratio, for a stream that states a wrong one.

    1 where the stream states none, or an impossible one.
    """
    if display is not None:
        told = display * frame.height / frame.width
    else:
        told = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    return told if 1 / MAX_ASPECT <= told <= MAX_ASPECT else 1.0


def upright(frame: VideoFrame, aspect: float = 1.0) -> Rgb:
    """The picture as it should be seen: pixels of the aspect ratio `aspect` (width / height) are made square by enlarging one side.

    Rotation metadata is honoured (degrees, counter-clockwise). Raises `ImageError` when it is larger than `MAX_PIXELS` then.
    """
    width, height = round(frame.width * max(aspect, 1)), round(frame.height * max(1 / aspect, 1))
    require_size(width, height, "a picture with square pixels")
    rgb = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


@dataclass
class Damage:
    """Counts of what was left out of a stream: packets that cannot be decoded, and incomplete pictures."""

    packets: int = 0
    pictures: int = 0

    def __str__(self) -> str:
        """`2 damaged packets and 19 torn pictures`; empty when there are none."""
        parts = ((self.packets, "damaged packet"), (self.pictures, "torn picture"))
        return " and ".join(pluralize(count, noun) for count, noun in parts if count)


class CleanDecoder:
    """Decodes a stream's packets and leaves out damaged pictures.

    A decoder marks a picture of which slices are missing, and not those after it that are built on it: with `until_key`
    all are left out up to the next key frame, yet for `TORN_S` at most, as some encoders send none. Not of a live stream:
    FFmpeg gives a key frame of some cameras in two parts, each marked, and what follows is whole.
    """

    def __init__(self, stream: VideoStream, *, until_key: bool) -> None:
        self._until_key = until_key
        self.damage = Damage()
        self._facts = StreamFacts()
        self._stream = stream
        self._torn_until: float | None = None

    @property
    def facts(self) -> StreamFacts:
        """What the stream states about itself, and what has been measured so far."""
        context, rate = self._stream.codec_context, self._stream.average_rate or self._stream.guessed_rate
        self._facts.codec = codec_name(context.codec.canonical_name)
        self._facts.size = context.width, context.height
        self._facts.told_fps = float(rate) if rate else None
        return self._facts

    def images(self, packet: "Packet[Any]") -> Iterator[VideoFrame]:
        """The whole pictures that a packet brings."""
        try:
            decoded = self._stream.decode(packet)
        except InvalidDataError:
            self.damage.packets += 1
            return
        for image in decoded:
            if self._is_whole(image):
                self._facts.note_image(image.time, is_key=image.key_frame)
                yield image
            else:
                self.damage.pictures += 1

    def _is_whole(self, image: VideoFrame) -> bool:
        time = image.time or 0.0
        if image.is_corrupt:
            self._torn_until = time + TORN_S if self._until_key else None
            return False
        if self._torn_until is not None and (image.key_frame or not 0 <= self._torn_until - time <= TORN_S):
            self._torn_until = None
        return self._torn_until is None


class FrameClock:
    """Timestamps that always increase: where the stream's own clock jumps, the usual step is taken instead."""

    def __init__(self, usual_s: float) -> None:
        self.jumps = 0
        self._usual_s = usual_s
        self._offset: float | None = None
        self._last = 0.0

    @property
    def now(self) -> float:
        """The last time returned by `at`."""
        return self._last

    def at(self, time: float | None) -> float:
        """Seconds since the first frame, of one that is to be shown at `time`, None where nobody knows."""
        if self._offset is None:
            self._offset = time or 0.0
            return self._last
        at = self._last + self._usual_s if time is None else time - self._offset
        if time is not None and not self._last <= at <= self._last + JUMP_S:
            self.jumps += 1
            at = self._last + self._usual_s
            self._offset = time - at
        self._last = at
        return at


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
