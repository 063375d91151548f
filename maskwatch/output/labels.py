"""Labels beside boxes: none over another, none out of the picture, and if possible none over another's face."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2

from maskwatch.core.geometry import overlaps
from maskwatch.core.records import Box, Rgb
from maskwatch.output.text import Colour, text_width, write

BLACK = (0, 0, 0)
SMALL = 0.8  # of the text's height: what is less important
MAX_COVERED = 0.25  # of a label, by which it may hide others' boxes; before that it says less
RINGS = 4  # label heights around a box in which a place is looked for when all near ones are taken


@dataclass(frozen=True, slots=True)
class Tag:
    """What to write beside a box: `number` on black, then `word`, then `detail` in small; what has no room, from the end, is left out."""

    box: Box
    colour: Colour
    number: str = ""
    word: str = ""
    detail: str = ""

    def variants(self) -> Iterator[tuple[str, str, str]]:
        """From all of it to the least that says something."""
        seen = []
        for each in (
            (self.number, self.word, self.detail),
            (self.number, self.word, ""),
            (self.number, "", ""),
        ):
            if any(each) and each not in seen:
                seen.append(each)
                yield each


@dataclass(frozen=True, slots=True)
class Placed:
    """A label at its place; `parts` are those of a `Tag`."""

    box: Box
    colour: Colour
    parts: tuple[str, str, str]


def draw_labels(
    image: Rgb, tags: Sequence[Tag], text_px: int, taken: Sequence[Box] = ()
) -> tuple[Placed, ...]:
    """Write them into the picture; returns where they stand. One for which there is no room at all is left out.

    `taken` are places that no label may stand on.
    """
    height, width = image.shape[:2]
    placed = place_labels(tags, (width, height), text_px, taken)
    for each in placed:
        _draw(image, each, text_px)
    return placed


def place_labels(
    tags: Sequence[Tag], size: tuple[int, int], text_px: int, taken: Sequence[Box] = ()
) -> tuple[Placed, ...]:
    """Where each label stands in a picture of that width and height, in whole pixels; the first have the choice."""
    placed: list[Placed] = []
    for number, tag in enumerate(tags):
        others = [other.box for place, other in enumerate(tags) if place != number]
        free = [*taken, *(each.box for each in placed)]
        found = _place(tag, size, text_px, free, others)
        if found is not None:
            placed.append(found)
    return tuple(placed)


def _place(
    tag: Tag, size: tuple[int, int], text_px: int, taken: Sequence[Box], others: Sequence[Box]
) -> Placed | None:
    """The nearest place for the longest text that hides little of the others; else the one that hides least."""
    best: tuple[float, Placed] | None = None
    for parts in tag.variants():
        across, down = _width(parts, text_px), text_px + 2 * _room(text_px)
        for rank, (x, y) in enumerate(_corners(tag.box, across, down)):
            box = _inside(x, y, across, down, size)
            if box is None or any(overlaps(box, other) for other in taken):
                continue
            hidden = sum(_hidden(box, other) for other in others)
            if hidden <= MAX_COVERED:
                cost = hidden + rank / 1000
                if best is None or cost < best[0]:
                    best = cost, Placed(box, tag.colour, parts)
            elif best is None or 1 + hidden < best[0]:
                best = 1 + hidden, Placed(box, tag.colour, parts)
        if best is not None and best[0] < 1:
            break
    return best[1] if best else None


def _corners(box: Box, across: int, down: int) -> Iterator[tuple[float, float]]:
    """Left upper corners, the best first: above, below, beside and within the box, then further away."""
    above, below = box.y1 - down, box.y2
    for y in (above, below):
        yield from ((box.x1, y), (box.x2 - across, y), (box.centre[0] - across / 2, y))
    for x in (box.x2, box.x1 - across):
        yield from ((x, box.y1), (x, box.y2 - down), (x, box.centre[1] - down / 2))
    yield from ((box.x1, box.y1), (box.x1, box.y2 - down))
    for ring in range(1, RINGS + 1):
        for x in (box.x1, box.x2 - across, box.x2 + ring * down, box.x1 - across - ring * down):
            yield from ((x, above - ring * down), (x, below + ring * down), (x, box.centre[1]))


def _inside(x: float, y: float, across: int, down: int, size: tuple[int, int]) -> Box | None:
    """Moved into the picture; None when that is smaller than the label."""
    if across > size[0] or down > size[1]:
        return None
    left, top = round(min(max(x, 0), size[0] - across)), round(min(max(y, 0), size[1] - down))
    return Box(left, top, left + across, top + down)


def _hidden(label: Box, other: Box) -> float:
    """The share of the label that lies on the other box, 0..1."""
    across = min(label.x2, other.x2) - max(label.x1, other.x1)
    down = min(label.y2, other.y2) - max(label.y1, other.y1)
    return max(0.0, across) * max(0.0, down) / (label.width * label.height)


def _room(text_px: int) -> int:
    return max(2, text_px // 6)


def _pieces(parts: tuple[str, str, str], text_px: int) -> list[tuple[str, int]]:
    """Each part that there is, with its height in pixels."""
    small = max(9, round(SMALL * text_px))
    return [(text, px) for text, px in zip(parts, (text_px, text_px, small), strict=True) if text]


def _width(parts: tuple[str, str, str], text_px: int) -> int:
    """Of the label in pixels: each piece with room on both sides."""
    pieces = _pieces(parts, text_px)
    return sum(text_width(text, px) + 2 * _room(text_px) for text, px in pieces)


def _draw(image: Rgb, placed: Placed, text_px: int) -> None:
    x1, y1, x2, y2 = (int(v) for v in placed.box)
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), placed.colour, cv2.FILLED)
    room, left, line = _room(text_px), x1, y2 - _room(text_px) - text_px // 6
    for number, (text, px) in enumerate(_pieces(placed.parts, text_px)):
        across = text_width(text, px) + 2 * room
        on_black = number == 0 and bool(placed.parts[0])
        if on_black:
            cv2.rectangle(image, (left + 1, y1 + 1), (left + across - 2, y2 - 2), BLACK, cv2.FILLED)
        write(image, text, (left + room, line), placed.colour if on_black else BLACK, px)
        left += across
