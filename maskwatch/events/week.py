"""A week in figures: what a report tells of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from maskwatch.core.events import Event, EventKind
from maskwatch.core.people.shares import Clusters, difference, share
from maskwatch.core.records import Announcements, Direction, EffectFigures, PeopleCount
from maskwatch.events.passages import PassageTally
from maskwatch.events.ratios import Span, by_name, by_span, day_span, days_of, people, tallies, week_span
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.events.timeline import walk

HOURS = 24
BEFORE_S = 14 * 86_400.0  # an outage that began so long before may still go on


@dataclass(frozen=True, slots=True)
class Outages:
    """Of one camera, within the week: how often, for how many seconds in all, and why most often."""

    camera: str
    number: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Week:
    """`days` has the people of each of the seven days, `hours` those of each hour of the day (0..23), `cameras` by camera.

    Of several sites, cameras are named with theirs. `chosen` are the sites and cameras it is about, none for all.
    `ways` are the passages by direction of each day. `alerts` are counted by camera and rule, `undelivered` those that
    reached nobody though they should; `effect` is what came of announcements. `worst` are the alerts at which most people
    had no mask, at first those of the lowest ratio.
    """

    span: Span
    chosen: tuple[str, ...]
    everybody: PeopleCount
    days: tuple[tuple[date, PeopleCount], ...]
    hours: tuple[PeopleCount, ...]
    cameras: Mapping[str, PeopleCount]
    ways: tuple[Mapping[str, int], ...]
    alerts: Mapping[tuple[str, str], int]
    undelivered: int
    effect: EffectFigures
    outages: tuple[Outages, ...]
    worst: tuple[Event, ...]
    events: int


def week_of(
    store: EventStore,
    day: date,
    cameras: Collection[str] = (),
    sites: Collection[str] | None = None,
    *,
    now: float,
) -> Week:
    """The week from Monday on that has this day, of these cameras or all; what goes on still counts until the Unix time `now`.

    `sites` are those of a shared store, empty for all, None where all is one service's. Raises `EventError`.
    """
    span = week_span(day)
    name = _name_in(sites)
    found = tallies(store, span, cameras, sites or ())
    days = days_of(span)
    spans = [day_span(each) for each in days]
    wanted = EventFilter(span.since, span.until, tuple(cameras), sites=tuple(sites or ()))
    told = list(walk(store, _of(wanted, EventKind.ALERT)))
    counted = Counter((name(event), str(event.data.get("rule", ""))) for event in told)
    return Week(
        span=span,
        chosen=(*(sites or ()), *cameras),
        everybody=people(found),
        days=tuple(zip(days, by_span(found, spans), strict=True)),
        hours=_by_hour(found),
        cameras=by_name(found, name),
        ways=tuple(_ways(found, each) for each in spans),
        alerts=dict(sorted(counted.items())),
        undelivered=sum(e.data.get("delivered") is False and not e.data.get("withheld") for e in told),
        effect=_effect(list(walk(store, _of(wanted, EventKind.ANNOUNCEMENT)))),
        outages=_outages(store, wanted, name, now),
        worst=tuple(sorted((e for e in told if _missing(e)), key=lambda e: (_share(e), -_missing(e), e.at))),
        events=store.count(wanted),
    )


def _of(wanted: EventFilter, kind: EventKind) -> EventFilter:
    return replace(wanted, kinds=(kind,))


def _name_in(sites: Collection[str] | None) -> Callable[[Event | PassageTally], str]:
    if sites is None or len(sites) == 1:
        return lambda each: each.camera or ""
    return lambda each: f"{each.site} · {each.camera}"


def _by_hour(found: Sequence[PassageTally]) -> tuple[PeopleCount, ...]:
    groups: list[list[PassageTally]] = [[] for _ in range(HOURS)]
    for each in found:
        groups[datetime.fromtimestamp(each.begin).astimezone().hour].append(each)
    return tuple(map(people, groups))


def _ways(found: Sequence[PassageTally], span: Span) -> Mapping[str, int]:
    counts = {way.value: 0 for way in Direction}
    for each in found:
        if span.since <= each.begin < span.until and each.direction in counts:
            counts[each.direction] += each.number
    return counts


def _effect(announcements: Sequence[Event]) -> EffectFigures:
    told, withheld = (
        _figures([e for e in announcements if bool(e.data.get("told")) is is_told])
        for is_told in (True, False)
    )
    return EffectFigures(told, withheld, difference(told.share, withheld.share))


def _figures(events: Sequence[Event]) -> Announcements:
    clusters: Clusters = Counter((_number(each, "addressed"), _number(each, "put_on")) for each in events)
    addressed, put_on, unknown = (
        sum(_number(each, key) for each in events) for key in ("addressed", "put_on", "unknown")
    )
    return Announcements(len(events), addressed, put_on, unknown, share(clusters))


def _outages(
    store: EventStore, wanted: EventFilter, name: Callable[[Event | PassageTally], str], now: float
) -> tuple[Outages, ...]:
    """Each counts as far as it lies within the time that is wanted, also one that began before."""
    since, until = wanted.since or 0.0, wanted.until or now
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for event in walk(store, replace(_of(wanted, EventKind.OUTAGE), since=since - BEFORE_S)):
        end = min(now if event.ended_at is None else event.ended_at, until)
        if end > since:
            within_s = end - max(event.at, since)
            groups[name(event)].append((within_s, str(event.data.get("reason") or "")))
    return tuple(
        Outages(
            camera,
            len(each),
            sum(seconds for seconds, _ in each),
            Counter(reason for _, reason in each).most_common(1)[0][0],
        )
        for camera, each in sorted(groups.items())
    )


def _number(event: Event, key: str) -> int:
    value = event.data.get(key)
    return value if isinstance(value, int) else 0


def _missing(event: Event) -> int:
    return _number(event, "unprotected")


def _share(event: Event) -> float:
    value = event.data.get("protected_ratio")
    return float(value) if isinstance(value, int | float) else 1.0
