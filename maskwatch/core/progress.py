"""How long work tells how far it is, without knowing who looks on."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class ProgressBar(Protocol):
    """Hands the items through, and shows how far their user is."""

    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]: ...


Bar = Callable[[str], ProgressBar]
"""Shows what is gone through, under a name."""


def no_bar(_: str) -> ProgressBar:
    """Shows nothing."""
    return _as_they_are


def _as_they_are(items: Iterable[Item], /) -> Iterable[Item]:
    return items
