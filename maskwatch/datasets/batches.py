"""Pictures in batches: what one worker does at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from maskwatch.core.text import pluralize

SIZE = 8  # a second or so: giving a batch out takes thousandths of it, and no worker waits long for the last ones

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ImageBatch(Generic[Item]):
    """Some of many pictures, each with what else is to be known of it; `number` is the batch's, from 0 on."""

    number: int
    items: tuple[Item, ...]

    def __str__(self) -> str:
        return f"{pluralize(len(self.items), 'picture')} from number {self.number * SIZE + 1} on"


def batches(items: Sequence[Item]) -> Iterator[ImageBatch[Item]]:
    """All of them, in their order."""
    for number, first in enumerate(range(0, len(items), SIZE)):
        yield ImageBatch(number, tuple(items[first : first + SIZE]))
