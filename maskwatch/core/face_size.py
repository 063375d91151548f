"""How wide a face is in a picture, by how far away it is: a lens without distortion that looks straight at it."""

from math import radians, tan

FACE_M = 0.16  # the width of an adult's head, as detectors box it; the bizygomatic width is 0.13 to 0.14 m
FOUND_FROM = (
    0.6  # of `min_face_px`: of wider faces 95 % or more are still found, at half of it 85 % (docs/speed.md)
)
VIEW_DEG = 90.0  # horizontally; lenses of 2.8 mm before 1/2.8" sensors have 100 to 110, of 4 mm 80 to 90


def found_from_px(min_face_px: float) -> float:
    """The width in pixels from which on nearly all faces are found that a smaller `min_face_px` would find."""
    return FOUND_FROM * min_face_px


def face_px(distance_m: float, width_px: int, view_deg: float = VIEW_DEG) -> float:
    """The width in pixels of a face that is so far away, in a picture of that width which shows so many degrees."""
    return FACE_M * width_px / (2 * distance_m * tan(radians(view_deg) / 2))


def reach_m(least_px: float, width_px: int, view_deg: float = VIEW_DEG) -> float:
    """How far away a face may be to be at least so many pixels wide."""
    return FACE_M * width_px / (2 * least_px * tan(radians(view_deg) / 2))
