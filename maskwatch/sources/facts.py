"""A stream's properties as found while it is decoded. Importing this loads no decoder."""

from dataclasses import dataclass

CODECS = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4", "av1": "AV1", "vp9": "VP9"}

# What recorders and cameras send with narrow or wide pixels, often without saying so, and the aspect that is meant:
# D1 and CIF (ITU-R BT.601), 960H, and the halved 1080p and 720p (1080N, 720N) of recorders for analogue cameras
SQUEEZED = {
    **dict.fromkeys([(704, 576), (720, 576), (704, 480), (720, 480), (960, 576), (960, 480)], "4:3"),
    **dict.fromkeys([(352, 288), (352, 240), (704, 288), (704, 240), (720, 288), (720, 240)], "4:3"),
    **dict.fromkeys([(960, 1080), (944, 1080), (640, 720), (1280, 1440)], "16:9"),
}
USUAL = ((4, 3), (16, 9), (3, 2), (5, 4), (16, 10), (1, 1), (32, 9), (9, 16), (3, 4))
JUMP_S = 60.0  # between two pictures: the clock was set
ALIKE = 0.02  # of an aspect: encoders round sizes to whole blocks


@dataclass(slots=True)
class StreamFacts:
    """The properties of the stream being decoded; a source that decodes one has them as `facts`.

    `codec` is its usual name, empty before it is known; `size` is width and height as sent. `told_fps` is the
    rate that the stream says, `key_every_s` the time between its last two key frames, `fps` how many pictures came in a
    second of the stream's own clock; None where it is not known.
    """

    codec: str = ""
    size: tuple[int, int] = (0, 0)
    told_fps: float | None = None
    key_every_s: float | None = None
    _key_at: float | None = None
    _span: tuple[float, float] | None = None
    _count: int = 0

    @property
    def fps(self) -> float | None:
        """Frames a second by the stream's own clock, as frames buffered while it was opened arrive all at once."""
        if self._span is None or self._span[1] <= self._span[0]:
            return None
        return (self._count - 1) / (self._span[1] - self._span[0])

    def note_image(self, time: float | None, *, is_key: bool) -> None:
        """Count a decoded picture, by its time in the stream in seconds."""
        if time is not None and (self._span is None or not self._span[1] <= time < self._span[1] + JUMP_S):
            self._span, self._count = (time, time), 0  # another clock
        if time is not None and self._span is not None:
            self._span, self._count = (self._span[0], time), self._count + 1
        if is_key and time is not None:
            if self._key_at is not None and time > self._key_at:
                self.key_every_s = time - self._key_at
            self._key_at = time


def codec_name(name: str) -> str:
    """A codec's usual name (`H.264`) for FFmpeg's name of it (`h264`)."""
    return CODECS.get(name, name.upper())


def aspect_name(aspect: float) -> str:
    """An aspect ratio as the configuration takes it: `16:9` for a common one, else a number."""
    near = (f"{w}:{h}" for w, h in USUAL if abs(aspect * h / w - 1) <= ALIKE)
    return next(near, f"{aspect:.3g}")
