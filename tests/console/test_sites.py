"""Sites of a shared store without a browser: what the page says, which store is asked, and that one that is away holds nothing up."""

import asyncio
import logging
import threading
import time
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from fastapi import FastAPI
from harness.events import at_hour
from pydantic import SecretStr
from starlette.testclient import TestClient

from maskwatch.config import load as configuration
from maskwatch.console import navigation
from maskwatch.console.context import Console, Monitoring
from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.history.files import add_files
from maskwatch.console.history.query import ALL_SITES, Choice
from maskwatch.console.history.rows import rows
from maskwatch.console.history.strip import ratio_table
from maskwatch.console.review.context import Review
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.console.sites import shared_store as store_module
from maskwatch.console.sites.shared_store import Known, SharedStore
from maskwatch.console.sites.view import content
from maskwatch.console.texts import LANGUAGES, Texts
from maskwatch.console.users import Role, User
from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.media import Media
from maskwatch.events.sites import Figures, Site, SiteCamera, SiteState
from maskwatch.events.store import EventStore
from maskwatch.events.timeline import Quarter
from maskwatch.events.week import week_of

DAY = date(2026, 11, 25)
NOON = at_hour(DAY, 12)
EN, KO = Texts("en"), Texts("ko")
SOME = Figures(PeopleCount(8, 2, 1), 3)


def event(site, camera, kind=EventKind.ALERT, at=NOON, **data):
    return Event(uuid4().hex, kind, at, camera, None, data, site)


def site(name, state=SiteState.UP, cameras=("entrance",), offline=(), heard_at=NOON, **about):
    made = tuple(
        SiteCamera(
            each,
            NOON - 60,
            event(name, each, EventKind.OUTAGE, NOON - 900, reason="no answer in time")
            if each in offline
            else None,
            SOME,
            SOME,
        )
        for each in (*cameras, *offline)
    )
    about = {"ended": None, "program": "0.1.0", "models": None, "is_shared": False} | about
    return Site(name, state, heard_at, cameras=made, today=SOME, day=SOME, **about)


