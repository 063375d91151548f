"""A video file: whatever has an address without `://` that no other kind knows better. Loads no decoder."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_PATH, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is a path."""

    pattern = A_PATH
    kind: Literal["file"] = "file"


def fit(address: Address) -> int:
    """1 for any path, so that a kind that knows it better is taken; 0 for what is none. Looks at no file."""
    return 1 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second; nothing is opened yet."""
    from maskwatch.sources.file import FileSource

    return FileSource(context.camera, settings.address, fps=context.fps, aspect=context.aspect)
