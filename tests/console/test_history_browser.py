"""The page of events as a person meets it: a day of 300 events, its filters, an alert's clip, keys, both sizes."""

import json
import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from harness.axe import grave_faults
from harness.browser import DESKTOP, PHONE
from harness.console import console
from harness.events import CAMERAS, a_day, at_hour, filled
from selenium.webdriver.common.keys import Keys

from maskwatch.core.events import Event, EventKind
from maskwatch.events.store import EventFilter, EventStore

pytestmark = pytest.mark.integration

DAY = date(2026, 11, 25)
PATIENCE_S = 90  # with other work beside it
SHOTS = os.environ.get("MASKWATCH_SCREENSHOTS")  # where somebody wants to look at them
VIDEO = "const v = document.querySelector('.mw-alert video'); return v ? [v.readyState, v.duration, v.currentTime] : null"
ROWS = """return [...document.querySelectorAll('.mw-events li')].map(
    li => [li.className.slice(8), Number(li.dataset.at), li.innerText])"""
HERE = (
    "return document.activeElement.closest('li') && Number(document.activeElement.closest('li').dataset.at)"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A console with two days of events; gives its link, the events' folder, and room for the cookies of who is signed in."""
    folder = tmp_path_factory.mktemp("console")
    store, events = filled(folder / "events", [DAY - timedelta(days=1), DAY], passages=205)
    store.close()
    assert len([event for event in events if event.at >= at_hour(DAY, 0)]) >= 295
    config = {
        "events": {"dir": str(folder / "events")},
        "console": {"dir": str(folder / "console"), "port": 0},
        "queue": {"dir": str(folder / "queue")},
        "cameras": {name: {"source": f"rtsp://127.0.0.1:1/{n}"} for n, name in enumerate(CAMERAS)},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config, ensure_ascii=False))
    with console(path, log=folder / "log") as link:
        yield link, folder / "events", []


@pytest.fixture
def visit(served, person):
    """Somebody who is signed in, at the page of events."""
    link, _, cookies = served
    base = re.match(r"https?://[^/]+", link).group()
    someone = person(*DESKTOP)
    if cookies:
        someone.go(f"{base}/login")
        for cookie in cookies:
            someone.browser.add_cookie(cookie)
    else:  # the link lets in once
        someone.go(link)
        someone.until(someone.browser.get_cookies, "signed in", PATIENCE_S)
        cookies += someone.browser.get_cookies()

    def open_page(query="", size=DESKTOP, language="en", look="light"):
        someone.run(f"document.cookie = 'maskwatch_language={language}; path=/'")
        someone.resize(size)
        someone.prefer(look)
        someone.go(f"{base}/history{query}")
        someone.until(lambda: someone.all(".mw-events"), "rows", PATIENCE_S)
        return someone

    return open_page


def faults(someone):
    """Once nothing moves any more: a text that is being faded in has no contrast yet."""
    moving = "return document.getAnimations().some(each => each.playState === 'running')"
    someone.until(lambda: not someone.run(moving), "all is still", PATIENCE_S)
    return grave_faults(someone)


def rows(someone):
    return someone.run(ROWS)


def look(someone, name):
    if SHOTS:
        someone.screenshot(Path(SHOTS) / f"{name}.png")


def alerts_of(day, **about):
    events = (event for event in a_day(day, passages=205) if event.kind is EventKind.ALERT)
    return [event for event in events if all(getattr(event, key) == value for key, value in about.items())]


def choose(someone, label, option):
    field = someone.until(
        lambda: someone.run(
            "return [...document.querySelectorAll('.mw-filters .q-field')].find(f => f.innerText.startsWith(arguments[0]))",
            label,
        ),
        label,
    )
    field.click()
    script = "return [...document.querySelectorAll('.q-menu .q-item')].find(i => i.innerText.trim() === arguments[0])"
    someone.until(lambda: someone.run(script, option), option).click()


@pytest.mark.timeout(600)
def test_a_day_is_gone_through_by_filters_clicks_and_keys(visit):
    someone = visit()
    shown = rows(someone)
    times = [at for _, at, _ in shown]
    assert times == sorted(times, reverse=True)
    assert {kind for kind, _, _ in shown} >= {"alert", "passage", "outage", "announcement"}
    assert "Wednesday, 25 November 2026" in someone.text(".mw-day")
    passed = [int(text.split(" passed")[0].split()[-1]) for kind, _, text in shown if kind == "passage"]
    assert sum(passed) > len(passed)  # summed up, not a row each
    look(someone, "desk")

    # the rest of the day, then the day before
    for _ in range(4):
        before = len(rows(someone))
        someone.click("Earlier")
        someone.until(lambda before=before: len(rows(someone)) > before, "earlier", PATIENCE_S)
        if len(someone.all(".mw-day")) > 1:
            break
    headings = [each.text for each in someone.all(".mw-day")]
    assert headings == ["Wednesday, 25 November 2026", "Tuesday, 24 November 2026"]
    of_day = [row for row in rows(someone) if row[1] >= at_hour(DAY, 0)]
    assert sum(kind == "alert" for kind, _, _ in of_day) == 40

    # filters stand in the address, and a reload keeps them
    choose(someone, "Camera", "hall")
    someone.until(lambda: "camera=hall" in someone.browser.current_url, "the address", PATIENCE_S)
    choose(someone, "Kinds", "Alerts")
    someone.press(Keys.ESCAPE)
    someone.until(lambda: "kind=alert" in someone.browser.current_url, "the address", PATIENCE_S)
    expected = {round(event.at, 3) for event in alerts_of(DAY, camera="hall")}
    someone.until(lambda: {round(at, 3) for _, at, _ in rows(someone)} == expected, "filtered", PATIENCE_S)
    someone.browser.refresh()
    someone.until(lambda: {round(at, 3) for _, at, _ in rows(someone)} == expected, "kept", PATIENCE_S)

    # the arrows go from day to day
    someone.see("button[aria-label='The day before']").click()
    someone.until(lambda: "day=2026-11-24" in someone.browser.current_url, "the day before", PATIENCE_S)
    earlier = {round(event.at, 3) for event in alerts_of(DAY - timedelta(days=1), camera="hall")}
    someone.until(lambda: {round(at, 3) for _, at, _ in rows(someone)} == earlier, "its alerts", PATIENCE_S)


