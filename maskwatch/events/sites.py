"""What a store that several services share tells of each site and its cameras: which is heard of, which is offline, who passed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, ScalarSelect, Select, and_, func, select

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.passages import PassageTally, tally_passages
from maskwatch.events.postgres import HEARTBEAT_TIMEOUT_S
from maskwatch.events.ratios import day_span, people
from maskwatch.events.rows import LATEST
from maskwatch.events.schema import SITES
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.clock import local_day

SILENT_S = float(HEARTBEAT_TIMEOUT_S)  # a service says each minute that it is there
DAY_S = 86_400.0
Place = tuple[str, str]
"""A site and its camera."""


class SiteState(StrEnum):
    """How a site is, those that somebody should look after first.

    `SILENT`: its service has not been heard of for `SILENT_S`, though it did not say that it stops. `STOPPED`: it said so.
    `OFFLINE`: of some camera it has no frames. `UP`: none of these.
    """

    SILENT = "silent"
    STOPPED = "stopped"
    OFFLINE = "offline"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Figures:
    """Who passed, each person once, and how many alerts there were."""

    people: PeopleCount = field(default_factory=PeopleCount)
    alerts: int = 0


@dataclass(frozen=True, slots=True)
class SiteCamera:
    """A camera of which there are events, the last at the Unix time `last_at`. `outage` is what goes on, as far as was heard.

    `today` counts from midnight on where this machine is, `day` the last 24 hours.
    """

    name: str
    last_at: float
    outage: Event | None
    today: Figures
    day: Figures


@dataclass(frozen=True, slots=True)
class Site:
    """A service by its `events.site`, heard of at the Unix time `heard_at`. Versions are None where no event tells them.

    `ended` is the event by which it said that it stops, None while it runs. `is_shared`: several services write under this
    name at a time.
    """

    name: str
    state: SiteState
    heard_at: float
    ended: Event | None
    program: str | None
    models: str | None
    is_shared: bool
    cameras: tuple[SiteCamera, ...]
    today: Figures
    day: Figures

    @property
    def offline(self) -> list[str]:
        """The names of its cameras that gave no frames when they were last heard of."""
        return [camera.name for camera in self.cameras if camera.outage is not None]


def sites_of(store: EventStore, now: float) -> tuple[Site, ...]:
    """All that the store knows at the Unix time `now`, in the order of `SiteState`, then by name. Raises `EventError`."""
    heard, shared = _heard(store, now)
    services = _services(store)
    outages = _outages(store)
    today = _figures(store, day_span(local_day(now)).since)
    day = _figures(store, now - DAY_S)
    cameras: dict[str, list[SiteCamera]] = defaultdict(list)
    for (site, name), last_at in cameras_of(store).items():
        place = site, name
        counts = (_total(each, [place]) for each in (today, day))
        cameras[site].append(SiteCamera(name, last_at, outages.get(place), *counts))
    found = []
    for name, heard_at in heard.items():
        own = tuple(cameras[name])
        places = [(name, camera.name) for camera in own]
        service = services.get(name, _Service())
        state = _state(service, own, silent=now - heard_at > SILENT_S)
        figures = (_total(each, places) for each in (today, day))
        about = (service.ended, service.program, service.models, name in shared)
        found.append(Site(name, state, heard_at, *about, own, *figures))
    order = list(SiteState)
    return tuple(sorted(found, key=lambda site: (order.index(site.state), site.name)))


def cameras_of(store: EventStore) -> Mapping[Place, float]:
    """Every site's cameras, in order, with the time of each one's last event. Raises `EventError`."""
    events, sites = store.table.c, _sites(store)
    its_own = _first(events.camera, events.site == sites.c.site)
    cameras = select(sites.c.site, its_own.label("camera")).where(sites.c.site.is_not(None))
    found = cameras.cte("cameras", recursive=True)
    following = _first(events.camera, events.site == found.c.site, events.camera > found.c.camera)
    found = found.union_all(select(found.c.site, following).where(found.c.camera.is_not(None)))
    last = _last(store, events.site == found.c.site, events.camera == found.c.camera)
    query = select(found.c.site, found.c.camera, last.label("at")).where(found.c.camera.is_not(None))
    rows = store.rows(query.order_by(found.c.site, found.c.camera))
    return {(row["site"], row["camera"]): row["at"] for row in rows}


def _sites(store: EventStore) -> CTE:
    """The names, and None: each by one look into the index, where `DISTINCT` would go through all events."""
    name = store.table.c.site
    found = select(func.min(name).label("site")).cte("names", recursive=True)
    return found.union_all(select(_first(name, name > found.c.site)).where(found.c.site.is_not(None)))


def _first(column: Any, *where: Any) -> ScalarSelect[Any]:
    return select(func.min(column)).where(*where).scalar_subquery()


def _last(store: EventStore, *where: Any) -> ScalarSelect[Any]:
    return select(func.max(store.table.c.at)).where(*where).scalar_subquery()


def _heard(store: EventStore, now: float) -> tuple[Mapping[str, float], frozenset[str]]:
    """When each site was last heard of, and those under whose name several write. A site's own clock may be ahead."""
    sites = _sites(store)
    last = _last(store, store.table.c.site == sites.c.site).label("at")
    rows = store.rows(select(sites.c.site, last).where(sites.c.site.is_not(None)))
    heard = {row["site"]: min(row["at"], now) for row in rows}
    writers: Counter[str] = Counter()
    for site, age_s in _signs_of_life(store):
        heard[site] = max(heard.get(site, 0.0), now - age_s)
        writers[site] += age_s < HEARTBEAT_TIMEOUT_S
    return heard, frozenset(site for site, number in writers.items() if number > 1)


