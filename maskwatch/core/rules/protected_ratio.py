"""Too few wear a mask: the protected ratio is under the bound."""

from collections.abc import Sequence

from maskwatch.core.records import AlertKind, FrameReport, Passage
from maskwatch.core.rules.condition import NOBODY, WHOLE, Finding, Subjects, Tally
from maskwatch.core.rules.timed_rule import TimedRule, Timing

NAME = "protected_ratio"  # of the rule that every camera has by default


class ProtectedRatio:
    """Holds while the ratio (0..1) is strictly under `protected_ratio`, with at least `min_people` assessed.

    It is over when the ratio is at `clear_ratio` again; a value under `protected_ratio` counts as `protected_ratio`.
    """

    kind = AlertKind.UNPROTECTED

    def __init__(
        self,
        subjects: Subjects,
        *,
        protected_ratio: float,
        clear_ratio: float | None = None,
        min_people: int = 1,
    ) -> None:
        self._subjects = subjects
        self._bound = protected_ratio
        self._clear = protected_ratio if clear_ratio is None else max(clear_ratio, protected_ratio)
        self._min_people = min_people

    def judge(self, report: FrameReport, passages: Sequence[Passage]) -> Finding:
        tally = Tally.of(self._subjects.update(report, passages))
        ratio = tally.protected_ratio
        known = ratio is not None and tally.assessed >= self._min_people
        under, lasting = (known and ratio is not None and ratio < b for b in (self._bound, self._clear))
        return Finding(
            people=tally.assessed,
            unprotected=tally.unprotected,
            protected_ratio=ratio,
            tracks=tally.bare,
            holding=WHOLE if under else NOBODY,
            lasting=WHOLE if lasting else NOBODY,
            over=WHOLE if known and not lasting else NOBODY,
        )


class Rule(TimedRule):
    """Decides for one camera, frame by frame. Time is the frames' own (`report.at`), in seconds.

    It alerts when the ratio (0..1) has been strictly under `protected_ratio` for `for_s` with at least `min_people` assessed;
    `say` is what the alert says. The alert is in flight until `delivered` or `failed` is called; there is no other alert
    meanwhile, nor within `cooldown_s` after the delivery. After more than `max_gap_s` without a frame, `for_s` starts again.

    A delivered alert ends when the ratio is at `clear_ratio` again (None: at the bound), when there have been too few people
    for more than `max_gap_s`, or when the next alert is delivered.
    """

    def __init__(
        self,
        *,
        protected_ratio: float = 0.75,
        min_people: int = 1,
        for_s: float = 1.0,
        cooldown_s: float = 30.0,
        say: str = "Please wear your mask.",
        max_gap_s: float = 5.0,
        clear_ratio: float | None = None,
    ) -> None:
        condition = ProtectedRatio(
            Subjects(), protected_ratio=protected_ratio, clear_ratio=clear_ratio, min_people=min_people
        )
        timing = Timing(say, for_s=for_s, cooldown_s=cooldown_s, max_gap_s=max_gap_s)
        super().__init__(NAME, condition, timing)
