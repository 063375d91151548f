"""Small pictures of faces that went wrong, to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from maskwatch.classify.crop import crop
from maskwatch.core.errors import SourceError
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.records import LabelledImage
from maskwatch.evaluation.document import Image
from maskwatch.sources.images import read_rgb

TILES = 24
TILE_PX = 160
MARGIN = 0.7  # of the face's side, seen around it
BLUE, ORANGE = (64, 160, 255), (255, 110, 40)
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Spot:
    """A face in a picture, and what to say of it. Labelled ones are framed in blue, others in orange."""

    image: LabelledImage
    box: Box
    caption: str
    labelled: bool


def tiles(spots: Sequence[Spot]) -> tuple[Image, ...]:
    """The first of them, each picture opened once."""
    chosen = spots[:TILES]
    images: dict[int, Image] = {}
    order = sorted(range(len(chosen)), key=lambda place: chosen[place].image.key)
    for _, places in groupby(order, key=lambda place: chosen[place].image.key):
        own = list(places)
        try:
            rgb = read_rgb(chosen[own[0]].image.path)
        except SourceError:  # it went away since it was measured; the others can still be looked at
            continue
        for place in own:
            images[place] = cut(
                rgb, chosen[place].box, chosen[place].caption, labelled=chosen[place].labelled
            )
    return tuple(images[place] for place in sorted(images))


def cut(rgb: Rgb, box: Box, caption: str, *, labelled: bool) -> Image:
    """A square about the face, which is framed, as JPEG."""
    tile = np.ascontiguousarray(crop(rgb, box, side_px=TILE_PX, margin=MARGIN))
    scale = TILE_PX / (max(box.width, box.height, 1.0) * (1 + 2 * MARGIN))
    half_width, half_height, middle = box.width * scale / 2, box.height * scale / 2, TILE_PX / 2
    corners = [round(middle + v) for v in (-half_width, -half_height, half_width, half_height)]
    colour = BLUE if labelled else ORANGE
    cv2.rectangle(tile, (corners[0], corners[1]), (corners[2], corners[3]), colour, 2)
    bgr = cv2.cvtColor(tile, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return Image(data.tobytes(), caption)
