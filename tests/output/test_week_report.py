"""A week in figures, and its report: what its pages say, in both languages."""

import re
import warnings
import zlib
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from harness.events import CAMERAS, a_day, at_hour, filled
from matplotlib.text import Text

from maskwatch.console.texts import Texts
from maskwatch.core.events import Event, EventKind
from maskwatch.core.interval import wilson
from maskwatch.events.media import Media
from maskwatch.events.store import EventStore
from maskwatch.events.week import week_of
from maskwatch.output import fonts
from maskwatch.output.week_report import figures, pdf

MONDAY = date(2026, 11, 16)
MADE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NOW = MADE.timestamp()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made, _ = filled(
        tmp_path_factory.mktemp("events"), [MONDAY + timedelta(days=n) for n in range(8)], alerts=8
    )
    yield made
    made.close()


def texts_of(data):
    """What a PDF of matplotlib writes as letters, a page's texts each."""
    pages = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            content = zlib.decompress(stream)
        except zlib.error:
            continue
        if b"BT\n" in content and b"Tf" in content:
            pages.append(" ".join(_said(content)))
    return pages


def _said(content):
    lines = []
    for shown in re.findall(rb"\[(.*?)\] TJ|\(((?:\\.|[^\\)])*)\) Tj", content, re.DOTALL):
        whole = shown[1] or b"".join(re.findall(rb"\(((?:\\.|[^\\)])*)\)", shown[0], re.DOTALL))
        lines.append(re.sub(rb"\\(.)", rb"\1", whole, flags=re.DOTALL).decode("utf-16-be"))
    return lines


def events_of_week():
    days = [MONDAY + timedelta(days=n) for n in range(7)]
    return [event for day in days for event in a_day(day, alerts=8)]


def test_a_week_counts_what_happened_in_it_and_nothing_else(store):
    week = week_of(store, MONDAY + timedelta(days=3), now=NOW)
    events = events_of_week()
    alerts = [event for event in events if event.kind is EventKind.ALERT]
    assert [day for day, _ in week.days] == [MONDAY + timedelta(days=n) for n in range(7)]
    assert sum(week.alerts.values()) == len(alerts) == 56
    for (camera, rule), number in week.alerts.items():
        assert number == sum(e.camera == camera and e.data["rule"] == rule for e in alerts)
    told = [e for e in events if e.kind is EventKind.ANNOUNCEMENT and e.data["told"]]
    assert week.effect.told.announcements == len(told)
    assert week.effect.told.put_on == sum(e.data["put_on"] for e in told)
    assert week.effect.withheld.announcements == 56 - len(told)
    passages = [e for e in events if e.kind is EventKind.PASSAGE]
    labels = [e.data["label"] for e in passages]
    assert week.everybody.protected == labels.count("protected")
    assert week.everybody.unknown == labels.count("unknown")
    assert sum(counts.protected for counts in week.hours) == labels.count("protected")
    assert sum(way["entering"] for way in week.ways) == sum(
        e.data["direction"] == "entering" for e in passages
    )
    assert week.undelivered == sum(e.data["delivered"] is False and not e.data["withheld"] for e in alerts)


def test_of_one_camera_only_its_own_counts(store):
    week = week_of(store, MONDAY, ["hall"], now=NOW)
    assert {camera for camera, _ in week.alerts} == set(week.cameras) == {"hall"}
    assert week.everybody == week_of(store, MONDAY, now=NOW).cameras["hall"]


def test_an_outage_counts_as_far_as_it_lies_in_the_week(tmp_path):
    store = EventStore.in_folder(tmp_path)
    midnight, end = at_hour(MONDAY, 0), at_hour(MONDAY + timedelta(days=7), 0)

    def outage(begin, until, reason="away"):
        return Event(uuid4().hex, EventKind.OUTAGE, begin, "door", until, {"reason": reason})

    store.add(
        [
            outage(midnight - 500, midnight + 100),
            outage(end - 50, end + 900, "late"),
            outage(end + 5, end + 9),
        ]
    )
    store.add([outage(midnight - 900, midnight - 800, "before"), outage(midnight + 1000, None)])
    (found,) = week_of(store, MONDAY, now=midnight + 1030).outages
    assert (found.number, found.seconds, found.reason) == (3, 100 + 50 + 30, "away")
    (later,) = week_of(store, MONDAY, now=end + 5000).outages
    assert later.seconds == 100 + 50 + (end - midnight - 1000)
    store.close()


