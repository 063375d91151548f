"""The live page as a person meets it: four cameras of a real service, one of them down."""

import re
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import pytest
from harness.axe import grave_faults
from harness.browser import DESKTOP, PHONE, Person
from harness.cameras import Camera, Clip, require_gstreamer
from harness.console import console
from harness.service import Service
from selenium.webdriver.common.keys import Keys

from maskwatch.core.events import Event, EventKind
from maskwatch.events.store import EventStore
from maskwatch.output import demo_clip as demo

PATIENCE_S = 90  # with other work beside it
TIMES = 40  # the demo's nine seconds: longer than the test takes
NUMBER = "return +(document.querySelector(`[data-camera='${arguments[0]}'] canvas`)?.dataset.number ?? 0)"
TEXT = "return document.querySelector(`[data-camera='${arguments[0]}']`)?.innerText ?? ''"
ALERT = Event(
    f"{7:032x}",
    EventKind.ALERT,
    0.0,
    "정문 3층",
    data={"rule": "without_mask", "people": 2, "unprotected": 1, "protected_ratio": 0.5, "say": "Please"},
)
NOTE_ALERTS = """
    window.shown = {};
    new MutationObserver(() => document.querySelectorAll('.mw-alert').forEach(each => {
        const camera = each.closest('[data-camera]').dataset.camera;
        (window.shown[camera] ??= {})[each.dataset.alert] ??= Date.now() / 1000;
    })).observe(document.body, {childList: true, subtree: true, characterData: true});
"""
COUNT_QUESTIONS = """
    window.questions = 0;
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (...a) { if (this.url.endsWith('/feed')) window.questions++; return send.apply(this, a); };
"""
HIDE = """
    Object.defineProperty(document, 'hidden', {configurable: true, value: arguments[0]});
    document.dispatchEvent(new Event('visibilitychange'));
"""


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """The demo again and again, as footage of a camera."""
    path = tmp_path_factory.mktemp("footage") / "demo.mp4"
    shown = [
        cv2.resize(rgb, (480, 270), interpolation=cv2.INTER_AREA) for rgb in islice(demo.frames(), 0, None, 3)
    ]
    demo.write_h264(path, shown * TIMES, (480, 270), 5, {"preset": "ultrafast"})
    return path


def settings(folder, footage, gate):
    entry = gate.url.replace(gate.password, "{MASKWATCH_GATE}")
    return {
        "cameras": {
            "entrance": {
                "source": str(footage),
                "zones": {"hall": [[0.01, 0.1], [0.99, 0.1], [0.99, 1], [0.01, 1]]},
                "lines": {"door": {"from": [0.5, 0.1], "to": [0.5, 0.9], "leaving": "left"}},
            },
            "정문 3층": {
                "source": str(footage),
                "privacy": "blur",
                "alert": {"say": "마스크를 착용해 주세요."},
            },
            "gate": {"source": entry},
            "canteen": {"source": str(footage), "privacy": "aggregate"},
        },
        "alert": {"sinks": ["log"], "cooldown_s": 3, "dead_after_s": 600},
        "queue": {"dir": str(folder / "queue")},
        "events": {"dir": str(folder / "events")},
        "models": {"dir": str(folder / "models")},
        "web": {"port": 0},
        "console": {"port": 0, "dir": str(folder / "console")},
    }


class Spoken(threading.Thread):
    """When the log told of an alert of a camera, Unix times."""

    def __init__(self, service, camera):
        super().__init__(daemon=True)
        self._service, self._line = service, f"{camera}: 2 of 2 people wear no mask"
        self.at, self.ends = [], threading.Event()
        self._known = service.log.count(self._line)

    def run(self):
        while not self.ends.wait(0.02):
            count = self._service.log.count(self._line)
            self.at += [time.time()] * (count - self._known)
            self._known = count


@dataclass
class Scene:
    """Somebody who looks at the live page of a running service, of whose cameras `gate` is not there at first."""

    kim: Person
    service: Service
    gate: Camera
    folder: Path

    def number(self, camera):
        """Of the picture that is shown; 0 while there is none."""
        return self.kim.run(NUMBER, camera)

    def text(self, camera):
        return self.kim.run(TEXT, camera)

    def until(self, condition, told):
        self.kim.until(condition, told, PATIENCE_S)


@pytest.mark.timeout(900)
def test_four_cameras_are_watched_by_a_person(tmp_path, footage, person):
    require_gstreamer()
    gate = Camera("gate", "a-long-password", tmp_path)
    config, environment = settings(tmp_path, footage, gate), {"MASKWATCH_GATE": gate.password}
    with ExitStack() as stack:
        stack.callback(gate.gone)
        service = stack.enter_context(Service(config, tmp_path / "service", environment))
        service.until(lambda: service.url() and service.status().up == 3, PATIENCE_S)
        link = stack.enter_context(console(service.config_path, log=tmp_path / "log"))
        events = EventStore.in_folder(tmp_path / "events")
        events.add(
            [replace(ALERT, at=time.time() + 900)]
        )  # so that it is the last, whatever happens meanwhile
        events.close()
        kim = person()
        kim.resize(DESKTOP)
        kim.go(link)
        kim.until(lambda: "token" not in kim.browser.current_url, "signed in", PATIENCE_S)
        kim.go(f"{link.split('/?')[0]}/live")
        scene = Scene(kim, service, gate, tmp_path)
        each_camera_says_what_it_has_to(scene)
        an_alert_is_there_when_it_is_spoken_and_gone_when_it_is_over(scene)
        gate.serve(Clip())
        scene.until(lambda: scene.number("gate"), "the camera is back")
        assert "Connection refused" not in scene.text("gate")
        nothing_is_asked_while_nobody_looks(scene)
        it_fits_on_the_screen(scene)
        it_is_used_by_keyboard(scene)
        it_is_read_in_korean(scene)
        assert service.terminate() == 0
        it_says_that_the_service_is_away(scene)
        again = stack.enter_context(Service(config, tmp_path / "service", environment))
        again.until(lambda: again.url() and again.status().up >= 3, PATIENCE_S)
        before = scene.number("entrance")
        scene.until(lambda: not kim.all(".mw-away") and scene.number("entrance") > before, "back by itself")
        kim.go(re.sub(r"/live.*", "/live/nowhere", kim.browser.current_url))
        scene.until(lambda: "no camera of this name" in kim.text(".mw-empty"), "no such camera")


