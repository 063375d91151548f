"""People on a picture: each one's box, where she was just now, and the verdict on her."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np

from maskwatch.core.records import Box, Label, Person, Rgb
from maskwatch.output.labels import Tag
from maskwatch.output.style import COLOURS, ENGLISH, HALO, Words

MOVED = 0.3  # of the face's width: who moved less has no trail, which would only cover the face
Trails = Mapping[int, Sequence[tuple[float, float]]]
"""By a person's number the centres of her face in pixels, the newest last."""


def draw_people(
    image: Rgb, persons: Sequence[Person], trails: Trails, thickness: int, words: Words = ENGLISH
) -> list[Tag]:
    """Trails below, boxes above, dashed where a face is hidden; returns the labels."""
    _draw_trails(image, persons, trails, thickness)
    tags = []
    for person in persons:
        colour = COLOURS[person.label]
        box = _inside(person.box, image)
        if person.face is None:
            _draw_dashed(image, box, colour, thickness)
            tags.append(Tag(box, colour, str(person.track), words.hidden))
        else:
            x1, y1, x2, y2 = (round(v) for v in box)
            cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)
            tags.append(Tag(box, colour, str(person.track), words.labels[person.label], _sure(person)))
    return tags


def _sure(person: Person) -> str:
    """How sure the verdict is, as a percentage; nothing while there is none."""
    if person.protected is None or person.label is Label.UNKNOWN:
        return ""
    return f"{person.protected if person.label is Label.PROTECTED else 1 - person.protected:.0%}"


def _inside(box: Box, image: Rgb) -> Box:
    """Cut at the picture's edges, so that all four sides are seen."""
    height, width = image.shape[:2]
    return box.within(width - 1, height - 1)


def _draw_trails(image: Rgb, persons: Sequence[Person], trails: Trails, thickness: int) -> None:
    """Thin where it is old; of somebody who hardly moved there is none."""
    for person in persons:
        points = np.array(trails.get(person.track, ())).reshape(-1, 2)
        if not len(points) or np.ptp(points, axis=0).max() < MOVED * person.box.width:
            continue
        whole: list[list[int]] = points.round().astype(int).tolist()
        for colour, more in ((HALO, 1), (COLOURS[person.label], 0)):
            for number, (start, end) in enumerate(pairwise(whole), 1):
                width = max(1, round(thickness * number / len(whole)))
                cv2.line(image, start, end, colour, width + more, cv2.LINE_AA)


def _draw_dashed(image: Rgb, box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    x1, y1, x2, y2 = (round(v) for v in box)
    dash = max(4, 3 * thickness)
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2):
            cv2.line(image, (x, y), (min(x + dash, x2), y), colour, thickness)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2):
            cv2.line(image, (x, y), (x, min(y + dash, y2)), colour, thickness)
