"""The page of events without a browser: its address, its words, its files, and who may see what."""

from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from harness.events import CAMERAS, a_day, at_hour, filled
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from maskwatch.config import load as configuration
from maskwatch.console.context import CameraView, Console, Monitoring
from maskwatch.console.history import dialog, reading
from maskwatch.console.history.files import add_files
from maskwatch.console.history.query import Choice, Period
from maskwatch.console.history.rows import rows
from maskwatch.console.history.sentences import badges, delivery, duration, sentence, zone_name
from maskwatch.console.history.strip import drawn
from maskwatch.console.review.context import Review
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.console.texts import LANGUAGES, Texts, catalogue
from maskwatch.console.users import Role, User
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.media import Media
from maskwatch.events.ratios import Span, day_span
from maskwatch.events.store import EventStore
from maskwatch.events.timeline import Quarter

DAY = date(2026, 11, 25)
VIEWER, ADMIN = User("vera", Role.VIEWER), User("anna", Role.ADMIN)
EN, KO = Texts("en"), Texts("ko")


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    store, _ = filled(folder, [DAY])
    yield Monitoring(None, {name: CameraView() for name in CAMERAS}, store, Media(folder))
    store.close()


@pytest.fixture
def visit(monitoring):
    """Somebody who asks for files; the guard has let her through."""

    def by(user=VIEWER):
        app = FastAPI()
        review = Review(None, Thumbnails(), None, None, None)
        console = Console(configuration.default().console, review, monitoring)
        add_files(app, console, console.event_sources)

        async def let_in(scope, receive, send):
            scope["user"] = user
            await app(scope, receive, send)

        return TestClient(let_in, base_url="http://localhost")

    return by


@pytest.fixture
def pictured(monitoring):
    """An alert with its still and clip."""
    alerts = [event for event in a_day(DAY) if event.kind is EventKind.ALERT]
    return next(event.id for event in alerts if monitoring.media.clip(event.id).exists())


choices = st.builds(
    Choice,
    camera=st.none() | st.sampled_from([*CAMERAS, "a&b=c", "%"]),
    day=st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    kinds=st.sets(st.sampled_from(list(EventKind))).map(lambda k: tuple(x for x in EventKind if x in k)),
    period=st.sampled_from(list(Period)),
    event=st.none() | st.just("0" * 32),
)


@given(choice=choices)
def test_an_address_keeps_what_is_chosen(choice):
    assert Choice.of(choice.to_query()) == choice


def test_what_an_address_says_wrong_counts_as_not_said():
    assert Choice.of({"day": "yesterday", "kind": "alarm,", "show": "year", "camera": ""}) == Choice()


@pytest.mark.parametrize("chosen", [(), (EventKind.ACCESS,), (EventKind.ALERT, EventKind.ACCESS)])
def test_who_looked_at_what_is_for_admins_alone(monitoring, chosen):
    choice = Choice(kinds=chosen, day=DAY)
    seen = monitoring.events.find(choice.filter(Role.VIEWER), limit=1000)
    assert EventKind.ACCESS not in {event.kind for event in seen}
    assert bool(seen) == (chosen != (EventKind.ACCESS,))
    told = {event.kind for event in monitoring.events.find(choice.filter(Role.ADMIN), limit=1000)}
    assert (EventKind.ACCESS in told) == (EventKind.ACCESS in chosen)  # each look at a page is one


def test_a_day_ends_at_midnight(monitoring):
    span = day_span(DAY)
    wanted = Choice(day=DAY).filter(Role.ADMIN, until=span.until + 500)
    assert (wanted.since, wanted.until) == (span.since, span.until)
    assert Choice(day=DAY).filter(Role.ADMIN, until=span.since + 5).until == span.since + 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_has_a_sentence_without_gaps(language):
    t = Texts(language)
    for event in a_day(DAY):
        said = sentence(t, event)
        assert said
        assert "?" not in said
        assert "None" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("other", [{"before": "v1"}, {"refused": "v3"}])
