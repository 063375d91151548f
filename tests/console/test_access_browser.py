"""Signing in and the users' page, by real browsers: in both languages, by desktop and telephone, light and dark."""

import json
import os
import re
from pathlib import Path

import pytest
from harness.axe import grave_faults
from harness.browser import DESKTOP, PHONE
from harness.console import console
from selenium.webdriver.common.keys import Keys

from maskwatch.console.users import Role, Users

PASSWORD, OTHER = "correct horse battery", "staple of another horse"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    cameras = {"door": {"source": "rtsp://127.0.0.1:1/x"}}
    path.write_text(json.dumps({"cameras": cameras, "console": {"port": 0}, "device": "cpu"}))
    return path


def keep(someone, name):
    """A picture for who looks at them, where MASKWATCH_SCREENSHOTS says."""
    if folder := os.environ.get("MASKWATCH_SCREENSHOTS"):
        someone.screenshot(Path(folder) / f"{name}.png")


def fits(someone):
    return someone.run("return document.documentElement.scrollWidth <= window.innerWidth")


def sign_in(someone, name, password):
    someone.see("input[name=name]").send_keys(name)
    someone.see("input[name=password]").send_keys(password + Keys.ENTER)


def fill(someone, *texts):
    fields = someone.until(
        lambda: (
            (
                found := [
                    e
                    for e in someone.all(".q-dialog input")
                    if e.is_displayed() and e.get_attribute("readonly") is None
                ]
            )
            and len(found) >= len(texts)
            and found
        ),
        "the dialog",
    )
    for field, text in zip(
        [each for each in fields if each.get_attribute("role") != "combobox"], texts, strict=False
    ):
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(text)
        someone.until(lambda field=field, text=text: field.get_attribute("value") == text, "it is entered")


def path_of(someone):
    return re.sub(r"https?://[^/]+", "", someone.browser.current_url)


@pytest.mark.timeout(600)
def test_the_first_person_makes_users_who_sign_in_and_may_what_they_may(person, config, tmp_path):  # noqa: PLR0915 - one story
    users = Users(tmp_path / "console")
    with console(config, log=tmp_path / "log") as link:
        address = link.partition("?")[0]
        owner, lee = person(), person()
        for each in (owner, lee):
            each.resize(DESKTOP)
        # the link of who started it leads to make the first user, and then works no more
        owner.go(link)
        owner.until(lambda: path_of(owner) == "/people", "the page of users")
        owner.see(".mw-notice")
        assert "token" not in owner.browser.current_url
        lee.go(link)
        assert "maskwatch users add" in lee.see("main").text
        keep(lee, "nobody")
        owner.click("Add a user")
        fill(owner, "kim", "short", "short")
        owner.click("Save")
        owner.until(lambda: "at least 10 characters" in owner.text(".q-notification"), "too short")
        keep(owner, "add")
        fill(owner, "kim", PASSWORD, PASSWORD)
        owner.click("Save")
        owner.until(lambda: (found := users.get("kim")) and found.role is Role.ADMIN, "the first is an admin")
        owner.click("Add a user")
        fill(owner, "이 하나", OTHER, OTHER)
        owner.click("Save")
        owner.until(lambda: (found := users.get("이 하나")) and found.role is Role.VIEWER, "a viewer")
        owner.until(lambda: len(owner.all(".mw-person")) == 2, "both are listed")
        owner.until(lambda: not owner.all(".q-dialog .mw-dialog"), "the dialog has faded")
        for look in ("light", "dark"):
            owner.prefer(look)
            for size, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
                owner.resize(size)
                assert fits(owner)
                keep(owner, f"people-{look}-{name}")
            assert grave_faults(owner) == []

        # the wrong password, then the right one, and where she wanted to go
        lee.go(f"{address}history?day=2026-11-26")
        sign_in(lee, "이 하나", "a wrong guess")
        assert lee.until(lambda: lee.text("[role=alert]")) == "Name or password is wrong."
        for look in ("light", "dark"):
            lee.prefer(look)
            for size, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
                lee.resize(size)
                assert fits(lee)
                keep(lee, f"login-{look}-{name}")
            assert grave_faults(lee) == []
        lee.resize(DESKTOP)
        sign_in(lee, "이 하나", OTHER)
        lee.until(lambda: path_of(lee) == "/history?day=2026-11-26", "where she wanted to go")
        lee.see(".mw-nav")

        # a viewer neither sees nor may what others may, and reads so in her language
        assert [e.get_attribute("href") for e in lee.all(".mw-nav a")] == [
            f"{address}live",
            f"{address}history",
        ]
        lee.run("document.cookie = 'maskwatch_language=ko; path=/'")
        lee.go(f"{address}queue")
        assert "권한이 없습니다" in lee.see("main").text
        keep(lee, "forbidden-ko")
        lee.see("main a[href='/']").click()
        lee.until(lambda: path_of(lee) == "/live", "back")
        lee.until(lambda: "실시간" in lee.text(".mw-nav"), "in Korean")

        # her open page asks her to sign in when an admin removes her
        owner.resize(DESKTOP)
        owner.see("[aria-label='Remove 이 하나']").click()
        owner.click("Remove")
        owner.until(lambda: len(owner.all(".mw-person")) == 1, "she is gone")
        lee.until(lambda: lee.all("input[name=password]"), "her page asks who she is")
        keep(lee, "ended-ko")
        sign_in(lee, "이 하나", OTHER)
        lee.until(lambda: "올바르지 않습니다" in lee.text("[role=alert]"), "she is unknown")

        # the only admin stays one; who signs out is out
        sign_in(lee, "kim", PASSWORD)
        lee.until(lambda: path_of(lee) == "/live", "Kim is in")
        assert f"{address}people" in [e.get_attribute("href") for e in lee.all(".mw-nav a")]
        lee.go(f"{address}people")
        lee.see("[aria-label='kim 님 삭제']").click()
        lee.click("삭제")
        lee.until(lambda: "유일한 관리자" in lee.text(".q-notification"), "the only admin")
        assert users.get("kim") is not None
        lee.go(f"{address}logout")
        assert "로그아웃했습니다" in lee.see("[role=status]").text
        lee.go(f"{address}people")
        lee.see("input[name=password]")
    log = (tmp_path / "log").read_text()
    assert PASSWORD not in log
    assert OTHER not in log
    assert link.partition("token=")[2] not in log