def test_the_worst_moments_come_first(store):
    worst = week_of(store, MONDAY, now=NOW).worst
    shares = [event.data["protected_ratio"] for event in worst]
    assert shares == sorted(shares)
    none = [event.data["unprotected"] for event in worst if event.data["protected_ratio"] == 0]
    assert none == sorted(none, reverse=True)


def test_the_report_says_the_weeks_figures(store):
    week = week_of(store, MONDAY, now=NOW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = pdf(week, Texts("en"), MADE)
    first, second = texts_of(data)
    counts = week.everybody
    assessed = counts.protected + counts.unprotected
    low, high = wilson(counts.protected, assessed)
    assert "Week 47 of 2026: 2026-11-16 to 2026-11-22" in first
    assert f"{100 * counts.protected / assessed:.0f} %" in first
    assert f"95 % interval {100 * low:.0f} % to {100 * high:.0f} %" in first
    assert f"{assessed:,} assessed, {counts.unknown:,} not" in first
    assert f"{week.undelivered} not delivered" in first
    for (_, rule), number in week.alerts.items():
        assert rule in second
        assert str(number) in second
    for outage in week.outages:
        assert outage.reason in second
    assert f"{week.effect.told.announcements} announcements addressed" in second


def test_pictures_are_in_it_only_when_they_are_given(store):
    week = week_of(store, MONDAY, now=NOW)
    media = Media(store.path.parent)
    stills = {event.id: media.still(event.id) for event in week.worst if media.still(event.id).exists()}
    assert stills
    without = figures(week, Texts("en"), MADE, {})
    with_them = figures(week, Texts("en"), MADE, stills)
    assert (len(without), len(with_them)) == (2, 3)
    assert sum(len(axes.images) for axes in with_them[2].axes) == 6
    assert not any(axes.images for figure in without for axes in figure.axes)


@pytest.mark.parametrize("has_font", [False, True])
def test_korean_has_no_empty_boxes(store, monkeypatch, has_font):
    """Where no font has Korean it is drawn as pictures; where one has, nothing is."""
    if has_font and len(fonts.families()) < 2:
        pytest.skip("no font with Korean is installed")
    if not has_font:
        monkeypatch.setattr(fonts, "KOREAN", ())
        fonts.families.cache_clear()
        fonts._letters.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each letter that it cannot show
        made = figures(week_of(store, MONDAY, now=NOW), Texts("ko"), MADE, {})
        for figure in made:
            figure.canvas.draw()
    written = {letter for figure in made for text in figure.findobj(Text) for letter in text.get_text()}
    assert written <= fonts._letters() | {"\n"}
    pictures = [box for figure in made for box in figure.findobj(fonts.AnnotationBbox)]
    assert bool(pictures) == (not has_font)
    fonts.families.cache_clear()
    fonts._letters.cache_clear()
    if not has_font:
        ink = pictures[0].offsetbox.get_data()[..., 3]
        assert 0.02 < ink.mean() < 0.6  # letters, neither nothing nor a box


def test_a_long_name_stays_in_its_column_and_a_week_of_nothing_is_drawn(tmp_path):
    empty = EventStore.in_folder(tmp_path / "empty")
    assert len(figures(week_of(empty, MONDAY, now=NOW), Texts("en"), MADE, {})) == 2
    empty.close()
    store = EventStore.in_folder(tmp_path / "long")
    name = "camera above the loading bay's second door, left side"
    store.add(
        [Event(uuid4().hex, EventKind.ALERT, at_hour(MONDAY, 9), name, data={"rule": "protected_ratio"})]
    )
    _, second = figures(week_of(store, MONDAY, now=NOW), Texts("en"), MADE, {})
    renderer = second.canvas.get_renderer()
    (cell,) = [text for text in second.texts if text.get_text().startswith("camera above")]
    assert cell.get_text().endswith("…")
    (rule,) = [text for text in second.texts if text.get_text() == "protected_ratio"]
    assert cell.get_window_extent(renderer).x1 < rule.get_window_extent(renderer).x0
    store.close()


def test_all_lines_stay_on_the_page(store):
    for language in ("en", "ko"):
        for figure in figures(week_of(store, MONDAY, now=NOW), Texts(language), MADE, {}):
            renderer = figure.canvas.get_renderer()
            wide = figure.bbox.width
            for text in figure.texts:
                if text.get_text():
                    assert text.get_window_extent(renderer).x1 <= wide * 0.95, text.get_text()


def test_the_days_of_the_harness_have_all_cameras(store):
    assert set(week_of(store, MONDAY, now=NOW).cameras) == set(CAMERAS)