def test_why_other_models_serve_or_were_refused_is_told(language, other):
    data = {"version": "v2", "reason": "door: how sure it is has shifted", **other}
    said = sentence(Texts(language), Event("0" * 32, EventKind.MODELS, 0.0, None, data=data))
    assert all(each in said for each in data.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", EventKind)
def test_an_event_of_another_release_has_a_sentence_too(language, kind):
    event = Event("0" * 32, kind, 0.0, None, data={"alert_kind": "new", "state": "new", "label": "new"})
    assert sentence(Texts(language), event)
    assert isinstance(badges(Texts(language), event), list)


def test_texts_of_both_languages_take_the_same_values():
    import string

    for key, texts in catalogue().items():
        if key.startswith(("history.", "report.", "sites.")):
            names = {
                language: {name for _, name, _, _ in string.Formatter().parse(text) if name}
                for language, text in texts.items()
            }
            assert set(names) == set(LANGUAGES), key
            assert names["en"] == names["ko"], key


def alert(**data):
    return Event("0" * 32, EventKind.ALERT, 0.0, "door", None, data)


def test_beside_an_alert_stands_what_is_to_be_known():
    assert badges(EN, alert(withheld=True, delivered=False, quiet=True)) == [
        "withheld",
        "quiet hours",
        "not delivered",
        "ongoing",
    ]
    assert badges(EN, replace(alert(level=2, delivered=True), ended_at=5.0)) == ["second level"]
    assert badges(EN, replace(alert(cut_off=True), ended_at=5.0)) == ["end not seen"]
    outage = Event("0" * 32, EventKind.OUTAGE, 100.0, "door", 100.0 + 3 * 3600 + 61)
    assert badges(EN, outage) == ["for 3 h 1 min"]


def test_who_was_told_is_said_by_sink():
    assert delivery(EN, alert(sinks={"voice": "failed", "mqtt": "kept", "own": "odd"})) == (
        "voice: failed, mqtt: waits to be sent, own: odd"
    )
    assert [delivery(EN, alert(delivered=each)) for each in (True, False, None)] == ["yes", "no", "not known"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h 0 min")]
)
def test_a_duration_is_short(seconds, said):
    assert duration(EN, seconds) == said


@pytest.mark.parametrize(
    ("name", "said"), [("Asia/Seoul", "UTC+09:00 (KST)"), ("UTC", "UTC"), ("Asia/Kathmandu", "UTC+05:45")]
)
def test_the_zone_is_said(in_zone, name, said):
    in_zone(name)
    assert zone_name(at_hour(DAY, 3)) == said


class Tags(HTMLParser):
    """The tags of some HTML, which must be closed in order."""

    EMPTY = frozenset({"img", "br"})

    def __init__(self, html):
        super().__init__()
        self.all, self.open, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_rows_stand_under_their_day_and_alerts_lead_to_themselves():
    late, early = at_hour(DAY, 10), at_hour(DAY - timedelta(days=1), 9)
    found = [
        Event("a" * 32, EventKind.ALERT, late, "door", data={"people": 3, "unprotected": 2}),
        Quarter(late - late % 900, 5, PeopleCount(3, 1, 1), {"entering": 4, "leaving": 1}, {"door": 5}),
        Event("b" * 32, EventKind.OUTAGE, early, "door", early + 60, {"reason": "no answer"}),
    ]
    tags = Tags(rows(EN, found, None, frozenset({"a" * 32})))
    assert [tag for tag, _ in tags.all].count("h2") == [tag for tag, _ in tags.all].count("ol") == 2
    assert [attrs["data-event"] for _, attrs in tags.all if "data-event" in attrs] == ["a" * 32]
    assert [attrs["src"] for tag, attrs in tags.all if tag == "img"] == [f"/history/thumbnail/{'a' * 32}.jpg"]
    assert "5 passed: 3 with a mask, 1 without, 1 unknown 4 in, 1 out · door 5" in tags.text
    assert not Tags(rows(EN, found[:1], DAY, frozenset())).text.startswith("Wednesday")


def test_nothing_of_an_event_becomes_a_tag():
    bad = "<script>alert(1)</script>\"'"
    event = Event(
        "a" * 32, EventKind.ALERT, at_hour(DAY, 9), bad, data={"say": bad, "rule": bad, "sinks": {bad: bad}}
    )
    outage = Event("b" * 32, EventKind.OUTAGE, at_hour(DAY, 8), bad, None, {"reason": bad})
    span = day_span(DAY)
    strip = drawn(EN, reading.Strip(span, [], [], [event, outage], PeopleCount()), 0.0)
    shown = reading.Alert(event, None, has_still=True, has_clip=True)
    for html in (
        rows(EN, [event, outage], None, frozenset()),
        strip,
        dialog.content(EN, shown, has_camera=True),
    ):
        tags = Tags(html)
        assert "script" not in {tag for tag, _ in tags.all}
        assert not {key for _, attrs in tags.all for key in attrs if key.startswith("on")}


def test_the_strip_has_a_step_an_hour_with_its_interval_and_gaps_where_nobody_came():
    span = Span(0.0, 5 * 3600.0)
    counts = [
        PeopleCount(3, 1, 0),
        PeopleCount(2, 2, 0),
        PeopleCount(),
        PeopleCount(1, 0, 0),
        PeopleCount(0, 0, 4),
    ]
    tags = Tags(drawn(EN, reading.Strip(span, span.hours(), counts, [], PeopleCount(6, 3, 4)), -1.0))
    intervals = [attrs for _, attrs in tags.all if attrs.get("class") == "mw-interval"]
    assert [attrs["x"] for attrs in intervals] == ["0.0", "200.0", "600.0"]
    (curve,) = [attrs["d"] for _, attrs in tags.all if attrs.get("class") == "mw-curve"]
    assert curve.count("M") == 2
    assert "67 % of 9" in tags.all[0][1]["aria-label"]


def test_an_outage_that_began_before_the_day_is_drawn_in_it(tmp_path):
    store = EventStore.in_folder(tmp_path)
    begin = at_hour(DAY, 0)
    store.add(
        [
            Event("a" * 32, EventKind.OUTAGE, begin - 7200, "door", begin + 3600),
            Event("b" * 32, EventKind.OUTAGE, begin - 7200, "door", begin - 3600),
        ]
    )
    seen = reading.overview(store, Choice(day=DAY), DAY)
    assert [event.id for event in seen.strip.events] == ["a" * 32]
    store.close()


def test_the_overview_is_of_the_newest_day_and_its_week(monitoring):
    seen = reading.overview(monitoring.events, Choice(), DAY + timedelta(days=90))
    assert seen.day == DAY
    assert [name for name, _, _ in seen.ratios] == sorted(CAMERAS)
    assert seen.everybody[0] == seen.everybody[1] == seen.strip.total  # the week has no other day
    kinds = [event.kind for event in seen.strip.events]
    assert (kinds.count(EventKind.ALERT), kinds.count(EventKind.OUTAGE)) == (40, 6)
    one = reading.overview(monitoring.events, Choice(camera="hall", period=Period.WEEK), DAY)
    assert len(one.strip.hours) == 7 * 24
    assert {event.camera for event in one.strip.events} == {"hall"}


def test_a_still_and_a_clip_are_for_this_person_alone(visit, pictured):
    for path, kind in (("still", "image/jpeg"), ("thumbnail", "image/jpeg"), ("clip", "video/mp4")):
        suffix = "mp4" if path == "clip" else "jpg"
        answer = visit().get(f"/history/{path}/{pictured}.{suffix}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == kind
        assert "private" in answer.headers["cache-control"]


def test_a_clip_is_given_by_ranges(visit, pictured, monitoring):
    whole = monitoring.media.clip(pictured).read_bytes()
    answer = visit().get(f"/history/clip/{pictured}.mp4", headers={"range": "bytes=100-299"})
    assert answer.status_code == 206
    assert answer.content == whole[100:300]
    assert answer.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    beyond = visit().get(f"/history/clip/{pictured}.mp4", headers={"range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    head = visit().head(f"/history/clip/{pictured}.mp4")
    assert (head.headers["accept-ranges"], head.headers["content-length"]) == ("bytes", str(len(whole)))


@pytest.mark.parametrize("kind", ["still", "thumbnail", "clip"])
@pytest.mark.parametrize("name", ["f" * 32, "..%2f..%2fevents", "x", "A" * 32])
def test_what_is_not_there_is_not_found(visit, kind, name):
    suffix = "mp4" if kind == "clip" else "jpg"
    assert visit().get(f"/history/{kind}/{name}.{suffix}").status_code == 404


def test_the_table_has_what_the_filters_let_through_and_this_person_may_see(visit):
    answer = visit().get("/history/export.csv", params={"day": DAY.isoformat(), "camera": "hall"})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "private, no-store"
    events = [event for event in a_day(DAY) if event.camera == "hall"]
    assert len(answer.text.splitlines()) == 1 + len(events)
    for user, seen in ((VIEWER, False), (ADMIN, True)):
        text = visit(user).get("/history/export.csv", params={"kind": "access,settings"}).text
        assert ("192.0.2.7" in text) == seen
        assert "cameras.entrance.zones" in text


def test_the_report_is_a_pdf_of_the_week(visit):
    answer = visit().get("/history/report.pdf", params={"day": DAY.isoformat()})
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")
    assert "maskwatch-2026-W48.pdf" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "private, no-store"


def test_a_store_that_cannot_be_read_is_said(visit, monitoring, monkeypatch):
    from maskwatch.core.errors import EventError

    def refuse(*_, **__):
        raise EventError("events: the disk is gone")

    monkeypatch.setattr(EventStore, "find", refuse)
    monkeypatch.setattr("maskwatch.events.ratios.tally_passages", refuse)
    for path in ("export.csv", "report.pdf"):
        answer = visit().get(f"/history/{path}")
        assert answer.status_code == 503
        assert "the disk is gone" in answer.text
