"""A video stream's properties from its session description (SDP, RFC 8866), which RTSP's DESCRIBE returns without sending video."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.video.codeccontext import VideoCodecContext

from maskwatch.sources.facts import codec_name

CODECS = {"H264": "h264", "H265": "hevc", "JPEG": "mjpeg", "MP4V-ES": "mpeg4"}
PARAMETERS = re.compile(r"sprop-(?:parameter-sets|vps|sps|pps)=([^;\s]+)")
START = b"\0\0\0\1"
# A decoder tells the size only when a picture begins: the first bytes of a key frame that uses the parameter set 0
FIRST_SLICE = {"h264": b"\x65\x88\x84\0\x10\xff\xff", "hevc": b"\x26\x01\xaf\x80\xff\xff"}
MAX_SIDE = 32_768


@dataclass(frozen=True, slots=True)
class Described:
    """A video track. `codec` is its usual name (`H.264`); `size` is width and height in pixels, None where not stated."""

    codec: str
    size: tuple[int, int] | None


def described(text: str) -> Described | None:
    """The first video track of a description, which may be malformed; None where it has none."""
    _, found, rest = text.partition("m=video")
    if not found:
        return None
    track = rest.split("\nm=")[0]
    mapped = re.search(r"a=rtpmap:\d+ ([\w-]+)/", track)
    name = mapped[1].upper() if mapped else "JPEG" if re.match(r"\s*\d+\s+\S+\s+26\b", track) else ""
    codec = CODECS.get(name, name.lower())
    return Described(codec_name(codec), _plain_size(track) or _size_of_parameters(codec, track))


def _plain_size(track: str) -> tuple[int, int] | None:
    """The size as QuickTime's servers and RFC 6064 state it."""
    said = re.search(r"a=(?:x-dimensions:|framesize:\d+ |cliprect:0,0,)(\d{1,5})[,-](\d{1,5})", track)
    if said is None:
        return None
    width, height = int(said[1]), int(said[2])
    return _possible((height, width) if "cliprect" in said[0] else (width, height))


def _size_of_parameters(codec: str, track: str) -> tuple[int, int] | None:
    """The size from the parameter sets of H.264 (RFC 6184) or H.265 (RFC 7798), parsed by FFmpeg."""
    sets = list(_parameter_sets(track))
    if codec not in FIRST_SLICE or not sets:
        return None
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, VideoCodecContext)
    try:
        context.parse(b"".join(START + each for each in (*sets, FIRST_SLICE[codec])))
        context.parse(None)
    except av.FFmpegError:
        return None
    return _possible((context.width, context.height))


def _parameter_sets(track: str) -> Iterator[bytes]:
    for line in PARAMETERS.findall(track):
        for each in line.split(","):
            try:
                yield b64decode(each)
            except (binascii.Error, ValueError):
                continue


def _possible(size: tuple[int, int]) -> tuple[int, int] | None:
    return size if all(0 < side <= MAX_SIDE for side in size) else None
