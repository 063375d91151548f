"""The picture of a camera that `maskwatch check` leaves: places, the faces found now, and below it a ruler of face sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from maskwatch.core.records import Face, Rgb, require_rgb
from maskwatch.output.labels import Tag, draw_labels
from maskwatch.output.places import Places, darkened, draw_lines, draw_zones
from maskwatch.output.style import BANNER_COLOUR, COLOURS, HALO, PLACE_COLOUR
from maskwatch.output.text import Colour, shortened, text_width, write

WHITE: Colour = (255, 255, 255)
MISSED: Colour = (255, 220, 60)
OUTLINE: Colour = (200, 200, 200)


@dataclass(frozen=True, slots=True)
class Mark:
    """A face's width in pixels on the ruler, what it is, and whether such faces are found."""

    width_px: float
    name: str
    found: bool = True

    @property
    def text(self) -> str:
        """What stands below it."""
        return self.name if self.found else f"{self.name}, too small"


def check_picture(
    rgb: Rgb,
    faces: Sequence[Face],
    missed: Sequence[Face],
    *,
    places: Places,
    ruler: Sequence[Mark],
    lines: Sequence[str],
) -> Rgb:
    """A copy, taller by the ruler and `lines` below it. `missed` are faces that are too small to be looked for."""
    require_rgb(rgb)
    image = darkened(rgb, places.ignore)
    text_px = max(12, image.shape[0] // 42)
    thickness = max(2, text_px // 8)
    tags = [_boxed(image, face, thickness, COLOURS[face.label], "") for face in faces]
    tags += [_boxed(image, face, thickness, MISSED, ", too small") for face in missed]
    named = draw_zones(image, places.zones, thickness)
    crossed = draw_lines(image, places.lines, (), thickness)
    draw_labels(image, [*tags, *crossed, *named], text_px)
    return np.concatenate([image, _ruler(image.shape[1], ruler, lines, text_px)])


def _boxed(image: Rgb, face: Face, thickness: int, colour: Colour, more: str) -> Tag:
    x1, y1, x2, y2 = (round(v) for v in face.box)
    for each, width in ((HALO, thickness + 2), (colour, thickness)):
        cv2.rectangle(image, (x1, y1), (x2, y2), each, width)
    return Tag(face.box, colour, word=f"{face.box.width:.0f} px{more}")


def _ruler(width: int, marks: Sequence[Mark], lines: Sequence[str], text_px: int) -> Rgb:
    """Squares as wide as the faces, in the picture's own pixels, each with its name; then the lines of text."""
    step, room = round(text_px * 1.5), text_px
    tallest = max((round(mark.width_px) for mark in marks), default=0)
    shown = min(tallest, width // 4)  # of a face at arm's length no more
    across = _places(width, marks, text_px, room)
    rows = [row for row, _ in across]
    row_height = shown + 2 * step if marks else 0
    height = room + (max(rows, default=-1) + 1) * row_height + len(lines) * step + room // 2
    strip = np.empty((height + height % 2, width, 3), np.uint8)
    strip[:] = BANNER_COLOUR
    for mark, (row, left) in zip(marks, across, strict=True):
        _draw_mark(
            strip, mark, (left, room + row * row_height + shown), min(round(mark.width_px), shown), text_px
        )
    top = height - len(lines) * step - room // 2
    for number, line in enumerate(lines, 1):
        write(
            strip,
            shortened(line, width - 2 * room, text_px),
            (room, top + number * step - text_px // 3),
            WHITE,
            text_px,
        )
    return strip


def _places(width: int, marks: Sequence[Mark], text_px: int, room: int) -> list[tuple[int, int]]:
    """Of each mark its row and its left, one after the other."""
    result, row, left = [], 0, room
    for mark in marks:
        needs = max(
            min(round(mark.width_px), width // 4),
            text_width(mark.text, text_px),
            text_width("000 px", text_px),
        )
        if left > room and left + needs > width - room:
            row, left = row + 1, room
        result.append((row, left))
        left += needs + 2 * room
    return result


def _draw_mark(strip: Rgb, mark: Mark, corner: tuple[int, int], side: int, text_px: int) -> None:
    """`corner` is the left lower one of the square."""
    left, floor = corner
    colour = OUTLINE if mark.found else MISSED
    cv2.rectangle(strip, (left, floor - side), (left + side, floor), colour, max(1, text_px // 10))
    write(strip, f"{mark.width_px:.0f} px", (left, floor + round(text_px * 1.25)), colour, text_px)
    write(strip, mark.text, (left, floor + round(text_px * 2.5)), PLACE_COLOUR, text_px)
