"""Sites as a person in a head office meets them: a console without a service, over a real PostgreSQL server that goes away."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from harness.axe import grave_faults
from harness.browser import DESKTOP, PHONE
from harness.console import console
from harness.many_sites import three_sites
from harness.postgres import PASSWORD, Postgres
from pydantic import SecretStr

from maskwatch.core.events import EventKind
from maskwatch.events.ratios import day_span
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.clock import local_day

PATIENCE_S = 120  # with other work beside it
SHOTS = os.environ.get("MASKWATCH_SCREENSHOTS")  # where somebody wants to look at them
VARIABLE = "MASKWATCH_READER_PASSWORD"


@pytest.fixture(scope="module")
def server():
    with Postgres() as running:
        three_sites(running)
        yield running


@pytest.mark.timeout(900)
def test_a_head_office_sees_the_silent_site_first_goes_into_its_events_and_is_told_when_the_store_is_away(
    server, person, tmp_path, monkeypatch
):
    monkeypatch.setenv(VARIABLE, server.quoted)
    config, log = tmp_path / "office.yaml", tmp_path / "log"
    config.write_text("console: {port: 0}\n")
    store = server.url.replace(server.quoted, f"{{{VARIABLE}}}")
    someone = person(*DESKTOP)
    with console(config, log=log, more=["--store", store]) as link:
        base = re.match(r"https?://[^/]+", link).group()
        someone.go(link)
        someone.until(someone.browser.get_cookies, "signed in", PATIENCE_S)
        for size, language, look, words in (
            (DESKTOP, "en", "light", "No contact since"),
            (PHONE, "ko", "dark", "부터 연락 끊김"),
        ):
            someone.run(f"document.cookie = 'maskwatch_language={language}; path=/'")
            someone.resize(size)
            someone.prefer(look)
            someone.go(f"{base}/sites")
            someone.until(lambda: someone.all(".mw-sites h2"), "sites", PATIENCE_S)
            names = [each.text for each in someone.all(".mw-sites h2")]
            assert names == ["site 01", "site 02", "site 00"]
            assert words in someone.text(".mw-site-silent .mw-state")
            assert someone.run("return document.documentElement.scrollWidth") <= size[0]
            assert grave_faults(someone) == []
            if SHOTS:
                someone.screenshot(Path(SHOTS) / f"sites-{language}-{size[0]}.png")

        someone.resize(DESKTOP)
        someone.go(f"{base}/history?site=site+01&camera=camera+02&kind=alert")
        someone.until(lambda: someone.all(".mw-events"), "its alerts", PATIENCE_S)
        shown = someone.run("return [...document.querySelectorAll('.mw-events li b')].map(b => b.innerText)")
        with_store = EventStore.read_only(SecretStr(server.url), "test")
        wanted = EventFilter(cameras=["camera 02"], kinds=[EventKind.ALERT], sites=["site 01"])
        newest = local_day(with_store.find(wanted, limit=1)[0].at)
        of_day = with_store.count(replace(wanted, since=day_span(newest).since))
        assert shown == ["camera 02"] * of_day
        with_store.close()
        assert grave_faults(someone) == []

        server.kill()
        someone.go(f"{base}/sites")
        someone.until(lambda: someone.all(".mw-notice[role=alert]"), "it is away", PATIENCE_S)
        assert "site 01" in someone.text(".mw-sites")  # as it was known
        someone.go(f"{base}/people")  # the other pages go on
        someone.until(lambda: someone.all(".mw-people"), "users", PATIENCE_S)
        said = someone.run("return document.body.innerText") + log.read_text()
        assert PASSWORD not in said
        assert server.quoted not in said
    with_own = EventStore.in_folder(tmp_path / "events")
    looks = with_own.find(EventFilter(kinds=[EventKind.ACCESS]), limit=99)
    assert {"/sites", "/history?site=site 01", "/people"} <= {each.data["target"] for each in looks}
    with_own.close()
