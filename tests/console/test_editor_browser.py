"""Settings by mouse as a person meets them: a real browser, the console and the service beside it."""

import json
import re
from pathlib import Path

import av
import httpx
import pytest
from harness.axe import grave_faults
from harness.browser import DESKTOP, PHONE
from harness.console import console
from harness.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from maskwatch.core.events import EventKind
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.output import demo_clip as demo
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.store import Queue

SLOW_S = 120  # a service that loads models beside other work
FPS = 5
MINUTES = 20  # longer than the test takes
CONFIG = """\
# our door
cameras:
  entrance:
    source: door.mp4      # people who put masks on
    # nothing is drawn yet
alert: {sinks: [log], for_s: 1.0}   # said nowhere
motion: {gate: false}
web: {port: 0}
console: {port: 0}
"""


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """The demo's two people, over and over."""
    folder = tmp_path_factory.mktemp("footage")
    demo.write_clip(folder / "clip.mp4")
    with av.open(str(folder / "clip.mp4")) as source:
        frames = [
            frame.reformat(480, 270, "yuv420p")
            for number, frame in enumerate(source.decode(video=0))
            if number % (demo.FPS // FPS) == 0
        ]
    with av.open(str(folder / "door.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 480, 270, "yuv420p"
        for number in range(MINUTES * 60 * FPS):
            frame = av.VideoFrame.from_ndarray(frames[number % len(frames)].to_ndarray(), format="yuv420p")
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return folder / "door.mp4"


@pytest.fixture
def door(tmp_path, footage):
    """The service at its door, and a labelled sample in its queue."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "door.mp4").symlink_to(footage)
    box = Box(10, 10, 70, 80)
    faces = (Face(box, 0.9, 0.6, Label.PROTECTED), Face(Box(100, 10, 160, 80), 0.9, 0.9, Label.PROTECTED))
    report = FrameReport("entrance", "door.mp4", 1, 1.0, (480, 270), faces)
    queue = Queue(folder / "queue")
    rgb = demo.portrait()[:270, :480]
    labels = [
        Annotation(box, AnnotationLabel.UNPROTECTED),
        Annotation(faces[1].box, AnnotationLabel.PROTECTED),
    ]
    queue.label(
        queue.add(Frame("entrance", "door.mp4", 1, 1.0, rgb), report, ("classifier",)),
        labels,
        "kim",
        based_on=0,
    )
    with Service(CONFIG, folder) as service:
        service.until_logged("entrance: up", SLOW_S)
        yield service


class Editor:
    """A person at the page."""

    def __init__(self, person, link):
        self.person = person
        person.resize(DESKTOP)
        person.go(link)
        person.see(".mw-bar, main")
        self.go(re.sub(r"\?.*", "editor", link))

    def go(self, address=None):
        self.person.go(address or self.person.browser.current_url)
        self.person.until(
            lambda: self.person.run("return document.querySelector('.mw-ed-stage svg')?.dataset.seq"),
            "a picture",
            SLOW_S,
        )
        self.person.until(self.alerts, "the minute", SLOW_S)

    def use(self, tool):
        self.person.click(tool)
        self.person.see(".mw-ed-drawing")

    def drag(self, *points):
        """From the first to the last, as shares of the picture."""
        svg = self.person.see(".mw-ed-stage svg")
        self.person.run("arguments[0].scrollIntoView({block: 'center'})", svg)
        width, height = svg.size["width"], svg.size["height"]
        places = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in points]
        hand = ActionChains(self.person.browser).move_to_element_with_offset(svg, *places[0]).click_and_hold()
        for place in places[1:]:
            hand.move_to_element_with_offset(svg, *place)
        hand.release().perform()

    def click(self, *points):
        svg = self.person.see(".mw-ed-stage svg")
        for x, y in points:
            at = round((x - 0.5) * svg.size["width"]), round((y - 0.5) * svg.size["height"])
            ActionChains(self.person.browser).move_to_element_with_offset(svg, *at).click().perform()

    def undo(self):
        ActionChains(self.person.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()

    def names(self):
        return self.person.run(
            "return [...document.querySelectorAll('.mw-ed-name')].map(e => e.textContent).sort()"
        )

    def drawn(self, *names):
        self.person.until(lambda: self.names() == sorted(names), f"{names}: {self.names()}")

    def corners(self):
        return len(self.person.all(".mw-ed-grip"))

    def alerts(self):
        """In force, and tried."""
        return [int(n) for n in re.findall(r"(\d+) alert", self.person.text(".mw-ed-legend"))]

    def people(self):
        return self.person.run(
            "return [...document.querySelectorAll('.mw-ed-person text')].map(e => e.textContent)"
        )

    def message(self, text):
        self.person.until(lambda: text in self.person.text(".mw-ed-message"), text, SLOW_S)

    def focus(self, css):
        self.person.run("document.querySelector(arguments[0]).focus()", css)


def ask(service, path):
    transport = httpx.HTTPTransport(uds=str(service.folder / "events" / "service.sock"))
    with httpx.Client(transport=transport, base_url="http://service", timeout=30) as client:
        return client.get(path).json()


def zones(service):
    """Those that the people in view stand in, by the service's last report."""
    reports = ask(service, "/minute/entrance")
    return [(person["zones"], person["counted"]) for person in reports[-1]["persons"]] if reports else None


def draw_a_zone(editor):
    """A rectangle over the left person, whose place moves as a whole; corners and a name."""
    p = editor.person
    editor.use("Zone")
    editor.drag((0.02, 0.05), (0.2, 0.5), (0.48, 0.95))
    editor.drawn("zone 1")
    p.until(lambda: "not counted" in editor.people(), "the other one does not count", SLOW_S)
    editor.drag((0.48, 0.95), (0.47, 0.9))
    editor.click((0.25, 0.05))  # the middle of the upper edge: one corner more
    p.until(lambda: editor.corners() == 5, "five corners")
    editor.undo()
    p.until(lambda: editor.corners() == 4, "four corners again")
    name = p.see(".mw-ed-item input")
    name.send_keys(Keys.CONTROL, "a")
    name.send_keys("홀", Keys.ENTER)
    editor.drawn("홀")


def try_numbers(editor):
    """Under a ratio of 0 nobody is alerted about; the labels' figures follow, too."""
    p = editor.person
    p.until(lambda: editor.alerts()[0] > 0, "alerts in force", SLOW_S)
    p.until(lambda: "1.00 2/2" not in p.text(".mw-ed-figures"), "figures", SLOW_S)
    assert p.text(".mw-ed-figures tbody tr td") == "0.00 0/1"
    editor.focus("[data-number=protected_at] [tabindex], [data-number=protected_at][tabindex]")
    p.press(*[Keys.ARROW_RIGHT] * 12)
    p.until(
        lambda: "1.00 1/1" in p.text(".mw-ed-figures tbody tr td:last-child"),
        "figures that follow",
        SLOW_S,
    )
    editor.focus("[data-number=protected_ratio] [tabindex], [data-number=protected_ratio][tabindex]")
    p.press(*[Keys.PAGE_DOWN] * 8)
    p.until(lambda: editor.alerts()[1] == 0, "no alert by a ratio of 0", SLOW_S)
    assert editor.alerts()[0] > 0
    assert grave_faults(p) == []


def test_a_zone_is_drawn_saved_counted_by_and_undone_and_a_slider_changes_the_alerts(door, person, tmp_path):
    before = door.config_path.read_text()
    with console(door.config_path, log=tmp_path / "console.log") as link:
        editor = Editor(person(), link)
        p = editor.person

        draw_a_zone(editor)
        try_numbers(editor)

        # saved: what is written is shown first, all else stays, the service counts by it
        p.click("Save…")
        p.until(lambda: "protected_ratio: 0" in p.text(".mw-ed-diff"), "the difference", SLOW_S)
        assert grave_faults(p) == []
        p.click("Save and reload")
        editor.message("Saved, and in force.")
        after = door.config_path.read_text()
        kept = [line for line in before.splitlines() if line not in after.splitlines()]
        assert kept == []
        new = [line for line in after.splitlines() if line not in before.splitlines()]
        assert [line.split(":")[0].strip() for line in new] == ["zones", "classify", "alert"]
        door.until(
            lambda: {(("홀",), True), ((), False)} == {(tuple(z), c) for z, c in zones(door) or []}, SLOW_S
        )
        (told,) = EventStore.in_folder(door.folder / "events").find(
            EventFilter(kinds=[EventKind.SETTINGS]), limit=9
        )
        assert told.data["user"] == "owner"
        assert "cameras.entrance.zones.홀" in told.data["keys"]

        # and undone by one click
        p.click("Undo the last save")
        editor.message("The previous version is in force again.")
        assert door.config_path.read_text() == before
        door.until(lambda: {((), True)} == {(tuple(z), c) for z, c in zones(door) or []}, SLOW_S)
        editor.drawn()

        # what somebody else changed meanwhile is not written over
        editor.use("Line")
        editor.drag((0.2, 0.7), (0.5, 0.7), (0.8, 0.7))
        editor.drawn("line 1")
        door.config_path.write_text(f"{before}# by hand\n")
        p.click("Save…")
        p.until(lambda: "somebody else meanwhile" in p.text(".mw-ed-diff"), "refused", SLOW_S)
        assert not p.button("Save and reload").is_enabled()
        assert door.config_path.read_text() == f"{before}# by hand\n"


def use_the_keyboard(editor):
    """To add, move, and take away."""
    p = editor.person
    p.see("button[aria-label='Add in the middle']").click()
    editor.drawn("zone 1")
    editor.focus("[data-corner='0']")
    where = "return [...document.querySelector('.mw-ed-shape').points].map(q => [q.x / 480, q.y / 270])"
    begin = p.run(where)
    p.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_UP)
    p.until(
        lambda: p.run(where)[0] == pytest.approx([begin[0][0] - 0.01, begin[0][1] - 0.005], abs=2e-3),
        "moved",
    )
    assert p.run(where)[1:] == begin[1:]
    p.press("+")
    p.until(lambda: editor.corners() == 5, "a corner more")
    p.press(Keys.DELETE)
    p.until(lambda: editor.corners() == 4, "a corner less")
    assert p.run("return document.activeElement.dataset.corner") is not None
    p.press(Keys.TAB)
    assert p.run("return document.activeElement.dataset.corner") == "1"
    p.press(Keys.ESCAPE)
    p.until(lambda: editor.corners() == 0, "nothing is chosen")
    editor.focus("[data-place]")
    p.press(Keys.DELETE)
    editor.drawn()
    editor.undo()
    editor.drawn("zone 1")


def draw_corner_by_corner(editor):
    """A click on the first closes, Escape gives up; the arrow flips a line."""
    p = editor.person
    editor.use("Ignored")
    editor.click((0.1, 0.1), (0.2, 0.1), (0.2, 0.2))
    p.press(Keys.ESCAPE)
    p.until(lambda: p.all(".mw-ed-draft") == [], "given up")
    editor.click((0.1, 0.1), (0.2, 0.1), (0.2, 0.25), (0.1, 0.1))
    editor.drawn("zone 1", "Ignored")
    editor.use("Line")
    editor.click((0.2, 0.8), (0.6, 0.8))
    editor.drawn("zone 1", "Ignored", "line 1")
    tip = "return document.querySelector('.mw-ed-arrow polygon').points[0].y - document.querySelector('.mw-ed-arrow line').y1.baseVal.value"
    assert p.run(tip) > 0  # towards the lower edge: to the right of who looks right
    editor.focus(".mw-ed-arrow")
    p.press(Keys.ENTER)
    p.until(lambda: p.run(tip) < 0, "the other side")


def test_by_keyboard_and_on_a_phone_in_korean(door, person, tmp_path):
    with console(door.config_path, log=tmp_path / "console.log") as link:
        editor = Editor(person(), link)
        p = editor.person
        use_the_keyboard(editor)
        draw_corner_by_corner(editor)
        p.screenshot(tmp_path / "shots" / "desktop.png")

        p.resize(PHONE)
        p.prefer("dark")
        p.run("document.cookie = 'maskwatch_language=ko; path=/'")
        editor.person.go(p.browser.current_url)
        p.until(
            lambda: p.run("return document.querySelector('.mw-ed-stage svg')?.dataset.seq"),
            "a picture",
            SLOW_S,
        )
        p.until(lambda: "경보" in p.text(".mw-ed-legend"), "Korean", SLOW_S)
        assert p.run("return document.documentElement.scrollWidth") == PHONE[0]
        assert grave_faults(p) == []
        editor.use("구역")
        stage = p.run(
            "const r = document.querySelector('.mw-ed-stage').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
        )

        def touch(kind, x=0.0, y=0.0):
            points = (
                [] if kind == "touchEnd" else [{"x": stage[0] + x * stage[2], "y": stage[1] + y * stage[3]}]
            )
            p.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0.1, 0.2)
        for share in (0.3, 0.6):
            touch("touchMove", share, share + 0.1)
        touch("touchEnd")
        editor.drawn("zone 1")
        p.screenshot(tmp_path / "shots" / "phone.png")


def test_a_file_that_the_console_may_only_read_is_shown_to_be_pasted(door, person, tmp_path):
    folder = Path(door.folder)
    folder.chmod(0o555)
    prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "--")
    if folder.stat().st_uid != 0:
        prefix = ()
    try:
        with console(door.config_path, log=tmp_path / "console.log", prefix=prefix) as link:
            editor = Editor(person(), link)
            p = editor.person
            editor.use("Zone")
            editor.drag((0.02, 0.05), (0.2, 0.5), (0.48, 0.95))
            editor.drawn("zone 1")
            p.click("Save…")
            p.until(lambda: "zones: {zone 1: [[" in p.text(".mw-ed-diff"), "the lines", SLOW_S)
            assert "may only read it" in p.text(".mw-ed-dialog .mw-notice")
            assert not any(each.is_displayed() for each in p.all(".mw-ed-dialog .bg-primary"))
    finally:
        folder.chmod(0o755)
    assert json.dumps(door.config_path.read_text()) == json.dumps(CONFIG)
