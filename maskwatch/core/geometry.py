"""Rectangles and polygons."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from maskwatch.core.records import Box, Face, Polygon

# IoU from which two boxes are of the same face; the detector's boxes are square, those that people draw are not

SAME_FACE_IOU = 0.4


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1. For thousands of boxes at once there is `detect.boxes.pairwise_iou`."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / (a.width * a.height + b.width * b.height - overlap)


def covered_share(box: Box, by: Box) -> float:
    """The share (0..1) of a box's area that lies in the other box."""
    width = min(box.x2, by.x2) - max(box.x1, by.x1)
    height = min(box.y2, by.y2) - max(box.y1, by.y1)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (box.width * box.height)


def contains(polygon: Polygon, x: float, y: float) -> bool:
    """Whether a point (shares of the frame, 0..1) lies inside a polygon, by the even-odd rule."""
    inside = False
    previous = polygon[-1]
    for corner in polygon:
        (x1, y1), (x2, y2) = previous, corner
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
        previous = corner
    return inside


def in_any(polygons: Iterable[Polygon], box: Box, size: tuple[int, int]) -> bool:
    """Whether the centre of a box lies in one of the polygons; `size` is the frame's width and height in pixels."""
    x, y = box.centre
    return any(contains(polygon, x / size[0], y / size[1]) for polygon in polygons)


def expanded(box: Box, share: float) -> Box:
    """The box, larger on every side by `share` of its width and of its height."""
    across, down = share * box.width, share * box.height
    return Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)


def contains_centre(area: Box, box: Box) -> bool:
    """Whether the centre of a box lies in the area."""
    x, y = box.centre
    return area.x1 <= x < area.x2 and area.y1 <= y < area.y2


def overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return a.x1 < b.x2 and b.x1 < a.x2 and a.y1 < b.y2 and b.y1 < a.y2


def clip_faces(faces: Iterable[Face], width: float, height: float) -> list[Face]:
    """The faces with their boxes cut at a frame of that size in pixels; those with less than 1 px in it are left out."""
    cut = (replace(face, box=face.box.within(width, height)) for face in faces)
    return [face for face in cut if min(face.box.width, face.box.height) >= 1]


def enclosing_box(a: Box, b: Box) -> Box:
    """The smallest box that contains both."""
    return Box(min(a.x1, b.x1), min(a.y1, b.y1), max(a.x2, b.x2), max(a.y2, b.y2))


def area(polygon: Polygon) -> float:
    """The area of a polygon that does not cross itself, in the squared unit of its corners (shoelace formula)."""
    after = (*polygon[1:], polygon[0])
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, after, strict=True))) / 2


def spread(polygon: Polygon) -> float:
    """The area of the largest triangle of the first corner, the one farthest from it and a third: 0 for corners on one line."""
    (x, y), *rest = polygon
    from_first = [(x2 - x, y2 - y) for x2, y2 in rest]
    far_x, far_y = max(from_first, key=lambda v: v[0] ** 2 + v[1] ** 2)
    return max(abs(far_x * dy - far_y * dx) for dx, dy in from_first) / 2


def names_at(
    polygons: Mapping[str, Polygon], point: tuple[float, float], size: tuple[int, int]
) -> tuple[str, ...]:
    """The names of the polygons that a point (pixels) lies in; `size` is the frame's width and height in pixels."""
    x, y = point[0] / size[0], point[1] / size[1]
    return tuple(name for name, polygon in polygons.items() if contains(polygon, x, y))
