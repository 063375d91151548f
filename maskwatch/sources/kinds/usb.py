"""`usb:0`: a camera on this machine. Loads no OpenCV."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_DEVICE, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is usb:N or /dev/videoN."""

    pattern = A_DEVICE
    kind: Literal["usb"] = "usb"


def fit(address: Address) -> int:
    """2 for usb:N and /dev/videoN, else 0."""
    return 2 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second; nothing is opened yet."""
    from maskwatch.sources.usb import UsbSource

    return UsbSource(context.camera, settings.address, fps=context.fps)