def each_camera_says_what_it_has_to(scene):
    scene.until(lambda: scene.number("entrance") and scene.number("정문 3층"), "pictures")
    first = scene.number("entrance")
    scene.until(lambda: scene.number("entrance") > first, "the next picture")
    scene.until(lambda: "Connection refused" in scene.text("gate"), "why it is down")
    assert re.search(r"since \d\d:\d\d:\d\d \(\d+ (s|min)\)", scene.text("gate"))
    assert scene.gate.password not in scene.kim.run("return document.documentElement.outerHTML")
    assert "This camera shows counts only" in scene.text("canteen")
    assert "In view" in scene.text("canteen")
    assert (scene.number("gate"), scene.number("canteen")) == (0, 0)


def an_alert_is_there_when_it_is_spoken_and_gone_when_it_is_over(scene):
    spoken = Spoken(scene.service, "entrance")
    spoken.start()
    scene.kim.run(NOTE_ALERTS)
    scene.until(lambda: len(spoken.at) >= 3, "three alerts")
    time.sleep(3)
    spoken.ends.set()
    shown = sorted(scene.kim.run("return Object.values(window.shown['entrance'])"))
    delays = [min((at - told for at in shown if at > told - 1), default=99) for told in spoken.at]
    print("an alert is on the page", [f"{delay:.2f}" for delay in delays], "s after it is spoken")
    assert max(delays) < 5
    assert "정문 3층" in scene.kim.run("return Object.keys(window.shown)")
    scene.until(lambda: not scene.kim.all("[data-camera=entrance] .mw-alert"), "over")


def nothing_is_asked_while_nobody_looks(scene):
    kim = scene.kim
    kim.run(COUNT_QUESTIONS)
    scene.until(lambda: kim.run("return window.questions") > 1, "it asks")
    kim.run(HIDE, True)
    asked, at = kim.run("return window.questions"), scene.number("entrance")
    time.sleep(2)
    assert (kim.run("return window.questions"), scene.number("entrance")) == (asked, at)
    kim.run(HIDE, False)
    scene.until(lambda: scene.number("entrance") > at, "it asks again")


def it_fits_on_the_screen(scene):
    kim = scene.kim
    for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for look in ("light", "dark"):
            kim.resize(size)
            kim.prefer(look)
            time.sleep(1)
            kim.screenshot(scene.folder / "screens" / f"{name}-{look}.png")
            assert grave_faults(kim) == []
            assert kim.run("return document.documentElement.scrollWidth") <= size[0]
    kim.resize(DESKTOP)
    bottoms = "return [...document.querySelectorAll('.mw-cam')].map(e => e.getBoundingClientRect().bottom)"
    scene.until(lambda: max(kim.run(bottoms)) <= DESKTOP[1], "all four without scrolling")


def it_is_used_by_keyboard(scene):
    kim = scene.kim
    for key, camera in (
        (Keys.ARROW_RIGHT, "entrance"),
        (Keys.ARROW_DOWN, "gate"),
        (Keys.ARROW_UP, "entrance"),
        (Keys.ARROW_RIGHT, "정문 3층"),
    ):
        kim.press(key)
        assert kim.run("return document.activeElement.innerText") == camera
    kim.press(Keys.ENTER)
    kim.see(".mw-alone [data-camera='정문 3층']")
    scene.until(lambda: scene.number("정문 3층"), "one large")
    scene.until(lambda: "Somebody without a mask · 50% (1/2) · Please" in kim.text(".mw-today"), "its day")
    assert kim.run("return document.querySelector('.mw-today li a').search").endswith(f"&event={ALERT.id}")
    assert grave_faults(kim) == []
    kim.screenshot(scene.folder / "screens" / "one.png")
    for full in (True, False):
        kim.press("f")
        scene.until(lambda full=full: kim.run("return !!document.fullscreenElement") == full, "full screen")
    kim.press(Keys.ARROW_LEFT)
    kim.see(".mw-alone [data-camera='entrance']")
    kim.press(Keys.ESCAPE)
    scene.until(lambda: len(kim.all(".mw-cam")) == 4, "all again")


def it_is_read_in_korean(scene):
    kim = scene.kim
    kim.run("document.cookie = 'maskwatch_language=ko; path=/'; location.reload()")
    scene.until(lambda: "지금 착용" in scene.text("entrance"), "Korean")
    assert kim.run("return document.documentElement.lang") == "ko-KR"
    kim.screenshot(scene.folder / "screens" / "korean.png")
    kim.run("document.cookie = 'maskwatch_language=en; path=/'; location.reload()")
    scene.until(lambda: "With a mask" in scene.text("entrance") and scene.number("entrance"), "English again")


def it_says_that_the_service_is_away(scene):
    kim = scene.kim
    scene.until(lambda: "has not answered since" in kim.text(".mw-away"), "the service is away")
    assert kim.all(".mw-old")
    assert "With a mask now" in scene.text("entrance")
    assert grave_faults(kim) == []
    kim.screenshot(scene.folder / "screens" / "away.png")
