"""What of the things that move has the size of a person."""

from collections.abc import Iterable

from maskwatch.core.geometry import contains_centre, expanded
from maskwatch.core.records import Box

WIDE, HIGH = 3, 6  # of the smallest face: what moves of a person, at least
MAX_SHARE = 0.8  # of the frame: more is the light, or the camera itself
ROOM = 0.25  # of what moved, around it: the head need not be in it


class PersonSize:
    """The size that what moves must have, by `min_face_px`, the smallest face that is looked for."""

    def __init__(self, min_face_px: float) -> None:
        self._least = WIDE * min_face_px, HIGH * min_face_px

    @property
    def least_area(self) -> float:
        """Of the smallest that fits, in square pixels."""
        return self._least[0] * self._least[1]

    def fits(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether it may be a person; `size` is the frame's width and height in pixels."""
        large = box.width >= self._least[0] and box.height >= self._least[1]
        return large and box.width * box.height <= MAX_SHARE * size[0] * size[1]


def with_room(box: Box) -> Box:
    """What moved, and the room around it that belongs to it."""
    return expanded(box, ROOM)


def has_face(box: Box, faces: Iterable[Box]) -> bool:
    """Whether a face lies in what moved, or just beside it."""
    return any(contains_centre(with_room(box), face) for face in faces)
