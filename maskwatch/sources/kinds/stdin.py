"""Standard input: `-` is footage, every frame of it; `stdin:` is a live camera. Loads no decoder."""

from typing import Literal

from maskwatch.core.address import Address
from maskwatch.core.ports import Source
from maskwatch.sources.registry import A_PIPE, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is `-` or `stdin:`."""

    pattern = A_PIPE
    kind: Literal["stdin"] = "stdin"


def fit(address: Address) -> int:
    """4 for `-` and `stdin:`, else 0."""
    return 4 if Settings.takes(address) else 0


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second; nothing is read yet."""
    from maskwatch.sources.stdin import LivePipe, PipedFile

    kind = PipedFile if settings.address.reveal() == "-" else LivePipe
    return kind(context.camera, settings.address, fps=context.fps, aspect=context.aspect)
