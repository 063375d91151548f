"""The kinds of source, and which of them an address means."""

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
