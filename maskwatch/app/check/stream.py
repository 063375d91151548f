"""A camera's stream, watched for two seconds."""

import time
from contextlib import closing
from dataclasses import dataclass

from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Source
from maskwatch.core.records import Frame
from maskwatch.sources.facts import SQUEEZED, StreamFacts, aspect_name
from maskwatch.sources.hardware import decoding_threads

SETTLE_S = 0.5  # what was buffered while the stream was opened comes all at once, and is no measure
WATCH_S = 2.0
NO_CLOCK = "MJPEG"  # over HTTP it tells no times, and FFmpeg takes 25 a second for granted
RATE_DIFFERS = 0.1  # of the rate that the stream says
MAX_FRAMES = 2000  # of footage, whose clock may not go on


@dataclass(frozen=True, slots=True)
class StreamSample:
    """The first and last frame, and what was measured; None where fewer than two frames came.

    `opened_s` is the time to the first picture, `fps` the frames received a second, `frame_ms` the processor time
    to receive and decode one.
    """

    name: str
    live: bool
    first: Frame
    last: Frame
    opened_s: float
    fps: float | None
    frame_ms: float | None
    facts: StreamFacts

    @property
    def is_too_slow(self) -> bool:
        """Whether decoding takes longer than the camera does for a frame."""
        rate = max(self.fps or 0.0, self.facts.told_fps or 0.0)
        threads = decoding_threads(self.facts.size[0] * self.facts.size[1])
        return self.live and self.frame_ms is not None and self.frame_ms * rate > 1000 * threads


def watch(source: Source, *, for_s: float = WATCH_S) -> StreamSample:
    """Open the stream once and measure for `for_s` seconds from its first frame. Raises `SourceError`."""
    started = time.monotonic()
    with closing(source.frames()) as frames:
        first = last = next(iter(frames), None)
        if first is None or last is None:
            raise SourceError(f"{source.name}: gives no frame")
        opened_s = time.monotonic() - started
        begin, used_s = first, time.process_time()
        settle_s = SETTLE_S if source.live else 0.0
        for frame in frames:
            last = frame
            if settle_s and frame.at - first.at < settle_s:
                begin, used_s = frame, time.process_time()
            elif frame.at - begin.at >= for_s or frame.seq - begin.seq >= MAX_FRAMES:
                break
        used_s = time.process_time() - used_s
    count, passed_s = last.seq - begin.seq, last.at - begin.at
    facts: StreamFacts = getattr(source, "facts", StreamFacts())
    if facts.codec == NO_CLOCK:
        facts = StreamFacts(facts.codec, facts.size)
    arrived_fps = count / passed_s if count > 0 and passed_s > 0 else None
    return StreamSample(
        source.name,
        source.live,
        first,
        last,
        opened_s,
        facts.fps or arrived_fps,
        1000 * used_s / count if count else None,
        facts,
    )


def told(watched: StreamSample, transport: str, aspect: float | None) -> str:
    """In one line; `aspect` is the configured width by height of the picture."""
    facts = watched.facts
    where = f"{watched.name} over {transport}" if transport else watched.name
    codec = [facts.codec] if facts.codec else []
    parts = [f"{where}: {', '.join([*codec, sizes(watched, aspect)])}"]
    if watched.fps is not None and (facts.codec or watched.live):
        parts.append(_rate(watched.fps, facts.told_fps))
    if facts.key_every_s is not None and facts.key_every_s * (watched.fps or 0) > 1.5:  # else each one is
        parts.append(f"key frame every {facts.key_every_s:.1f} s")
    if watched.live:
        parts.append(f"first picture after {watched.opened_s:.1f} s")
    if watched.frame_ms is not None and facts.codec:
        parts.append(f"decoding {watched.frame_ms:.0f} ms a frame")
    return ", ".join(parts)


def sizes(watched: StreamSample, aspect: float | None) -> str:
    """The picture's size, with the stream's own size where its pixels are not square, or look as if they should not be."""
    facts, (width, height) = watched.facts, watched.last.size
    sent = facts.size if facts.codec else (width, height)
    if sent not in {(width, height), (height, width)}:  # or turned upright
        why = "its pixel aspect" if aspect is None else f"aspect {aspect_name(aspect)}"
        return f"{sent[0]} x {sent[1]} shown as {width} x {height} by {why}"
    if aspect is None and (meant := SQUEEZED.get(sent)):
        return f"{width} x {height} (no pixel aspect is told: if people look narrow, set aspect: '{meant}')"
    return f"{width} x {height}"


def _rate(fps: float, told_fps: float | None) -> str:
    said = f" (says {told_fps:.3g})" if told_fps and abs(told_fps / fps - 1) > RATE_DIFFERS else ""
    return f"{fps:.3g} frames a second{said}"
