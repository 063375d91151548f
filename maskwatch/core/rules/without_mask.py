"""Somebody wears no mask."""

from collections.abc import Sequence

from maskwatch.core.records import AlertKind, FrameReport, Label, Passage
from maskwatch.core.rules.condition import Finding, Subjects, Tally


class WithoutMask:
    """Holds for each person with the verdict `UNPROTECTED`, while at least `min_people` are assessed.

    It is over for a person with the verdict `PROTECTED`. It identifies people by their tracks: where nobody is followed, it
    never holds.
    """

    kind = AlertKind.UNPROTECTED

    def __init__(self, subjects: Subjects, *, min_people: int = 1) -> None:
        self._subjects = subjects
        self._min_people = min_people

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        subjects = self._subjects.update(report, passages)
        tally = Tally.of(subjects)
        return Finding(
            people=tally.assessed,
            unprotected=tally.unprotected,
            protected_ratio=tally.protected_ratio,
            tracks=tally.bare,
            holding=frozenset(tally.bare if tally.assessed >= self._min_people else ()),
            lasting=frozenset(tally.bare),
            over=frozenset(each.track for each in subjects if each.label is Label.PROTECTED),
        )
