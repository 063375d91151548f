"""`http://…` (MJPEG, HLS), `rtmp://…`, `srt://…`: what FFmpeg reads from the network beside RTSP. Loads no decoder."""

import re
from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is http://, https://, rtmp://, rtmps:// or srt://; the rest stands in the camera's `rtsp` section."""

    pattern = re.compile(r"(?i)(https?|rtmps?|srt)://.*", re.DOTALL)
    kind: Literal["stream"] = "stream"


def fit(address: Address) -> int:
    """2 for those, else 0."""
    return 2 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second, within the times of `context.rtsp`; nothing is opened yet."""
    from maskwatch.sources.rtsp import StreamSource

    return StreamSource(
        context.camera,
        settings.address,
        fps=context.fps,
        settings=context.rtsp,
        aspect=context.aspect,
        decode=context.decode,
    )
