"""Whether an RTSP camera has a smaller stream: the camera is asked to describe it (DESCRIBE), and nothing is played."""

import ssl
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from maskwatch.alerts.rtsp_connection import Connection
from maskwatch.core.address import Address
from maskwatch.core.errors import AlertError
from maskwatch.sources.described import Described, described
from maskwatch.sources.facts import aspect_name
from maskwatch.sources.sub_streams import SubStream, candidates, has_own_addresses

OK = 200
ASK_S = 3.0
MAX_WIDTH, MAX_HEIGHT = 1920, 1080
FAR_LARGER = 1.2  # times that many pixels: more than faces at a door need
SMALLER = 0.8  # of the pixels: what is no smaller than that is the same stream
SQUEEZED = 0.03  # of the aspect: more than rounding to whole blocks makes


@dataclass(frozen=True, slots=True)
class SmallerStream:
    """A smaller stream, and the change of the address that leads to it."""

    stream: SubStream
    codec: str
    size: tuple[int, int] | None


def find(address: Address, size: tuple[int, int]) -> SmallerStream | None:
    """The largest stream below `size` (width, height); None where no other is known.

    Asks over one connection with the address's login, for at most all `candidates`, and stops after the first
    refusal, so that no account is locked.
    """
    found: list[SmallerStream] = []
    others = candidates(address)
    if not others:
        return None
    try:
        with closing(_Asking(address)) as asking:
            for other in others:
                what = asking.about(other.address)
                if what is not None and _is_smaller(what.size, size):
                    found.append(SmallerStream(other, what.codec, what.size))
    except AlertError:  # refused, or gone: what was found is found
        pass
    return max(found, key=lambda each: _pixels(each.size), default=None)


def told(
    address: Address,
    smaller: SmallerStream | None,
    size: tuple[int, int],
    face: tuple[float, float] | None,
    *,
    slow: bool,
) -> str:
    """What to do, in one line; empty where there is no other stream and none is needed.

    `size` is that of the picture as it is shown, `face` the width in pixels of the smallest face in view, or of one at
    some metres, and the width from which on faces are found, None where that is not known; `slow` says that decoding takes longer than
    the camera does for a frame.
    """
    large = size[0] * size[1] > FAR_LARGER * MAX_WIDTH * MAX_HEIGHT
    why = "decoding is slower than the camera" if slow else "the picture is far larger than faces need"
    if smaller is None:
        if not (slow or large):
            return ""
        where = (
            "UniFi Protect shows an address for each quality: take that of a lower one"
            if has_own_addresses(address)
            else "take a stream of fewer pixels, if the camera has one"
        )
        return f"{why}: {where}"
    name = f"a smaller stream with {smaller.stream.change}"
    what = f"{smaller.codec}, {smaller.size[0]} x {smaller.size[1]}" if smaller.size else smaller.codec
    line = f"there is {name} ({what})"
    if slow or large:
        line = f"{why}: take the {line.removeprefix('there is a ')}"
    return line + _with_faces(smaller.size, size, face) + _with_aspect(smaller.size, size)


def _with_faces(
    small: tuple[int, int] | None, size: tuple[int, int], face: tuple[float, float] | None
) -> str:
    if small is None or face is None:
        return ""
    shown_px = max(
        small[0], small[1] * size[0] / size[1]
    )  # pixels are made square by making the picture larger
    there = face[0] * shown_px / size[0]
    too_few = "" if there >= face[1] else f", too few: they are found from {face[1]:g} on"
    return f"; a face of {face[0]:.0f} px has {there:.0f} there{too_few}"


def _with_aspect(small: tuple[int, int] | None, size: tuple[int, int]) -> str:
    if small is None or abs(small[0] * size[1] / (small[1] * size[0]) - 1) <= SQUEEZED:
        return ""
    return f"; it is squeezed, so set aspect: '{aspect_name(size[0] / size[1])}'"


def _is_smaller(small: tuple[int, int] | None, size: tuple[int, int]) -> bool:
    return small is None or _pixels(small) < SMALLER * _pixels(size)


def _pixels(size: tuple[int, int] | None) -> int:
    return size[0] * size[1] if size else 0


class _Asking:
    """One connection to the camera. Raises `AlertError` where it does not answer or refuses the login."""

    def __init__(self, address: Address) -> None:
        context = None
        if urlsplit(address.reveal()).scheme.lower() == "rtsps":  # as the stream itself was opened
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - by FFmpeg, which checks no certificate
        self._connection = Connection(str(address), address.reveal(), ASK_S, context)

    def about(self, address: Address) -> Described | None:
        """What the camera says of a stream; None where it has none there."""
        parts = urlsplit(address.reveal())
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        response = self._connection.request("DESCRIBE", url, {"Accept": "application/sdp"}, ASK_S)
        if response.status != OK:
            return None
        return described(response.body.decode("utf-8", "replace"))

    def close(self) -> None:
        """Close the connection; as no stream was set up, no TEARDOWN is needed."""
        self._connection.close()
