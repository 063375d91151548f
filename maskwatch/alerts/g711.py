"""Speech as G.711, which cameras' loudspeakers take: 8000 samples a second, a byte each. https://www.itu.int/rec/T-REC-G.711"""

import io
from enum import Enum
from pathlib import Path

from maskwatch.core.errors import AlertError

RATE_HZ = 8000


class Law(Enum):
    """Its two ways to write a sample, by the names of RTP (RFC 3551)."""

    PCMU = "mulaw"
    PCMA = "alaw"

    @property
    def silence(self) -> bytes:
        """One sample of it."""
        return b"\xff" if self is Law.PCMU else b"\xd5"


def encoded(name: str, path: Path, law: Law) -> bytes:
    """The sound of a WAV file, whatever its rate. Raises `AlertError` when it is none, which begins with `name`."""
    import av
    from av.audio.stream import AudioStream

    data = io.BytesIO()
    try:
        with av.open(str(path)) as sound, av.open(data, "w", format=law.value) as target:
            stream = target.add_stream(f"pcm_{law.value}", rate=RATE_HZ, layout="mono")
            assert isinstance(stream, AudioStream)
            for frame in sound.decode(audio=0):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    except (av.FFmpegError, OSError, IndexError) as e:
        raise AlertError(f"{name}: {path}: is no sound that can be read") from e
    return data.getvalue()
