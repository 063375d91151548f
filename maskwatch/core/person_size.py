"""Which moving things have the size of a person."""

from collections.abc import Iterable

from maskwatch.core.geometry import contains_centre, expanded
from maskwatch.core.records import Box

WIDE, HIGH = 3, 6  # times the smallest face: the smallest part of a person that moves
MAX_SHARE = 0.8  # of the frame: more is a change of light, or the camera itself
ROOM = 0.25  # of what moved, on every side: the head may be outside of it


class PersonSize:
    """The size of a person, by `min_face_px`, the smallest face that is looked for."""

    def __init__(self, min_face_px: float) -> None:
        self._least = WIDE * min_face_px, HIGH * min_face_px

    @property
    def least_area(self) -> float:
        """The area of the smallest person, in square pixels."""
        return self._least[0] * self._least[1]

    def fits(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether a box may be a person; `size` is the frame's width and height in pixels."""
        large = box.width >= self._least[0] and box.height >= self._least[1]
        return large and box.width * box.height <= MAX_SHARE * size[0] * size[1]


def with_room(box: Box) -> Box:
    """The box of what moved, larger by `ROOM`."""
    return expanded(box, ROOM)


def has_face(box: Box, faces: Iterable[Box]) -> bool:
    """Whether a face lies in the box, or just beside it."""
    return any(contains_centre(with_room(box), face) for face in faces)
