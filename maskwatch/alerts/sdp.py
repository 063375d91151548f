"""What a camera says that it takes: the audio tracks of a session description (RFC 8866) that a client is to send.

Their direction is the client's: `a=sendonly` is ONVIF's mark of a backchannel (ONVIF Streaming Specification, 5.3).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from maskwatch.alerts.rtsp_connection import number

MAX_PAYLOAD_TYPE = 127
ENCODING = r"[A-Z0-9._+-]{1,40}/[0-9]{1,6}(/[0-9]{1,2})?"
STATIC = {0: "PCMU/8000", 8: "PCMA/8000"}  # payload types that need no `rtpmap` (RFC 3551, table 4)


@dataclass(slots=True)
class Track:
    """A track to send. `control` is its URL, `formats` the encodings that it takes, `PCMU/8000` say, by payload type."""

    control: str
    formats: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """`control` is the URL of the whole."""

    control: str
    tracks: tuple[Track, ...]


def parsed(text: str, base: str) -> Session:
    """The session and its backchannels; `base` is the URL that relative ones are of. What is unknown is skipped."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line.strip())
    head, *media = sections
    audio = [lines for lines in media if lines[0].startswith("m=audio") and "a=sendonly" in lines]
    return Session(_control(head, base), tuple(_track(lines, base) for lines in audio))


def _track(lines: list[str], base: str) -> Track:
    track = Track(_control(lines, base))
    maps = dict(_mapped(value) for value in _values(lines, "a=rtpmap:"))
    for each in lines[0].split()[3:]:  # m=audio PORT PROTOCOL TYPE …
        payload_type = number(each, MAX_PAYLOAD_TYPE)
        encoding = None if payload_type is None else maps.get(payload_type, STATIC.get(payload_type))
        if payload_type is not None and encoding is not None:
            track.formats[payload_type] = encoding
    return track


def _mapped(value: str) -> tuple[int | None, str | None]:
    """`8 PCMA/8000/1`: one channel is the usual number. None for what is none of these."""
    payload_type, _, encoding = value.partition(" ")
    name = encoding.strip().upper().removesuffix("/1")
    return number(payload_type, MAX_PAYLOAD_TYPE), name if re.fullmatch(ENCODING, name) else None


def _control(lines: list[str], base: str) -> str:
    """Put behind the base, as cameras mean it, whose base may end with a query."""
    said = next(_values(lines, "a=control:"), "*").strip()
    if said in {"*", ""}:
        return base
    return said if "://" in said else f"{base.rstrip('/')}/{said}"


def _values(lines: list[str], prefix: str) -> Iterator[str]:
    return (line.removeprefix(prefix) for line in lines if line.startswith(prefix))
