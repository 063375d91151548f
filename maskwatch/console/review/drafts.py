"""Work on pictures that is not saved yet, so that a reload, a lost connection or another device loses nothing of it.

It stays on the server: the boxes are there at every step, with the steps that may be undone, and nothing of a picture
is left in a browser that others may use. It ends with the program.
"""

from collections import OrderedDict
from dataclasses import dataclass

from maskwatch.console.review.editing import Editing
from maskwatch.samples.sample import Sample

MAX_DRAFTS = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """`sample` as it was when the work on it began."""

    sample: Sample
    editing: Editing


class Drafts:
    """By person and sample; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Draft] = OrderedDict()

    def keep(self, person: str, draft: Draft) -> None:
        """Keep it in the place of an earlier one."""
        key = (person, draft.sample.id)
        self._kept[key] = draft
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_DRAFTS:
            self._kept.popitem(last=False)

    def drop(self, person: str, sample_id: str) -> None:
        """It was saved, or taken back to where it began."""
        self._kept.pop((person, sample_id), None)

    def of(self, person: str, sample_id: str) -> Draft | None:
        """What that person left unsaved; None where there is nothing."""
        return self._kept.get((person, sample_id))

    def samples(self, person: str) -> frozenset[str]:
        """The ids of the samples of which that person left something unsaved."""
        return frozenset(sample_id for name, sample_id in self._kept if name == person)
