"""Events page by page, the newest first, with passages summed up by quarter of an hour. Reads the store, shows nothing."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.ratios import QUARTER_S, day_span, people
from maskwatch.events.store import EventFilter, EventStore, PassageTally
from maskwatch.platform.clock import local_day

CHUNK = 1000
OTHERS = tuple(kind for kind in EventKind if kind is not EventKind.PASSAGE)
BEGUN_S = 0.9  # until then what came of the announcement before is told, which a new one cuts short
KNOWN_S = 3660.0  # what comes of an announcement is waited for up to an hour


@dataclass(frozen=True, slots=True)
class Quarter:
    """Who passed in the quarter of an hour that began at the Unix time `at`.

    `ways` has how many passages there were by direction, `cameras` by camera and `sites` by site; `people` counts each
    person once.
    """

    at: float
    passages: int
    people: PeopleCount
    ways: Mapping[str, int]
    cameras: Mapping[str, int]
    sites: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, the newest first, all of one day; `until` is where the next page goes on, None after the last."""

    rows: tuple[Event | Quarter, ...]
    until: float | None


def page(store: EventStore, wanted: EventFilter, *, limit: int) -> Page:
    """The newest page of what is wanted, which is of the newest day that has any; `limit` events at most, besides quarters.

    Events of the very same time are not parted, however many they are. Raises `EventError`.
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
    """All that are wanted, the newest first, a few at a time from the store. Raises `EventError`."""
    told: set[str] = set()  # of the time where the next ones begin
    while True:
        limit = CHUNK + len(told)
        found = store.find(wanted, limit=limit)
        yield from (event for event in found if event.id not in told)
        if len(found) < limit:
            return
        last = found[-1].at
        told = {event.id for event in found if event.at == last}
        wanted = replace(wanted, until=math.nextafter(last, math.inf))


def outcome_of(store: EventStore, alert: Event) -> Event | None:
    """What came of the announcement that an alert was; None while nothing is known of it. Raises `EventError`.

    Announcements of a camera are told of in their order: of one that an alert cuts short at once, of the alert's own later.
    """
    data = alert.data
    if data.get("quiet") or (data.get("delivered") is False and not data.get("withheld")):
        return None  # it was no announcement
    since = alert.at + BEGUN_S
    kinds, sites = (EventKind.ANNOUNCEMENT,), (alert.site,) if alert.site else ()
    after = EventFilter(since, since + KNOWN_S, cameras=(alert.camera or "",), kinds=kinds, sites=sites)
    said = [each for each in store.find(after, limit=CHUNK) if each.data.get("told") != data.get("withheld")]
    return said[-1] if said else None


def _at(row: Event | Quarter) -> float:
    return row.at


def _has_passages(wanted: EventFilter) -> bool:
    return not wanted.kinds or EventKind.PASSAGE in wanted.kinds


def _events(store: EventStore, wanted: EventFilter, limit: int) -> tuple[list[Event], float]:
    """Those that are no passages, and the time from which on that is all there are."""
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
    """The quarters from the one in which the time that is wanted begins to that before the one in which it ends, each whole.

    So of two pages that meet within a quarter, the first has it.
    """
    assert wanted.since is not None
    assert wanted.until is not None
    since, until = (at // QUARTER_S * QUARTER_S for at in (wanted.since, wanted.until))
    found = store.passages(replace(wanted, since=since, until=until), QUARTER_S)
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