@pytest.mark.timeout(600)
def test_an_alert_opens_by_keys_with_its_clip_and_closes(visit, served):
    someone = visit("?kind=alert")
    someone.press("j")
    first = someone.run(HERE)
    assert first == pytest.approx(rows(someone)[0][1])
    someone.press("j", Keys.ARROW_DOWN, "k")
    assert someone.run(HERE) == pytest.approx(rows(someone)[1][1])
    someone.press(Keys.ENTER)
    someone.see(".mw-alert")
    someone.until(lambda: "event=" in someone.browser.current_url, "the address has it", PATIENCE_S)

    # go on until there is one with a clip: it plays
    for _ in range(20):
        if someone.run(VIDEO):
            break
        before = someone.browser.current_url
        someone.press("j")
        someone.until(lambda before=before: someone.browser.current_url != before, "the next", PATIENCE_S)
    someone.until(lambda: (someone.run(VIDEO) or [0])[0] >= 3, "the clip can be played", PATIENCE_S)
    someone.until(lambda: someone.run(VIDEO)[2] > 0.2, "and it plays", PATIENCE_S)
    _, seconds, _ = someone.run(VIDEO)
    assert seconds == pytest.approx(3.9, abs=0.3)
    told = someone.text(".mw-alert")
    for word in ("without a mask", "Sent by", "Outcome", "마스크를 착용해 주세요"):
        assert word in told
    assert faults(someone) == []
    look(someone, "dialog")
    event_id = re.search(r"event=(\w{32})", someone.browser.current_url).group(1)
    with_address = someone.browser.current_url
    someone.press(Keys.ESCAPE)
    someone.until(lambda: not someone.all(".mw-alert"), "closed", PATIENCE_S)
    someone.until(lambda: "event=" not in someone.browser.current_url, "the address forgets it", PATIENCE_S)
    here = f"return document.activeElement.dataset.event === '{event_id}'"
    someone.until(lambda: someone.run(here), "the focus is back", PATIENCE_S)

    # a link to an alert opens it, and one to what is gone says so
    someone.go(with_address)
    someone.until(lambda: someone.run(VIDEO), "opened by its link", PATIENCE_S)
    someone.go(re.sub(r"event=\w+", f"event={'f' * 32}", with_address))
    someone.until(lambda: "no longer stored" in someone.text(".q-notifications"), "gone", PATIENCE_S)


@pytest.mark.timeout(600)
def test_a_click_on_the_strip_goes_to_that_time(visit):
    someone = visit("?day=2026-11-25")
    at = at_hour(DAY, 9.0)
    place = """
        const r = document.querySelector('.mw-strip').getBoundingClientRect();
        return [r.left + r.width * arguments[0], r.top + r.height / 3];"""
    x, y = someone.run(place, 9.0 / 24)
    click = "document.elementFromPoint(arguments[0], arguments[1]).dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: arguments[0]}))"
    someone.run(click, x, y)
    someone.until(lambda: someone.run(HERE) is not None, "a row", PATIENCE_S)
    here = someone.until(lambda: someone.run(HERE), "a row", PATIENCE_S)
    assert here <= at
    between = [row for row in rows(someone) if here < row[1] <= at - 60]
    assert between == []


@pytest.mark.timeout(600)
def test_a_new_event_is_told_of_and_shown_when_wanted(visit, served):
    someone = visit("?camera=hall&kind=outage")
    before = rows(someone)
    _, folder, _ = served
    store = EventStore.in_folder(folder)
    newest = store.find(EventFilter(), limit=1)[0].at
    data = {"reason": "cable pulled"}
    store.add([Event("e" * 32, EventKind.OUTAGE, newest + 1, "hall", newest + 61, data, "test")])
    someone.until(lambda: any(b.is_displayed() for b in someone.all(".mw-news")), "news", PATIENCE_S)
    assert rows(someone) == before
    someone.see(".mw-news").click()
    someone.until(
        lambda: any("cable pulled" in text for _, _, text in rows(someone)[:1]), "shown", PATIENCE_S
    )
    store.delete(EventFilter(since=newest + 1), limit=1, ongoing=True)
    store.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(("language", "look_of"), [("en", "light"), ("ko", "dark")])
def test_the_page_fits_and_can_be_used_by_all(visit, size, language, look_of):
    someone = visit("", size, language, look_of)
    someone.until(lambda: someone.all(".mw-strip svg"), "the strip", PATIENCE_S)
    assert faults(someone) == []
    assert someone.run("return document.documentElement.scrollWidth") <= size[0]
    title = {"en": "Wednesday, 25 November 2026", "ko": "2026년 11월 25일 수요일"}
    assert someone.text(".mw-title") == title[language]
    look(someone, f"{language}-{size[0]}")
    someone.run("document.querySelector('a[data-event]').click()")
    someone.see(".mw-alert")
    look(someone, f"{language}-{size[0]}-dialog")
    assert faults(someone) == []
    wide = "const d = document.querySelector('.mw-event'); return d.scrollWidth <= d.clientWidth + 1"
    assert someone.run(wide)
