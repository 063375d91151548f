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
