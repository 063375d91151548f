"""A video file: any address without `://` that no other kind fits better. Importing this loads no decoder."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_PATH, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is a path."""

    pattern = A_PATH
    kind: Literal["file"] = "file"


def fit(address: Address) -> int:
    """1 for any path, so that a kind that fits better is taken; 0 for a URL. Does not look at the file."""
    return 1 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second; nothing is opened yet."""
    from maskwatch.sources.file import FileSource

    return FileSource(context.camera, settings.address, fps=context.fps, aspect=context.aspect)