class Page(HTMLParser):
    """Its tags, its text, and which lists of cameras are open."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "details" and "open" in dict(attrs):
            self.open.append(dict(attrs)["data-site"])

    def handle_data(self, data):
        self.text += data

    @property
    def links(self):
        return [attrs["href"] for tag, attrs in self.tags if tag == "a"]


def test_where_nobody_wrote_the_page_says_what_to_do():
    assert "events.url" in Page(content(EN, Known((), NOON), NOON)).text


def test_one_site_is_shown_with_its_cameras_and_leads_to_its_events():
    page = Page(content(EN, Known((site("north gate"),), NOON), NOON))
    assert page.open == ["north gate"]
    assert "All sites" not in page.text
    assert "80\xa0% of 10 with a mask" in page.text
    assert page.links == [
        "/history?site=north+gate",
        "/history?site=north+gate&kind=alert",
        "/history?site=north+gate&show=week",
        "/history?site=north+gate&camera=entrance",
    ]


@pytest.mark.parametrize(
    ("people", "said"),
    [
        (PeopleCount(), {"en": "Nobody passed", "ko": "통행 없음"}),
        (
            PeopleCount(unknown=15),
            {"en": "15 passed, none could be judged", "ko": "15명 통행, 모두 판정 불가"},
        ),
        (PeopleCount(8, 2, 3), {"en": "3 more could not be judged", "ko": "그 외 3명은 판정 불가"}),
    ],
    ids=["nobody", "unknown", "some"],
)
def test_who_passed_and_could_not_be_judged_is_told(people, said):
    passed = replace(site("north"), today=Figures(people), day=Figures(people))
    for language in LANGUAGES:
        text = Page(content(Texts(language), Known((passed,), NOON), NOON)).text
        assert said[language] in text
        assert ("Nobody" in text) == (language == "en" and people == PeopleCount())


@pytest.mark.parametrize("state", SiteState)
def test_a_site_that_may_be_no_more_says_how_it_goes(state):
    def text(days):
        seen = site("shop 'a'", state, heard_at=NOON - days * 86_400, ended=event("", "", EventKind.SERVICE))
        return Page(content(EN, Known((seen,), NOON), NOON)).text

    command = """maskwatch events remove-site 'shop '"'"'a'"'"'' --store ADDRESS"""
    assert "remove-site" not in text(29)
    assert (command in text(31)) is (state in {SiteState.SILENT, SiteState.STOPPED})


def test_forty_sites_are_added_up_and_their_cameras_wait_to_be_asked_for():
    sites = [site(f"site {number}", cameras=[f"c{n}" for n in range(25)]) for number in range(40)]
    page = Page(content(EN, Known(sites, NOON), NOON))
    assert page.open == []
    assert "Sites: 40 · up: 40" in page.text
    assert "of 400" in page.text
    assert "alerts: 120" in page.text
    assert f"/history?site={ALL_SITES}" in [link.replace("%2A", "*") for link in page.links]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            ["No contact since", "(3 h)", "Stopped", "disk full", "Cameras offline: yard", "Up at last"],
        ),
        ("ko", ["부터 연락 끊김", "(3시간 전)", "중지됨", "오프라인 카메라: yard", "마지막 연락 때 정상"]),
    ],
)
def test_how_a_site_is_stands_there_in_words(language, said):
    ended = event("home", None, EventKind.SERVICE, NOON - 300, state="stopped", reason="disk full")
    sites = [
        site("gone", SiteState.SILENT, heard_at=NOON - 3 * 3600 - 5),
        site("home", SiteState.STOPPED, ended=ended),
        site("dock", SiteState.OFFLINE, offline=("yard",)),
    ]
    text = Page(content(Texts(language), Known(sites, NOON), NOON)).text
    for words in said:
        assert words in text
    assert text.index("gone") < text.index("home") < text.index("dock")


def test_of_many_cameras_that_are_offline_three_are_named():
    text = Page(content(EN, Known((site("dock", SiteState.OFFLINE, offline="abcde"),), NOON), NOON)).text
    assert "Cameras offline: a, b, c and 2 more" in text


def test_a_store_that_is_away_is_told_with_what_was_known_last():
    page = Page(content(EN, Known((site("north"),), NOON - 60, "connection refused"), NOON))
    assert "cannot be read: connection refused Shown as of" in page.text
    assert "north" in page.text
    assert ("p", {"class": "mw-notice", "role": "alert"}) in page.tags
    assert "of 1970" not in content(EN, Known((), 0.0, "connection refused"), NOON)


@pytest.mark.parametrize(
    ("language", "up", "offline", "camera"),
    [
        (
            "en",
            "up at last contact: 2",
            "Cameras offline at last contact: yard",
            "Up at last contact",
        ),
        ("ko", "마지막 연락 때 정상 2곳", "마지막 연락 때 오프라인 카메라: yard", "마지막 연락 때 정상"),
    ],
)
def test_while_the_store_is_away_nothing_reads_as_of_now(language, up, offline, camera):
    sites = [site("dock", SiteState.OFFLINE, offline=("yard",)), site("north"), site("south")]
    old, new = (
        Page(content(Texts(language), Known(sites, NOON - 60, problem), NOON)) for problem in ("refused", "")
    )
    for words in (up, offline, camera):
        assert words in old.text
        assert words not in new.text
    classes = [attrs.get("class", "") for _, attrs in old.tags]
    assert not {"mw-site mw-site-up", "mw-site mw-site-offline"} & set(classes)
    assert "check_circle" not in old.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_a_site_wrote_becomes_a_tag(language):
    bad = "<script>alert(1)</script>\"'"
    ended = event(bad, None, EventKind.SERVICE, state="stopped", reason=bad)
    sites = [site(bad, SiteState.STOPPED, [bad], [bad], program=bad, models=bad, is_shared=True, ended=ended)]
    page = Page(content(Texts(language), Known([*sites, *sites], NOON, bad), NOON))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not {key for _, attrs in page.tags for key in attrs if key.startswith("on")}


@pytest.fixture
def shared(tmp_path):
    """What stands for the shared store: two sites with a camera of one name."""
    store = EventStore.in_folder(tmp_path / "shared")
    store.add(
        [
            event("north", "entrance", say="north's"),
            event("south", "entrance", say="south's"),
            event("north", None, EventKind.ACCESS, user="kim", action="opened", target="/live"),
            *(
                event(name, "entrance", EventKind.PASSAGE, label="protected", direction="gone", line=None)
                for name in ("north", "north", "south")
            ),
        ]
    )
    yield store
    store.close()


@pytest.fixture
def own(tmp_path):
    store = EventStore.in_folder(tmp_path / "own")
    store.add([event("north", "entrance", say="own")])
    yield store
    store.close()


def says(store, choice):
    return {each.data.get("say") for each in store.find(choice.filter(Role.VIEWER), limit=9)} - {None}


def asked(records, choice):
    return asyncio.run(records.read(choice, says, choice))


def test_the_choice_of_sites_says_which_store_is_asked(own, shared):
    beside = EventSources(own, None, ["entrance"], "north", SharedStore(shared))
    assert asked(beside, Choice()) == {"own"}
    assert asked(beside, Choice(site=ALL_SITES)) == {"north's", "south's"}
    assert asked(beside, Choice(site="south")) == {"south's"}
    alone = EventSources(None, shared_store=SharedStore(shared))
    assert asked(alone, Choice()) == {"north's", "south's"}
    assert EventSources(own).choice({"site": "south"}) == Choice()  # there is no shared store to look into


def test_a_link_to_all_sites_chooses_what_the_filter_offers(own, shared):
    """A console of no service has all sites as its default, one of a service offers them by name."""
    everything = {"site": ALL_SITES}
    assert EventSources(None, shared_store=SharedStore(shared)).choice(everything) == Choice()
    assert EventSources(own, shared_store=SharedStore(shared)).choice(everything) == Choice(site=ALL_SITES)


def test_the_cameras_to_choose_from_are_the_sites(own, shared):
    records = EventSources(own, None, ["entrance", "hall"], "north", SharedStore(shared))
    for choice, cameras in (
        (Choice(), ["entrance", "hall"]),
        (Choice(site="south"), ["entrance"]),
        (Choice(site="nowhere"), []),
    ):
        assert asyncio.run(records.names(choice)) == (["north", "south"], cameras)


def test_pictures_and_cameras_are_here_of_the_own_site_alone(own, shared):
    records = EventSources(own, None, ["entrance"], "north", SharedStore(shared))
    north, south = event("north", "entrance"), event("south", "entrance")
    assert not records.is_elsewhere(Choice(), south)  # of its own store, whatever the site was called
    assert [records.is_elsewhere(Choice(site=ALL_SITES), each) for each in (north, south)] == [False, True]
    assert EventSources(None, shared_store=SharedStore(shared)).is_elsewhere(Choice(), north)


def test_of_several_sites_each_row_says_which():
    quarter = Quarter(NOON, 3, PeopleCount(3), {"gone": 3}, {"entrance": 3}, {"north": 1, "south": 2})
    found = [event("north", "entrance"), quarter]
    several = rows(EN, found, None, frozenset(), sites=ALL_SITES)
    assert "north · entrance" in several
    assert "north 1, south 2" in several
    assert "event=" in several.split("site=%2A&amp;")[2]  # a link to the alert stays among all sites
    one = rows(EN, found, None, frozenset(), sites="north")
    assert "north · entrance" not in one
    assert "entrance 3" in one
    assert "site=" not in rows(EN, found, None, frozenset())


def test_the_table_of_many_sites_waits_to_be_asked_for():
    def made(number):
        each = [(f"site {n}", PeopleCount(1), PeopleCount(2)) for n in range(number)]
        return ratio_table(EN, [("all sites", PeopleCount(number), PeopleCount(number)), *each], "site")

    assert "<details" not in made(14)
    html = made(40)
    assert "By site: 40" in html
    assert html.index("all sites") < html.index("<details") < html.index("site 0<")
    assert html.count("<th scope='row'>") == 41


def test_a_week_of_several_sites_names_cameras_with_theirs(shared):
    week = week_of(shared, DAY, (), (), now=NOON)
    assert dict(week.cameras) == {"north · entrance": PeopleCount(2), "south · entrance": PeopleCount(1)}
    assert set(week.alerts) == {("north · entrance", ""), ("south · entrance", "")}
    one = week_of(shared, DAY, (), ("south",), now=NOON)
    assert (dict(one.cameras), one.chosen) == ({"entrance": PeopleCount(1)}, ("south",))


def client(records, role=Role.VIEWER):
    app = FastAPI()
    settings = configuration.default().console
    add_files(app, Console(settings, Review(None, Thumbnails(), None, None, None)), records)

    async def let_in(scope, receive, send):
        scope["user"] = User("vera", role)
        await app(scope, receive, send)

    return TestClient(let_in, base_url="http://localhost")


def test_exports_are_of_the_sites_that_are_chosen_and_of_what_the_role_may_see(own, shared):
    records = EventSources(own, None, ["entrance"], "north", SharedStore(shared))
    text = client(records).get("/history/export.csv", params={"site": "south"}).text
    assert ("south's" in text, "north's" in text) == (True, False)
    for role, seen in ((Role.VIEWER, False), (Role.ADMIN, True)):
        answer = client(records, role).get("/history/export.csv", params={"site": "*", "kind": "access"})
        assert ("kim" in answer.text) == seen
    report = client(records).get("/history/report.pdf", params={"site": "*", "day": DAY.isoformat()})
    assert report.content.startswith(b"%PDF")


def test_a_console_of_no_service_leads_to_sites_events_and_users_and_has_no_pictures(shared):
    settings = configuration.default().console
    console = Console(
        settings, Review(None, Thumbnails(), None, None, None), shared_store=SharedStore(shared)
    )
    assert [link.key for link in console.links] == ["sites", "history", "people"]
    answer = client(console.event_sources).get(f"/history/still/{'a' * 32}.jpg")
    assert answer.status_code == 404


def test_sites_stand_in_the_bar_only_where_a_store_is_shared(own, shared, tmp_path):
    monitoring = Monitoring(None, {}, own, Media(tmp_path))
    settings = configuration.default().console
    review = Review(None, Thumbnails(), None, None, None)
    assert navigation.SITES not in Console(settings, review, monitoring).links
    assert navigation.SITES in Console(settings, review, monitoring, shared_store=SharedStore(shared)).links


def test_a_store_that_does_not_answer_is_told_soon_and_keeps_no_thread_of_the_pages(shared, monkeypatch):
    monkeypatch.setattr(store_module, "PATIENCE_S", 0.2)
    shared_store, hangs = SharedStore(shared), threading.Event()

    async def look():
        stuck = [
            asyncio.create_task(shared_store.read(lambda _: hangs.wait()))
            for _ in range(2 * store_module.THREADS)
        ]
        ends = await asyncio.gather(*stuck, return_exceptions=True)
        assert [type(each) for each in ends] == [EventError] * len(stuck)
        assert "does not answer" in str(ends[0])
        assert await asyncio.to_thread(lambda: "here") == "here"  # other pages have theirs
        hangs.set()
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:  # and it answers again when the store does
            try:
                return await shared_store.read(lambda store: store.count(Choice().filter(Role.ADMIN)))
            except EventError:
                await asyncio.sleep(0.05)
        return None

    assert asyncio.run(look()) == 5
    waiting = [each for each in threading.enumerate() if each.name == "shared store"]
    assert all(each.daemon for each in waiting)  # the process ends although they wait


def test_sites_that_were_known_stay_shown_when_the_store_goes_away(shared, monkeypatch):
    shared_store = SharedStore(shared)
    monkeypatch.setattr(store_module, "EVERY_S", 0.0)

    async def look():
        before = await shared_store._sites()
        monkeypatch.setattr(
            shared_store, "_look", lambda _: (_ for _ in ()).throw(EventError("connection refused"))
        )
        return before, await shared_store._sites()

    before, after = asyncio.run(look())
    assert [each.name for each in before.sites] == ["north", "south"]
    assert (after.sites, after.at, after.problem) == (before.sites, before.at, "connection refused")


def test_a_store_that_cannot_be_asked_is_logged_once_and_so_is_its_return(shared, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    url = SecretStr("postgresql://reader:hunter2@127.0.0.1:1/x")
    away = EventStore.read_only(url, "console.store")
    shared_store = SharedStore(away)

    async def look():
        await shared_store._sites()
        await shared_store._sites()
        monkeypatch.setattr(shared_store, "_store", shared)
        await shared_store._sites()
        await shared_store._sites()

    asyncio.run(look())
    away.close()
    said = [
        (each.levelname, each.getMessage()) for each in caplog.records if each.name == store_module.__name__
    ]
    assert [level for level, _ in said] == ["WARNING", "INFO"]
    assert "refused" in said[0][1]
    assert "again" in said[1][1]
    assert "hunter2" not in caplog.text
