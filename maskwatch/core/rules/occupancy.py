"""Too many people are there, or many of whom too few wear a mask."""

from collections.abc import Sequence

from maskwatch.core.records import AlertKind, FrameReport, Passage
from maskwatch.core.rules.condition import NOBODY, WHOLE, Finding, Subjects, Tally


class Occupancy:
    """Holds while at least `min_people` are there, assessed or not; without them it is over.

    With a `protected_ratio` (0..1), only while that of the assessed ones is strictly under it.
    """

    kind = AlertKind.OCCUPANCY

    def __init__(
        self, subjects: Subjects, *, min_people: int = 1, protected_ratio: float | None = None
    ) -> None:
        self._subjects = subjects
        self._min_people = min_people
        self._bound = protected_ratio

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        subjects = self._subjects.update(report, passages)
        tally = Tally.of(subjects)
        ratio = tally.protected_ratio
        many = len(subjects) >= self._min_people
        under = self._bound is None or (ratio is not None and ratio < self._bound)
        over = not many or (self._bound is not None and ratio is not None and not under)
        return Finding(
            people=len(subjects),
            unprotected=tally.unprotected,
            protected_ratio=ratio,
            tracks=tuple(each.track for each in subjects if each.track),
            holding=WHOLE if many and under else NOBODY,
            lasting=WHOLE if many and under else NOBODY,
            over=WHOLE if over else NOBODY,
        )
