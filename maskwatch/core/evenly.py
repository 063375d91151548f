"""Some of many, chosen evenly."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, in their order and as far apart as they can be; always the same ones."""
    step = max(1.0, len(items) / max(1, most))
    return [items[int(number * step)] for number in range(min(most, len(items)))]
