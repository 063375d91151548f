"""People, not frames: who is in view, the verdict on each, and who passed. Pure."""

from maskwatch.core.people.lines import Line, Side
from maskwatch.core.people.passages import Passages
from maskwatch.core.people.people import People

__all__ = ["Line", "Passages", "People", "Side"]
