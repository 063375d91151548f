"""Rectangles and polygons."""

from maskwatch.core.records import Box, Polygon


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / (a.width * a.height + b.width * b.height - overlap)


def contains(polygon: Polygon, x: float, y: float) -> bool:
    """Whether a point lies inside, by the even-odd rule: a ray to the right crosses the outline an odd number of times."""
    inside = False
    previous = polygon[-1]
    for corner in polygon:
        (x1, y1), (x2, y2) = previous, corner
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
        previous = corner
    return inside


def holds(area: Box, box: Box) -> bool:
    """Whether the box's centre lies in the area."""
    x, y = box.centre
    return area.x1 <= x < area.x2 and area.y1 <= y < area.y2


def overlaps(a: Box, b: Box) -> bool:
    return a.x1 < b.x2 and b.x1 < a.x2 and a.y1 < b.y2 and b.y1 < a.y2


def around(a: Box, b: Box) -> Box:
    """The smallest box about two."""
    return Box(min(a.x1, b.x1), min(a.y1, b.y1), max(a.x2, b.x2), max(a.y2, b.y2))
