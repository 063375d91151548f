"""The way through the pictures: fixed when it begins, so that labelling moves nothing under one's hands. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walk:
    """`place` counts from 0; one past the last id is the end."""

    ids: tuple[str, ...]
    place: int

    @property
    def here(self) -> str | None:
        """The id of the sample at `place`; None at the end."""
        return self.ids[self.place] if self.place < len(self.ids) else None

    def to(self, place: int) -> "Walk":
        """The same way at another place, at the nearest where there is none such."""
        return Walk(self.ids, min(max(0, place), len(self.ids)))

    def at(self, sample_id: str) -> "Walk":
        """There; an id that is not on the way comes to stand before the others."""
        if sample_id in self.ids:
            return Walk(self.ids, self.ids.index(sample_id))
        return Walk((sample_id, *self.ids), 0)

    def ahead(self, count: int) -> tuple[str, ...]:
        """Those that will come next."""
        return self.ids[self.place + 1 : self.place + 1 + count]

    def onward(self, step: int) -> Iterator["Walk"]:
        """Every further place, in the direction of `step` (1 or -1); forward the end is the last of them."""
        place = self.place + step
        while 0 <= place <= len(self.ids):
            yield Walk(self.ids, place)
            place += step


class Presence:
    """Who has which picture open, so that two people are led to different ones."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str]] = {}

    def enter(self, page: str, person: str, sample_id: str) -> None:
        """`page` is one browser's open page."""
        self._open[page] = (sample_id, person)

    def leave(self, page: str) -> None:
        """That page is closed; an unknown one changes nothing."""
        self._open.pop(page, None)

    def others(self, person: str, sample_id: str) -> tuple[str, ...]:
        """The other people who have this picture open."""
        here = {name for open_id, name in self._open.values() if open_id == sample_id}
        return tuple(sorted(here - {person}))
