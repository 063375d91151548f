"""People, not frames: who is in view, the verdict on each, and who passed. Pure."""

from maskwatch.core.people.people import People

__all__ = ["People"]
