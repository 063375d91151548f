"""What differs between two runs over the same footage: alerts, people, verdicts, and when the ratio was under the bound."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, product

from maskwatch.core.errors import DataError
from maskwatch.core.geometry import iou
from maskwatch.core.records import Alert, Label, Person
from maskwatch.core.text import pluralize
from maskwatch.output.style import WORDS
from maskwatch.output.trace import Trace

SAME_ALERT_S = 10.0  # alerts that begin further apart are two
MOVED_S = 1.0  # an alert that begins so much earlier or later is told
OTHERWISE_S = 1.0  # so long must two verdicts on one person differ to be told
SAME_FACE_IOU = 0.3  # as the tracker has it
SAME_SHARE = 0.5  # of the frames of the shorter track, in which two lie on each other, to be one person


class Kind(StrEnum):
    """How two runs, A and B, can differ."""

    ALERT_LOST = "alert_lost"
    ALERT_GAINED = "alert_gained"
    ALERT_MOVED = "alert_moved"
    ONLY_A = "person_only_in_a"
    ONLY_B = "person_only_in_b"
    PARTED = "followed_otherwise"
    OTHERWISE = "judged_otherwise"
    UNDER_A = "under_only_in_a"
    UNDER_B = "under_only_in_b"


MEANING = {
    Kind.ALERT_LOST: "Alerts of A that B does not have",
    Kind.ALERT_GAINED: "Alerts of B that A does not have",
    Kind.ALERT_MOVED: "Alerts that begin at another time",
    Kind.ONLY_A: "People whom only A sees",
    Kind.ONLY_B: "People whom only B sees",
    Kind.PARTED: "One person in one, several in the other",
    Kind.OTHERWISE: "People judged otherwise",
    Kind.UNDER_A: "Under the bound only in A",
    Kind.UNDER_B: "Under the bound only in B",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One of the two: what it saw, its alerts, and the ratio (0..1) under which it gives them."""

    name: str
    trace: Trace
    alerts: Sequence[Alert]
    bound: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs, from `start` to `end` in seconds of the footage.

    `place` is the frame that shows it best, by its place in the trace. `people_a` and `people_b` are the numbers of
    those whom it is about.
    """

    kind: Kind
    start: float
    end: float
    place: int
    text: str
    people_a: tuple[int, ...] = ()
    people_b: tuple[int, ...] = ()


def differences(a: Run, b: Run) -> tuple[Difference, ...]:
    """All of them by kind, of people and of stretches the longest first. Raises `DataError` when the footage was another."""
    if a.trace.seq != b.trace.seq:
        raise DataError(f"{a.trace.source}: has other frames the second time; it must not change meanwhile")
    found = [*_alerts(a, b), *_people(a, b), *_under(a, b, Kind.UNDER_A), *_under(b, a, Kind.UNDER_B)]
    order = list(Kind)
    return tuple(sorted(found, key=lambda each: order.index(each.kind)))


def _alerts(a: Run, b: Run) -> Iterator[Difference]:
    near = sorted(
        (abs(one.at - other.at), n, m)
        for (n, one), (m, other) in product(enumerate(a.alerts), enumerate(b.alerts))
        if (one.kind, one.rule) == (other.kind, other.rule) and abs(one.at - other.at) <= SAME_ALERT_S
    )
    pairs: dict[int, int] = {}
    for _, n, m in near:
        if n not in pairs and m not in pairs.values():
            pairs[n] = m
    for n, alert in enumerate(a.alerts):
        if n not in pairs:
            yield _alone(Kind.ALERT_LOST, alert, a.trace)
        elif abs(alert.at - b.alerts[pairs[n]].at) > MOVED_S:
            yield _moved(alert, b.alerts[pairs[n]], a.trace)
    for m, alert in enumerate(b.alerts):
        if m not in pairs.values():
            yield _alone(Kind.ALERT_GAINED, alert, b.trace)


def _alone(kind: Kind, alert: Alert, trace: Trace) -> Difference:
    text = f"{alert.at:.2f} s: {alert.unprotected} of {alert.people} without a mask"
    return Difference(kind, alert.at, _end(alert, trace), _place_at(trace, alert.at), text)


def _moved(one: Alert, other: Alert, trace: Trace) -> Difference:
    how = "later" if other.at > one.at else "earlier"
    text = f"{one.at:.2f} s in A, {other.at:.2f} s in B, {abs(other.at - one.at):.2f} s {how}"
    first = min(one, other, key=lambda alert: alert.at)
    return Difference(Kind.ALERT_MOVED, first.at, max(one.at, other.at), _place_at(trace, first.at), text)


def _end(alert: Alert, trace: Trace) -> float:
    return trace.at[-1] if alert.ended_at is None else alert.ended_at


def _place_at(trace: Trace, at: float) -> int:
    return min(range(len(trace)), key=lambda place: abs(trace.at[place] - at))


class _Meeting:
    """Two people of A and B on the same place: in which frames, and in which of them with other verdicts."""

    def __init__(self) -> None:
        self.frames = 0
        self.differing = array("q")


def _people(a: Run, b: Run) -> Iterator[Difference]:
    of_a, of_b = _frames(a.trace), _frames(b.trace)
    meetings: dict[tuple[int, int], _Meeting] = {}
    for place in range(len(a.trace)):
        for one, other in _on_each_other(a.trace.persons(place), b.trace.persons(place)):
            meeting = meetings.setdefault((one.track, other.track), _Meeting())
            meeting.frames += 1
            if one.label is not other.label:
                meeting.differing.append(place)
    same = {
        pair: meeting
        for pair, meeting in meetings.items()
        if meeting.frames >= SAME_SHARE * min(len(of_a[pair[0]]), len(of_b[pair[1]]))
    }
    partners_a = {track: sorted(m for n, m in same if n == track) for track in of_a}
    partners_b = {track: sorted(n for n, m in same if m == track) for track in of_b}
    yield from _only(Kind.ONLY_A, a.trace, of_a, partners_a)
    yield from _only(Kind.ONLY_B, b.trace, of_b, partners_b)
    yield from _parted(a.trace, of_a, partners_a, "A", "B")
    yield from _parted(b.trace, of_b, partners_b, "B", "A")
    yield from _otherwise(a, b, same)


def _frames(trace: Trace) -> dict[int, "array[int]"]:
    """In which frames each person is in view, hidden or not."""
    frames: dict[int, array[int]] = {}
    for place in range(len(trace)):
        for person in trace.persons(place):
            frames.setdefault(person.track, array("q")).append(place)
    return frames


def _on_each_other(one: Sequence[Person], other: Sequence[Person]) -> Iterator[tuple[Person, Person]]:
    """Each with at most one, the best fit first."""
    fits = [
        (fit, n, m)
        for (n, left), (m, right) in product(enumerate(one), enumerate(other))
        if (fit := iou(left.box, right.box)) >= SAME_FACE_IOU
    ]
    taken: set[tuple[str, int]] = set()
    for _, n, m in sorted(fits, reverse=True):
        if not taken & {("a", n), ("b", m)}:
            taken |= {("a", n), ("b", m)}
            yield one[n], other[m]


def _only(
    kind: Kind, trace: Trace, frames: dict[int, "array[int]"], partners: dict[int, list[int]]
) -> Iterator[Difference]:
    verdicts = trace.verdicts()
    for track, places in sorted(frames.items(), key=lambda item: -len(item[1])):
        if partners[track]:
            continue
        seconds = _seconds(trace, places)
        text = f"{trace.at[places[0]]:.2f} s: person {track} for {seconds:.2f} s, {_said(verdicts[track])}"
        people = ((track,), ()) if kind is Kind.ONLY_A else ((), (track,))
        yield Difference(kind, *_span(trace, places), places[len(places) // 2], text, *people)


def _parted(
    trace: Trace, frames: dict[int, "array[int]"], partners: dict[int, list[int]], here: str, there: str
) -> Iterator[Difference]:
    for track, others in partners.items():
        if len(others) < 2:
            continue
        names = " and ".join(map(str, others))
        text = f"person {track} of {here} is {pluralize(len(others), 'person')} in {there}: {names}"
        people = ((track,), tuple(others)) if here == "A" else (tuple(others), (track,))
        places = frames[track]
        yield Difference(Kind.PARTED, *_span(trace, places), places[len(places) // 2], text, *people)


def _otherwise(a: Run, b: Run, same: dict[tuple[int, int], _Meeting]) -> Iterator[Difference]:
    found = []
    for (one, other), meeting in same.items():
        seconds = _seconds(a.trace, meeting.differing)
        if seconds < OTHERWISE_S - 1e-6:
            continue
        longest = max(_runs(meeting.differing), key=lambda run: _seconds(a.trace, run))
        middle = longest[len(longest) // 2]
        verdicts = [
            next(_said(p.label) for p in run.trace.persons(middle) if p.track == track)
            for run, track in ((a, one), (b, other))
        ]
        text = (
            f"person {one} of A, {other} of B, for {seconds:.2f} s; at {a.trace.at[middle]:.2f} s "
            f"{verdicts[0]} in A, {verdicts[1]} in B"
        )
        span = _span(a.trace, longest)
        found.append((seconds, Difference(Kind.OTHERWISE, *span, middle, text, (one,), (other,))))
    yield from (each for _, each in sorted(found, key=lambda pair: -pair[0]))


def _under(run: Run, other: Run, kind: Kind) -> Iterator[Difference]:
    """Stretches in which the ratio of one run is under its bound, and that of the other is not, or is none."""
    trace = run.trace
    found = []
    for places in _runs(under_alone(run, other)):
        there = "nobody to assess" if (ratio := other.trace.ratio[places[0]]) != ratio else f"{ratio:.0%}"
        seconds, (start, end) = _seconds(trace, places), _span(trace, places)
        sides = "A", "B"
        if kind is Kind.UNDER_B:
            sides = "B", "A"
        text = f"{start:.2f} s for {seconds:.2f} s: {trace.ratio[places[0]]:.0%} in {sides[0]}, {there} in {sides[1]}"
        found.append((seconds, Difference(kind, start, end, places[len(places) // 2], text)))
    yield from (each for _, each in sorted(found, key=lambda pair: -pair[0]))


def under_alone(run: Run, other: Run) -> list[int]:
    """The frames in which the ratio of `run` is under its bound, and that of `other` is not under its own, or is none."""
    return [
        place
        for place, (here, there) in enumerate(zip(run.trace.ratio, other.trace.ratio, strict=True))
        if here < run.bound and not there < other.bound  # a ratio that is none is NaN, and never under
    ]


def seconds_under_alone(run: Run, other: Run) -> float:
    """How long the frames of `under_alone` are shown, in seconds."""
    return _seconds(run.trace, under_alone(run, other))


def _runs(places: Iterable[int]) -> list[list[int]]:
    """Frames that follow each other, together."""
    grouped = groupby(enumerate(places), key=lambda pair: pair[1] - pair[0])
    return [[place for _, place in group] for _, group in grouped]


def _seconds(trace: Trace, places: Iterable[int]) -> float:
    return sum(trace.shown_s(place) for place in places)


def _span(trace: Trace, places: Sequence[int]) -> tuple[float, float]:
    return trace.at[places[0]], trace.at[places[-1]] + trace.shown_s(places[-1])


def _said(label: Label) -> str:
    return WORDS[label]


def counted(trace: Trace) -> dict[str, int]:
    """How many people were followed in all, and with which verdict each ended."""
    ends = Counter(trace.verdicts().values())
    return {"followed": sum(ends.values()), **{label.value: ends[label] for label in Label}}
