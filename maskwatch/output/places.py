"""Zones and lines of a camera on its pictures, and who has just crossed a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Box, Direction, Passage, Polygon, Rgb
from maskwatch.output.labels import Tag
from maskwatch.output.style import COLOURS, HALO, PLACE_COLOUR, WORDS
from maskwatch.output.text import Colour

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Segment:
    """A line from `start` to `end`, x and y as shares (0..1) of the frame.

    `leaving` is the side where people have left, `left` or `right` as who stands at its start and looks along it sees it
    in the picture.
    """

    start: Point
    end: Point
    leaving: str = "right"


@dataclass(frozen=True, slots=True)
class Places:
    """What of a camera's settings is drawn: what is ignored, zones and lines by their names."""

    ignore: Sequence[Polygon] = ()
    zones: Mapping[str, Polygon] = field(default_factory=dict)
    lines: Mapping[str, Segment] = field(default_factory=dict)


def darkened(rgb: Rgb, polygons: Sequence[Polygon]) -> Rgb:
    """A copy, dark and framed inside the polygons, whose corners are shares of the frame."""
    dark = rgb.copy()
    corners = [_corners(polygon, rgb) for polygon in polygons]
    for polygon in corners:
        cv2.fillPoly(dark, [polygon], (0, 0, 0))
    image = np.asarray(cv2.addWeighted(rgb, 0.3, dark, 0.7, 0), np.uint8) if corners else dark
    cv2.polylines(image, corners, isClosed=True, color=PLACE_COLOUR, thickness=2)
    return image


def draw_zones(image: Rgb, zones: Mapping[str, Polygon], thickness: int) -> list[Tag]:
    """The outline of each, thin; returns the labels with their names."""
    tags = []
    for name, polygon in zones.items():
        corners = _corners(polygon, image)
        for colour, width in ((HALO, thickness + 2), (PLACE_COLOUR, thickness)):
            cv2.polylines(
                image, [corners], isClosed=True, color=colour, thickness=width, lineType=cv2.LINE_AA
            )
        x, y = min(corners.tolist(), key=sum)
        tags.append(Tag(Box(x, y, x, y), PLACE_COLOUR, word=name))
    return tags


def draw_lines(
    image: Rgb, lines: Mapping[str, Segment], passages: Sequence[Passage], thickness: int
) -> list[Tag]:
    """Each line with an arrow to where people leave, thick where `passages` just went over it; returns the labels."""
    tags = []
    for name, line in lines.items():
        over = [passage for passage in passages if passage.line == name]
        colour = COLOURS[over[-1].label] if over else PLACE_COLOUR
        width = thickness * (3 if over else 1)
        start, end = _pixels(line.start, image), _pixels(line.end, image)
        for each, px in ((HALO, width + 2), (colour, width)):
            cv2.line(image, start, end, each, px, cv2.LINE_AA)
            _draw_arrow(image, line, each, px)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        at_middle, at_start = Box(*middle, *middle), Box(*start, *start)
        tags += [Tag(at_middle, COLOURS[p.label], word=passage_words(p)) for p in over]
        tags.append(Tag(at_start, PLACE_COLOUR, word=name))
    return tags


def passage_words(passage: Passage) -> str:
    """How somebody passed, and her verdict: `leaving, mask`."""
    how = "out of view" if passage.direction is Direction.GONE else passage.direction.value
    return f"{how}, {WORDS[passage.label]}"


def _draw_arrow(image: Rgb, line: Segment, colour: Colour, width: int) -> None:
    """From the middle of the line, square to it, to the side of `leaving`."""
    start, end = (np.array(_pixels(point, image), float) for point in (line.start, line.end))
    along = end - start
    if not along.any():
        return
    to_the_right = np.array([-along[1], along[0]]) / np.hypot(*along)  # y points down
    side = 1 if line.leaving == "right" else -1
    middle = (start + end) / 2
    tip = middle + side * to_the_right * max(16, image.shape[0] / 16)
    cv2.arrowedLine(image, _whole(middle), _whole(tip), colour, width, cv2.LINE_AA, tipLength=0.4)


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _pixels(point: Point, image: Rgb) -> tuple[int, int]:
    height, width = image.shape[:2]
    return min(round(point[0] * width), width - 1), min(round(point[1] * height), height - 1)


def _corners(polygon: Polygon, image: Rgb) -> NDArray[np.int32]:
    height, width = image.shape[:2]
    return (np.array(polygon) * (width, height)).astype(np.int32)
