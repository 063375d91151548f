"""`rtsp://…`: an IP camera. Loads no decoder."""

import re
from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is rtsp:// or rtsps://; the rest stands in the camera's `rtsp` section."""

    pattern = re.compile(r"(?i)rtsps?://.*", re.DOTALL)
    kind: Literal["rtsp"] = "rtsp"


def fit(address: Address) -> int:
    """2 for rtsp:// and rtsps://, else 0."""
    return 2 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second, with `context.rtsp`; nothing is opened yet."""
    from maskwatch.sources.rtsp import RtspSource

    return RtspSource(
        context.camera,
        settings.address,
        fps=context.fps,
        settings=context.rtsp,
        aspect=context.aspect,
        decode=context.decode,
    )
