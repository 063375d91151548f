"""What a replay saw over time, in the memory of a drawing, however long the footage is."""

from array import array
from collections import Counter
from dataclasses import dataclass

from maskwatch.core.records import FrameReport, Label
from maskwatch.output.trace import MAX_SHOWN_S, USUAL_S

MAX_COLUMNS = 20_000  # a plot has a tenth of that in pixels; even, so that two make one
MAX_LANES = 40  # people with a row each; of more, only counts are kept
MAX_STRETCHES = 20_000  # of all rows together
ROUNDING_S = 1e-6
FORGET_S, FORGET_FRAMES = 60.0, 64  # who was not seen for longer is over, and her number is not given again


@dataclass(frozen=True, slots=True)
class Stretch:
    """Somebody was in view with one verdict from `start` to `end`, seconds of the footage."""

    start: float
    end: float
    label: Label


@dataclass(slots=True)
class _Column:
    """One frame that stands for several: when they begin, and what it saw. Ratios 0..1, NaN where there is none."""

    at: float
    ratio: float
    raw_ratio: float
    counts: tuple[int, ...]

    @property
    def gravity(self) -> tuple[float, int]:
        """The lowest ratio stands for the others; where nobody is assessed, the most people."""
        return (2.0 if self.ratio != self.ratio else self.ratio, -sum(self.counts))


class Timeline:
    """Is given each report of a replay, in order; has the ratio and the counts over time, and who was seen when.

    Each of the first `MAX_COLUMNS` frames has a column of its own; of longer footage, the worst of 2, 4, 8 … frames stands
    for all of them. `at` are the columns' times in seconds, `ratio` and `raw_ratio` 0..1, NaN where there is none. `frames`
    counts all frames, `assessed` those with somebody to assess, `under` those whose ratio is under `bound`; `most` is the
    most people who could be assessed at once.
    """

    def __init__(self, bound: float) -> None:
        self.at, self.ratio, self.raw_ratio = array("d"), array("d"), array("d")
        self.frames = self.assessed = self.under = self.most = 0
        self._bound = bound
        self._counts = {label: array("H") for label in Label}
        self._per = 1  # frames a column
        self._open: _Column | None = None
        self._held = 0  # frames in it
        self._shown_s = USUAL_S
        self._last: tuple[float, list[tuple[int, Label]]] | None = None
        self._lanes: dict[int, list[Stretch]] | None = {}
        self._stretches = 0
        self._seen: dict[int, int] = {}  # who has a row, and in which frame she was seen last
        self._known: dict[int, tuple[float, int, Label]] = {}  # who may still be seen again
        self._over: Counter[Label] = Counter()

    def __len__(self) -> int:
        return len(self.at)

    @property
    def last_at(self) -> float:
        """When the last frame was, in seconds; 0 before any."""
        return 0.0 if self._last is None else self._last[0]

    @property
    def end(self) -> float:
        """Until when the last frame is shown, in seconds."""
        return self.last_at + self._shown_s

    def counts(self, label: Label) -> "array[int]":
        """How many people had this verdict, by column."""
        return self._counts[label]

    def lanes(self) -> dict[int, list[Stretch]]:
        """When each person was seen, and as what, by her number; between two stretches with a gap her face was hidden. Empty when there were too many."""
        return self._lanes or {}

    def verdicts(self) -> Counter[Label]:
        """How many people were followed, by the last verdict on each."""
        return self._over + Counter(label for _, _, label in self._known.values())

    def add(self, report: FrameReport) -> None:
        """Note what is kept of it."""
        if self._last is not None:
            self._shown_s = min(max(report.at - self._last[0], 0.0), MAX_SHOWN_S)
            self._draw_last()
        ratio, people = report.protected_ratio, report.people
        self.frames += 1
        self.assessed += people > 0
        self.under += ratio is not None and ratio < self._bound
        self.most = max(self.most, people)
        self._note_people(report)
        nan = float("nan")
        raw = nan if report.raw_ratio is None else report.raw_ratio
        counts = tuple(report.count(label) for label in Label)
        self._add_column(_Column(report.at, nan if ratio is None else ratio, raw, counts))
        seen = [(person.track, person.label) for person in report.persons or () if person.face is not None]
        self._last = report.at, seen

    def finish(self) -> None:
        """There is no further report."""
        if self._last is not None:
            self._draw_last()
        if self._open is not None:
            self._close_column()

    def _note_people(self, report: FrameReport) -> None:
        for person in report.persons or ():
            self._known[person.track] = report.at, self.frames, person.label
        if self.frames % FORGET_FRAMES == 0:
            for track, (at, frame, label) in list(self._known.items()):
                if report.at - at > FORGET_S and self.frames - frame > FORGET_FRAMES:
                    del self._known[track]
                    self._over[label] += 1

    def _add_column(self, column: _Column) -> None:
        if self._open is None or column.gravity < self._open.gravity:
            column.at = column.at if self._open is None else self._open.at
            self._open = column
        self._held += 1
        if self._held == self._per:
            self._close_column()
        if len(self) == MAX_COLUMNS:
            self._halve()

    def _close_column(self) -> None:
        assert self._open is not None
        self._put(self._open)
        self._open, self._held = None, 0

    def _put(self, column: _Column) -> None:
        self.at.append(column.at)
        self.ratio.append(column.ratio)
        self.raw_ratio.append(column.raw_ratio)
        for label, count in zip(Label, column.counts, strict=True):
            self._counts[label].append(min(count, 0xFFFF))

    def _halve(self) -> None:
        columns = [
            _Column(at, ratio, raw, counts)
            for at, ratio, raw, counts in zip(
                self.at, self.ratio, self.raw_ratio, zip(*self._counts.values(), strict=True), strict=True
            )
        ]
        self.at, self.ratio, self.raw_ratio = array("d"), array("d"), array("d")
        self._counts = {label: array("H") for label in Label}
        for first, second in zip(columns[::2], columns[1::2], strict=True):
            worse = min(first, second, key=lambda each: each.gravity)
            self._put(_Column(first.at, worse.ratio, worse.raw_ratio, worse.counts))
        self._per *= 2

    def _draw_last(self) -> None:
        """The rows of those who were seen in the frame before, now that it is known how long it was shown."""
        assert self._last is not None
        if self._lanes is None:
            return
        at, seen = self._last
        end = at + self._shown_s
        for track, label in seen:
            lane = self._lanes.setdefault(track, [])
            goes_on = lane and self._seen[track] == self.frames - 1 and lane[-1].end >= at - ROUNDING_S
            if goes_on and lane[-1].label is label:
                lane[-1] = Stretch(lane[-1].start, end, label)
            else:
                lane.append(Stretch(at, end, label))
                self._stretches += 1
            self._seen[track] = self.frames
        if len(self._lanes) > MAX_LANES or self._stretches > MAX_STRETCHES:
            self._lanes, self._seen = None, {}
