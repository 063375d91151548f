"""The kinds of source, and which of them an address means."""

import re
from glob import has_magic, iglob
from pathlib import Path
from urllib.parse import urlsplit

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Source
from maskwatch.sources import file, images, rtsp, usb
from maskwatch.sources.settings import RtspSettings


def open_source(
    camera: str, address: Address, *, fps: float | None = None, rtsp_settings: RtspSettings | None = None
) -> Source:
    """The source behind an address; nothing is opened yet.

    `fps`: how many frames a second are wanted at most, evenly spaced; None for every frame. Raises
    `SourceError` when no kind takes the address.
    """
    if rtsp.matches(address):
        return rtsp.RtspSource(camera, address, fps=fps, settings=rtsp_settings)
    if usb.matches(address):
        return usb.UsbSource(camera, address, fps=fps)
    if images.matches(address):
        return images.ImageSource(camera, address)
    if file.matches(address):
        return file.FileSource(camera, address, fps=fps)
    raise SourceError(f"{address}: no kind of source takes this address")


def why_not_taken(address: Address) -> str | None:
    """Why no kind of source takes the address, without showing it; None when one does. Opens nothing."""
    text = address.reveal()
    if rtsp.matches(address):
        try:
            parts = urlsplit(text)
            if parts.hostname and parts.port != 0:
                return None
        except ValueError:  # a port that is no number, brackets that do not close
            pass
        return "must be rtsp://HOST/…; in a password / ? # @ : are written %2F %3F %23 %40 %3A"
    if "://" in text:
        return "must be rtsp://…, rtsps://…, usb:0, or a path"
    if re.match(r"[^/]*:[^/]*@", text):
        return "looks like an address without rtsp:// before it"
    return None


def is_footage(address: Address) -> bool:
    """Whether it is a path, or a pattern of paths, and no camera."""
    return "://" not in address.reveal() and not usb.matches(address)


def why_missing(address: Address) -> str | None:
    """Why footage is not there; None when it is, and for a camera, of which only opening it tells."""
    if not is_footage(address):
        return None
    text = address.reveal()
    try:
        Path(text).stat()
    except OSError as e:
        found = has_magic(text) and next(iglob(text), None) is not None  # noqa: PTH207 - takes absolute patterns
        return None if found else str(e.strerror)
    return None
