"""A detector for a place where everybody stands in the same spot: a face wherever the picture is not black."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.core.records import Box, Face, Rgb, require_rgb
from maskwatch.plugins import KindSettings, ModelContext

Share = Annotated[float, Field(ge=0, le=1)]


class Settings(KindSettings):
    """`places` are left, top, right and bottom of each spot, as shares of the frame's width and height."""

    kind: Literal["turnstile"] = "turnstile"
    places: Annotated[tuple[tuple[Share, Share, Share, Share], ...], Field(min_length=1)]


class Turnstile:
    version = "turnstile-1"

    def __init__(self, settings: Settings) -> None:
        self._places = settings.places

    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        for rgb in frames:
            require_rgb(rgb)
        return [self._faces(rgb) for rgb in frames]

    def _faces(self, rgb: Rgb) -> tuple[Face, ...]:
        height, width = rgb.shape[:2]
        found = []
        for left, top, right, bottom in self._places:
            box = Box(left * width, top * height, right * width, bottom * height)
            spot = rgb[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
            if spot.size and spot.max() > 10:
                found.append(Face(box, 1.0))
        return tuple(found)


def build(settings: Settings, _: ModelContext) -> Turnstile:
    return Turnstile(settings)
