"""A folder of clips, as a recorder writes them, or a glob of video files. Loads no decoder before it is asked."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_PATH, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is a folder or a glob."""

    pattern = A_PATH
    kind: Literal["clips"] = "clips"


def fit(address: Address) -> int:
    """3 for a folder with clips and no pictures in it, and a glob of video files, else 0."""
    from maskwatch.sources.clips import matches

    return 3 if matches(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second; nothing is opened yet."""
    from maskwatch.sources.clips import ClipSource

    return ClipSource(context.camera, settings.address, fps=context.fps, aspect=context.aspect)