def _signs_of_life(store: EventStore) -> list[tuple[str, float]]:
    """Sites, and how many seconds ago each instance of their services said that it is there, by the server's clock."""
    if not store.is_shared:
        return []
    age_s = func.extract("epoch", func.now() - SITES.c.seen_at).label("age_s")
    return [(row["site"], max(0.0, float(row["age_s"]))) for row in store.rows(select(SITES.c.site, age_s))]


@dataclass(slots=True)
class _Service:
    ended: Event | None = None
    program: str | None = None
    models: str | None = None


def _services(store: EventStore) -> Mapping[str, _Service]:
    """What each service said of itself last."""
    found: dict[str, _Service] = defaultdict(_Service)
    for event in sorted(_newest(store), key=lambda each: each.at):
        service, version = found[event.site], event.data.get("version")
        if event.kind is EventKind.MODELS:
            service.models = str(version)
            continue
        service.program = str(version) if version else service.program
        service.ended = event if event.data.get("state") == "stopped" else None
    return found


def _newest(store: EventStore) -> list[Event]:
    """Of each site and each state that services tell, and of each one's models."""
    events = store.table.c
    keys: list[Any] = [events.site, events.kind, events.data["state"].as_string()]
    kinds = EventFilter(kinds=(EventKind.SERVICE, EventKind.MODELS))
    last: Select[Any] = select(events.site, events.kind, func.max(events.at).label("at")).group_by(*keys)
    newest = store.filtered(last, kinds).subquery()
    same = and_(events.site == newest.c.site, events.kind == newest.c.kind, events.at == newest.c.at)
    return store.events(select(store.table).join(newest, same))


def _outages(store: EventStore) -> Mapping[Place, Event]:
    """What goes on, by site and camera."""
    outages = (event for event in store.ongoing() if event.kind is EventKind.OUTAGE)
    return {(event.site, event.camera or ""): event for event in outages}


def _state(service: _Service, cameras: Iterable[SiteCamera], *, silent: bool) -> SiteState:
    if service.ended is not None:
        return SiteState.STOPPED
    if silent:
        return SiteState.SILENT
    return SiteState.OFFLINE if any(camera.outage for camera in cameras) else SiteState.UP


_Counts = tuple[Mapping[Place, list[PassageTally]], Mapping[Place, int]]
"""Passages and the number of alerts, by site and camera."""


def _figures(store: EventStore, since: float) -> _Counts:
    """What happened from a Unix time on."""
    tallies: dict[Place, list[PassageTally]] = defaultdict(list)
    for each in tally_passages(store, EventFilter(since=since), int(LATEST)):
        tallies[each.site, each.camera or ""].append(each)
    columns = [store.table.c.site, store.table.c.camera]
    query: Select[Any] = select(*columns, func.count().label("number")).group_by(*columns)
    rows = store.rows(store.filtered(query, EventFilter(since=since, kinds=(EventKind.ALERT,))))
    return tallies, {(row["site"], row["camera"] or ""): row["number"] for row in rows}


def _total(counts: _Counts, places: Iterable[Place]) -> Figures:
    passages, alerts = counts
    places = list(places)
    tallies = [tally for place in places for tally in passages.get(place, ())]
    return Figures(people(tallies), sum(alerts.get(place, 0) for place in places))
