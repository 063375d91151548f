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
    return 2 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    from maskwatch.sources.usb import UsbSource

    return UsbSource(context.camera, settings.address, fps=context.fps)
