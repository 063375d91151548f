"""A picture, a folder of pictures, or a glob. Loads no OpenCV before it is asked."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_PATH, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is a path or a glob."""

    pattern = A_PATH
    kind: Literal["images"] = "images"


def fit(address: Address) -> int:
    """2 for a folder, a glob or the path of an image, else 0."""
    from maskwatch.sources.images import matches

    return 2 if matches(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source of every image, whatever `context.fps` is; nothing is opened yet."""
    from maskwatch.sources.images import ImageSource

    return ImageSource(context.camera, settings.address)
