"""What a store of several services tells of each site and its cameras."""

from collections import Counter
from datetime import date
from uuid import uuid4

import pytest
from harness.events import at_hour
from harness.many_sites import MODELS, fill
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.passages import tally_passages
from maskwatch.events.ratios import people
from maskwatch.events.sites import SILENT_S, Figures, SiteState, cameras_of, sites_of
from maskwatch.events.store import EventFilter, EventStore

DAY = date(2026, 11, 25)
NOON = at_hour(DAY, 12)


@pytest.fixture
def store(tmp_path):
    store = EventStore.in_folder(tmp_path)
    yield store
    store.close()


def event(site, kind, at, camera=None, ended_at=None, **data):
    return Event(uuid4().hex, kind, at, camera, ended_at, data, site)


def passed(site, camera, at, label="protected", direction="gone", line=None):
    return event(site, EventKind.PASSAGE, at, camera, label=label, direction=direction, line=line, zones=[])


def service(site, at, state, version=None, **more):
    return event(site, EventKind.SERVICE, at, state=state, version=version, **more)


def found(store, now=NOON):
    return {site.name: site for site in sites_of(store, now)}


def test_a_store_in_which_nobody_wrote_has_no_sites(store):
    assert sites_of(store, NOON) == ()


def test_a_site_is_silent_stopped_partly_offline_or_up_and_those_to_look_after_come_first(store):
    outage = event("dock", EventKind.OUTAGE, NOON - 600, "yard", reason="no answer")
    store.add(
        [
            passed("alpha", "door", NOON - 5),
            service("dock", NOON - 9000, "started", "0.1.0"),
            passed("dock", "door", NOON - 5),
            outage,
            event("dock", EventKind.OUTAGE, NOON - 5000, "door", NOON - 4000, reason="over"),
            service("gone", NOON - 2 * SILENT_S, "started", "0.1.0"),
            service("home", NOON - 9000, "started", "0.1.0"),
            service("home", NOON - 5000, "stopped", reason="disk full"),
            service("again", NOON - 9000, "stopped"),
            service("again", NOON - 20, "started", "0.2.0"),
        ]
    )
    sites = sites_of(store, NOON)
    assert [(site.name, site.state) for site in sites] == [
        ("gone", SiteState.SILENT),
        ("home", SiteState.STOPPED),
        ("dock", SiteState.OFFLINE),
        ("again", SiteState.UP),
        ("alpha", SiteState.UP),
    ]
    silent, stopped, dock, again, alpha = sites
    assert silent.heard_at == NOON - 2 * SILENT_S
    assert stopped.ended.data["reason"] == "disk full"
    assert dock.offline == ["yard"]
    assert [(each.name, each.outage) for each in dock.cameras] == [("door", None), ("yard", outage)]
    assert (stopped.program, again.program, alpha.program) == ("0.1.0", "0.2.0", None)


def test_the_version_of_models_is_the_last_that_served(store):
    store.add(
        [
            event("north", EventKind.MODELS, NOON - 900, version="older", before="shipped"),
            event("north", EventKind.MODELS, NOON - 100, version="newer", before="older"),
        ]
    )
    assert found(store)["north"].models == "newer"


def test_a_clock_that_is_ahead_says_nothing_of_the_future(store):
    store.add([passed("north", "door", NOON + 5000)])
    assert found(store)["north"].heard_at == NOON


def test_today_begins_at_midnight_and_the_day_24_hours_ago(store):
    evening, morning = at_hour(DAY, -5), at_hour(DAY, 8)
    store.add(
        [
            passed("north", "door", evening),
            passed("north", "door", at_hour(DAY, -13)),
            passed("north", "door", morning, "unprotected"),
            event("north", EventKind.ALERT, evening, "door", evening + 9),
            event("north", EventKind.ALERT, morning, "hall", morning + 9),
        ]
    )
    north = found(store)["north"]
    assert north.today == Figures(PeopleCount(0, 1, 0), 1)
    assert north.day == Figures(PeopleCount(1, 1, 0), 2)
    door, hall = north.cameras
    assert (door.day.alerts, hall.day.alerts, hall.day.people) == (1, 1, PeopleCount())


def test_cameras_of_one_name_at_two_sites_are_two(store):
    """At each, the line that most crossed counts: at one the door, at the other the gate."""
    rows = [("north", "door", 3), ("north", "gate", 1), ("south", "door", 1), ("south", "gate", 2)]
    store.add(
        passed(site, "entrance", NOON - 60 * number, direction="entering", line=line)
        for site, line, times in rows
        for number in range(times)
    )
    sites = found(store)
    assert (sites["north"].today.people.protected, sites["south"].today.people.protected) == (3, 2)
    assert people(tally_passages(store, EventFilter(), 900)).protected == 5


names = st.text("ab 1", min_size=1, max_size=3)


@given(places=st.lists(st.tuples(names, st.none() | names, st.integers(0, 50)), max_size=20))
def test_every_camera_is_found_with_its_last_event(tmp_path_factory, places):
    store = EventStore.in_folder(tmp_path_factory.mktemp("events"))
    store.add([event(site, EventKind.PASSAGE, float(at), camera) for site, camera, at in places])
    last = Counter()
    for site, camera, at in places:
        if camera is not None:
            last[site, camera] = max(last[site, camera], at)
    assert cameras_of(store) == last
    assert {site.name for site in sites_of(store, 100.0)} == {site for site, _, _ in places}
    store.close()


def test_what_the_database_makes_of_many_sites_is_told_of_each(store):
    fill(store, sites=4, cameras=3, number=2000, since=NOON - 3 * 3600, until=NOON)
    sites = sites_of(store, NOON)
    assert [site.name for site in sites] == [f"site {number:02d}" for number in range(4)]
    for site in sites:
        passages = store.count(EventFilter(kinds=[EventKind.PASSAGE], sites=[site.name]))
        counts = site.day.people
        assert counts.protected + counts.unprotected + counts.unknown == passages > 400
        assert site.day.alerts == store.count(EventFilter(kinds=[EventKind.ALERT], sites=[site.name])) > 0
        assert len(site.cameras) == 3
        assert site.models in {MODELS, None}
