"""How wide a face is in a picture, by its distance; for a lens without distortion that points straight at it."""

from math import radians, tan

FACE_M = 0.16  # the width of an adult's head as detectors box it; the bizygomatic width is 0.13 to 0.14 m
# of `min_face_px`: at least 95 % of the faces from this width on are found, at half of `min_face_px` 85 % (docs/speed.md)
FOUND_FROM = 0.6
VIEW_DEG = 90.0  # horizontally; lenses of 2.8 mm before 1/2.8" sensors have 100 to 110, of 4 mm 80 to 90


def found_from_px(min_face_px: float) -> float:
    """The width in pixels from which on a detector with this `min_face_px` finds nearly all faces."""
    return FOUND_FROM * min_face_px


def face_px(distance_m: float, width_px: int, view_deg: float = VIEW_DEG) -> float:
    """The width in pixels of a face at `distance_m`, in a picture `width_px` wide that shows `view_deg` horizontally."""
    return FACE_M * width_px / (2 * distance_m * tan(radians(view_deg) / 2))


def reach_m(least_px: float, width_px: int, view_deg: float = VIEW_DEG) -> float:
    """The distance in metres up to which a face is at least `least_px` wide; the other arguments as in `face_px`."""
    return FACE_M * width_px / (2 * least_px * tan(radians(view_deg) / 2))
