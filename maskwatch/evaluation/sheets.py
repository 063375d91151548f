"""Contact sheets of wrongly detected or judged faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from maskwatch.classify.crop import crop
from maskwatch.core.errors import SourceError
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.records import LabelledImage
from maskwatch.evaluation.conditions import under
from maskwatch.evaluation.document import Image
from maskwatch.evaluation.images import EvaluationImages
from maskwatch.sources.images import read_rgb

TILES = 24
TILE_PX = 160
EXAMPLES = 3  # sources of which a picture is shown under each condition
EXAMPLE_PX = (360, 270)  # width and height of what is shown of it
SCENES = 12
SCENE_PX = 480  # the longer side of a whole picture
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


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture and what to say of it; faces in `right` are framed in blue, those in `wrong` in orange."""

    image: LabelledImage
    right: tuple[Box, ...]
    wrong: tuple[Box, ...]
    caption: str


def scenes(chosen: Sequence[Scene]) -> tuple[Image, ...]:
    """The first of them, small; one that cannot be read any more is left out."""
    result = []
    for scene in chosen[:SCENES]:
        try:
            rgb = read_rgb(scene.image.path)
        except SourceError:  # it went away since it was measured
            continue
        scale = min(1.0, SCENE_PX / max(rgb.shape[:2]))
        size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
        small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        for boxes, colour in ((scene.right, BLUE), (scene.wrong, ORANGE)):
            for box in boxes:
                x1, y1, x2, y2 = (round(v * scale) for v in box)
                cv2.rectangle(small, (x1, y1), (x2, y2), colour, 2)
        result.append(jpeg(small, scene.caption))
    return tuple(result)


def examples(material: EvaluationImages, conditions: Sequence[str]) -> list[tuple[Image, ...]]:
    """Of some sources a picture as it is and under each condition: what is about its largest face, not resized."""
    result = []
    for source, places in list(material.places.items())[:EXAMPLES]:
        image = max((material.images[place] for place in places), key=_large_enough)
        try:
            rgb = read_rgb(image.path)
        except SourceError:  # it went away since it was measured
            continue
        left, top = (round(v) for v in _largest(image).centre)
        height, width = rgb.shape[:2]
        x = min(max(0, left - EXAMPLE_PX[0] // 2), max(0, width - EXAMPLE_PX[0]))
        y = min(max(0, top - EXAMPLE_PX[1] // 2), max(0, height - EXAMPLE_PX[1]))
        tiles = []
        for condition in (None, *conditions):
            seen = under(condition, image.key, rgb)[y : y + EXAMPLE_PX[1], x : x + EXAMPLE_PX[0]]
            tiles.append(
                jpeg(np.ascontiguousarray(seen), f"{condition or 'as it is'}; {source}, {image.key}")
            )
        result.append(tuple(tiles))
    return result


def _largest(image: LabelledImage) -> Box:
    """The largest labelled face; the upper left corner where none has a box."""
    boxes = [truth.box for truth in image.truths if truth.box is not None]
    return max(boxes, key=lambda box: box.width * box.height, default=Box(0, 0, 0, 0))


def _large_enough(image: LabelledImage) -> float:
    """The first face that is large enough to see and leaves room around it."""
    width = _largest(image).width
    return 1.0 if EXAMPLE_PX[0] / 8 <= width <= EXAMPLE_PX[0] / 2 else 0.0


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
    return jpeg(tile, caption)


def jpeg(rgb: Rgb, caption: str) -> Image:
    """The picture as JPEG, in its size."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return Image(data.tobytes(), caption)
