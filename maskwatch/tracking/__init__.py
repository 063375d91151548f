"""Following faces from frame to frame. A tracker is one camera's; it keeps boxes, and nothing of a face."""

from maskwatch.tracking.tracker import FaceTracker

__all__ = ["FaceTracker"]
