"""Events page by page, newest first, with passages summed up by quarter of an hour."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.passages import PassageTally, tally_passages
from maskwatch.events.ratios import QUARTER_S, day_span, people
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.clock import local_day

CHUNK = 1000
OTHERS = tuple(kind for kind in EventKind if kind is not EventKind.PASSAGE)
FIRST_OUTCOME_S = 0.9  # after an alert; before that comes the outcome of the announcement that it cut short
LAST_OUTCOME_S = 3660.0  # after an alert: `effect_s` is an hour at most


@dataclass(frozen=True, slots=True)
class Quarter:
    """Who passed in the quarter of an hour that began at the Unix time `at`.

    `ways`, `cameras` and `sites` count passages by direction, camera and site; `people` counts each person once.
    """

    at: float
    passages: int
    people: PeopleCount
    ways: Mapping[str, int]
    cameras: Mapping[str, int]
    sites: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one day, newest first; `until` is the Unix time at which the next page ends, None after the last page."""

    rows: tuple[Event | Quarter, ...]
    until: float | None


def page(store: EventStore, wanted: EventFilter, *, limit: int) -> Page:
    """The newest page of the events that match: of the newest day that has any, at most `limit` events besides the quarters.

    Events of the very same time stay on one page, however many they are. Raises `EventError`.
    """
    rows: list[Event | Quarter] = []
    while not rows and (newest := store.find(wanted, limit=1)):
        day = day_span(local_day(newest[0].at))
        since = max(day.since, wanted.since or -math.inf)
        until = min(day.until, wanted.until or math.inf)
        events, floor = _events(store, replace(wanted, since=since, until=until), limit)
        rows += events
        if _has_passages(wanted):
            rows += _quarters(store, replace(wanted, since=floor, until=until))
        wanted = replace(wanted, until=floor)
    goes_on = bool(rows) and bool(store.find(wanted, limit=1))
    return Page(tuple(sorted(rows, key=_at, reverse=True)), wanted.until if goes_on else None)


def walk(store: EventStore, wanted: EventFilter) -> Iterator[Event]:
    """All events that match, newest first, read from the store in chunks. Raises `EventError`."""
    yielded: set[str] = set()  # ids of the time at which the next chunk begins
    while True:
        limit = CHUNK + len(yielded)
        found = store.find(wanted, limit=limit)
        yield from (event for event in found if event.id not in yielded)
        if len(found) < limit:
            return
        last = found[-1].at
        yielded = {event.id for event in found if event.at == last}
        wanted = replace(wanted, until=math.nextafter(last, math.inf))


def outcome_of(store: EventStore, alert: Event) -> Event | None:
    """The event that says what came of an alert's announcement; None while nothing is known. Raises `EventError`.

    Outcomes of a camera come in the order of its announcements: that of one which this alert cut short comes first.
    """
    data = alert.data
    if data.get("quiet") or (data.get("delivered") is False and not data.get("withheld")):
        return None  # it was no announcement
    since = alert.at + FIRST_OUTCOME_S
    kinds, sites = (EventKind.ANNOUNCEMENT,), (alert.site,) if alert.site else ()
    after = EventFilter(
        since, since + LAST_OUTCOME_S, cameras=(alert.camera or "",), kinds=kinds, sites=sites
    )
    outcomes = [
        each for each in store.find(after, limit=CHUNK) if each.data.get("told") != data.get("withheld")
    ]
    return outcomes[-1] if outcomes else None


def _at(row: Event | Quarter) -> float:
    return row.at


def _has_passages(wanted: EventFilter) -> bool:
    return not wanted.kinds or EventKind.PASSAGE in wanted.kinds


def _events(store: EventStore, wanted: EventFilter, limit: int) -> tuple[list[Event], float]:
    """The events other than passages, at most `limit`, and the time since which these are all there are."""
    kinds = [kind for kind in wanted.kinds or OTHERS if kind is not EventKind.PASSAGE]
    assert wanted.since is not None
    if not kinds:
        return [], wanted.since
    while True:
        found = store.find(replace(wanted, kinds=kinds), limit=limit + 1)
        if len(found) <= limit:
            return found, wanted.since
        floor = math.nextafter(found[-1].at, math.inf)  # above the first that has no room
        if whole := [event for event in found if event.at >= floor]:
            return whole, floor
        limit *= 2


def _quarters(store: EventStore, wanted: EventFilter) -> list[Quarter]:
    """Whole quarters, from the one in which `wanted` begins up to, and without, the one in which it ends.

    So of two pages that meet within a quarter, the newer page has it.
    """
    assert wanted.since is not None
    assert wanted.until is not None
    since, until = (at // QUARTER_S * QUARTER_S for at in (wanted.since, wanted.until))
    found = tally_passages(store, replace(wanted, since=since, until=until), QUARTER_S)
    groups: dict[int, list[PassageTally]] = defaultdict(list)
    for each in found:
        groups[each.begin].append(each)
    return [_quarter(begin, group) for begin, group in groups.items()]


def _quarter(begin: int, group: Iterable[PassageTally]) -> Quarter:
    ways: dict[str, int] = defaultdict(int)
    cameras: dict[str, int] = defaultdict(int)
    sites: dict[str, int] = defaultdict(int)
    group = list(group)
    for each in group:
        ways[each.direction] += each.number
        cameras[each.camera or ""] += each.number
        sites[each.site] += each.number
    by_place = (dict(sorted(places.items())) for places in (cameras, sites))
    return Quarter(float(begin), sum(ways.values()), people(group), dict(ways), *by_place)
