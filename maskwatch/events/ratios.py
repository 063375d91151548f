"""How many of those who passed wore a mask: by hour and by day, each person once.

A person is counted when she crosses a line, or where she crosses none when she has left the view. Of a camera with several
lines only the one that most people crossed counts, by which nobody is counted at two; who turns round on it is counted
twice. People are taken for independent draws.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from maskwatch.core.records import Direction, Label, PeopleCount
from maskwatch.events.passages import PassageTally, tally_passages
from maskwatch.events.rows import LATEST
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.clock import midnight

QUARTER_S = 900  # every time zone's hours and days begin with one
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Span:
    """From the Unix time `since` on and before `until`."""

    since: float
    until: float

    def hours(self) -> list["Span"]:
        """Its hours; the last may be shorter."""
        starts, at = [], self.since
        while at < self.until:
            starts.append(at)
            at += HOUR_S
        return [Span(each, min(each + HOUR_S, self.until)) for each in starts]


def day_span(day: date) -> Span:
    """The day where this machine is; 23 or 25 hours where the clock is changed on it."""
    return Span(midnight(day), midnight(day + timedelta(days=1)))


def week_span(day: date) -> Span:
    """The week from Monday on that has this day."""
    monday = day - timedelta(days=day.weekday())
    return Span(midnight(monday), midnight(monday + timedelta(days=7)))


def days_of(span: Span) -> list[date]:
    """The days that a span of whole days has."""
    day, last = (datetime.fromtimestamp(at).astimezone().date() for at in (span.since, span.until - 1))
    return [day + timedelta(days=number) for number in range((last - day).days + 1)]


def tallies(
    store: EventStore, span: Span, cameras: Iterable[str] = (), sites: Iterable[str] = ()
) -> list[PassageTally]:
    """The passages of a span by quarter of an hour, of these cameras and sites or of all. Raises `EventError`."""
    wanted = EventFilter(span.since, span.until, tuple(cameras), sites=tuple(sites))
    return tally_passages(store, wanted, QUARTER_S)


def whole(
    store: EventStore, span: Span, cameras: Iterable[str] = (), sites: Iterable[str] = ()
) -> list[PassageTally]:
    """The passages of a span in one piece. Raises `EventError`."""
    wanted = EventFilter(span.since, span.until, tuple(cameras), sites=tuple(sites))
    return tally_passages(store, wanted, int(LATEST))


def people(found: Iterable[PassageTally]) -> PeopleCount:
    """How many people these are, each counted once as the head of this file says."""
    lines: dict[tuple[str, str | None], Counter[str | None]] = defaultdict(Counter)
    found = list(found)
    for each in found:
        if each.direction != Direction.GONE:
            lines[each.site, each.camera][each.line] += each.number
    busiest = {camera: max(sorted(count, key=str), key=count.__getitem__) for camera, count in lines.items()}
    counts: Counter[str] = Counter()
    for each in found:
        if each.direction == Direction.GONE or each.line == busiest[each.site, each.camera]:
            counts[each.label] += each.number
    return PeopleCount(**{label.value: counts[label.value] for label in Label})


def by_span(found: Sequence[PassageTally], spans: Sequence[Span]) -> list[PeopleCount]:
    """How many people there were in each of these spans, which are in order and begin with a quarter of an hour."""
    groups: list[list[PassageTally]] = [[] for _ in spans]
    number = 0
    for each in sorted(found, key=lambda one: one.begin):
        while number < len(spans) - 1 and each.begin >= spans[number].until:
            number += 1
        if spans and spans[number].since <= each.begin < spans[number].until:
            groups[number].append(each)
    return [people(group) for group in groups]


def by_camera(found: Iterable[PassageTally]) -> Mapping[str, PeopleCount]:
    """How many people each camera saw, by its name."""
    return by_name(found, lambda each: each.camera or "")


def by_site(found: Iterable[PassageTally]) -> Mapping[str, PeopleCount]:
    """How many people each site saw, by its name."""
    return by_name(found, lambda each: each.site)


def by_name(
    found: Iterable[PassageTally], name_of: Callable[[PassageTally], str]
) -> Mapping[str, PeopleCount]:
    """How many people there were at what has the same name."""
    groups: dict[str, list[PassageTally]] = defaultdict(list)
    for each in found:
        groups[name_of(each)].append(each)
    return {name: people(groups[name]) for name in sorted(groups)}
