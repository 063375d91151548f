"""How well a face can be judged, 0..1: its weight in the verdict on a person."""

from maskwatch.core.records import Face, Frame

GOOD_PX = 32.0  # the classifier's own input: a larger face tells no more


def quality(face: Face, frame: Frame) -> float:
    """By its size, and by how much of it is in the picture."""
    del frame
    return min(1.0, max(face.box.width, face.box.height) / GOOD_PX)
