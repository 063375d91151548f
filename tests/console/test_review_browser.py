"""The review page as a person meets it: a real browser, its mouse and its keyboard."""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from itertools import combinations

import cv2
import numpy as np
import pytest
from harness.axe import grave_faults
from harness.browser import PHONE, Person
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.output import demo_clip as demo
from maskwatch.samples.store import Queue
from maskwatch.samples.team import Status, Team, read_team

SIZE = (640, 360)
TOKEN = "correct horse battery"
SHOWN = "const s = document.querySelector('.mw-stage svg'); return s && s.dataset.loaded === 'true' ? s.dataset.sample : null"


@pytest.fixture(scope="module")
def images():
    """A bare and a masked person in a plain room, and the face's box."""
    scale = 0.4
    box = Box(*(scale * v for v in demo.FACE)).moved(100, 60)
    made = []
    for person in (demo.portrait(), demo.with_mask(demo.portrait(), demo.FACE)):
        rgb = np.full((SIZE[1], SIZE[0], 3), (190, 200, 205), np.uint8)
        small = cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rgb[60 : 60 + small.shape[0], 100 : 100 + small.shape[1]] = small
        made.append(rgb)
    return made, box


@pytest.fixture
def queue(tmp_path, images):
    """Make a queue with so many samples, of two cameras in turn."""
    rgbs, box = images

    def make(count):
        made = Queue(tmp_path / "queue")
        for number in range(count):
            masked = number % 3 == 0
            camera = "정문 3층" if number % 2 else "entrance"
            faces = (
                Face(box, 0.93, 0.55 if masked else 0.4, Label.PROTECTED if masked else Label.UNPROTECTED),
                Face(Box(420, 100, 470, 160), 0.61, 0.45, Label.UNPROTECTED),
            )
            frame = Frame(camera, "clip.mp4", number, number / 5, rgbs[masked])
            report = FrameReport(camera, "clip.mp4", number, number / 5, SIZE, faces)
            made.add(frame, report, ("classifier", "detector") if number % 4 == 0 else ("classifier",))
        return made

    return make


@contextmanager
def serving(folder, *arguments, link=False):
    """The command in a process of its own; gives its address, or the `link` that it prints. It ends by Ctrl-C, in order."""
    command = [
        sys.executable,
        "-m",
        "maskwatch",
        "queue",
        "review",
        "--dir",
        str(folder),
        "--port",
        "0",
        *arguments,
    ]
    log = folder.parent / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"MASKWATCH_REVIEW_TOKEN": TOKEN},
        ) as process,
    ):
        try:
            told = process.stdout.readline()
            assert "http://" in told, log.read_text()
            yield re.search(r"http://\S+" if link else r"http://[^\s?]+", told).group()
        finally:
            process.send_signal(signal.SIGINT)
            ended = process.wait(timeout=20)
    assert ended == 0
    assert "ERROR" not in log.read_text()
    assert "Traceback" not in log.read_text()


class Labeller(Person):
    """Somebody who labels pictures, and knows the token."""

    def go(self, address):
        super().go(address)
        if asked := self.all("input[name=token]"):
            asked[0].send_keys(TOKEN + Keys.ENTER)
            self.until(lambda: not self.all("input[name=token]") and self.all(".mw-bar"), "signed in")
            super().go(address)

    def introduce(self, name):
        field = self.see(".q-dialog input")
        self.until(
            lambda: self.run("return document.activeElement === arguments[0]", field),
            "the field has the focus",
        )
        field.send_keys(name + Keys.ENTER)
        self.until(lambda: not self.all(".q-dialog"), "the dialog closes")

    def sample(self):
        """The id of the picture that is shown and loaded; None while none is."""
        return self.run(SHOWN)

    def image(self, but=None):
        return self.until(lambda: (found := self.sample()) and found != but and found, "another picture")

    def boxes(self):
        script = (
            "return [...document.querySelectorAll('.mw-shade')].sort((a, b) => a.dataset.mark - b.dataset.mark)"
            ".map(r => ['x', 'y', 'width', 'height'].map(n => +r.getAttribute(n)))"
        )
        return [Box(x, y, x + width, y + height) for x, y, width, height in self.run(script)]

    def labels(self):
        return self.run(
            "return [...document.querySelectorAll('.mw-choice.mw-chosen')].map(b => b.innerText.slice(1).trim())"
        )

    def drag(self, start, end):
        """From one point of the picture to another, in the picture's pixels."""
        script = """
            const svg = document.querySelector('.mw-stage svg'), m = svg.getScreenCTM();
            return arguments[0].map(([x, y]) => { const p = new DOMPoint(x, y).matrixTransform(m); return [p.x, p.y]; })"""
        (x1, y1), (x2, y2) = self.run(script, [start, end])
        mouse = ActionChains(self.browser, duration=30)
        pointer = mouse.w3c_actions.pointer_action
        pointer.move_to_location(round(x1), round(y1))
        pointer.pointer_down()
        pointer.move_to_location(round((x1 + x2) / 2), round((y1 + y2) / 2))
        pointer.move_to_location(round(x2), round(y2))
        pointer.pointer_up()
        mouse.perform()


@pytest.fixture(scope="module")
def person_kind():
    return Labeller


def close_to(box, *expected):
    return box == pytest.approx(expected, abs=2.5)


@pytest.mark.timeout(400)
def test_a_hundred_pictures_are_labelled_by_keyboard_and_a_reload_keeps_them(queue, person, tmp_path):
    made = queue(100)
    keys = {
        "1": AnnotationLabel.PROTECTED,
        "2": AnnotationLabel.UNPROTECTED,
        "3": AnnotationLabel.WORN_WRONG,
        "5": AnnotationLabel.UNKNOWN,
    }
    expected = {}
    with serving(tmp_path / "queue") as address:
        kim = person()
        kim.go(address)
        kim.introduce("김하나")
        kim.click("Label")
        kim.image()
        began = time.monotonic()
        last = None
        for number in range(100):
            last = kim.image(but=last)
            first, second = (list(keys)[(number + shift) % 4] for shift in (0, number // 4))
            expected[last] = (keys[first], keys[second])
            kim.press(first, second, Keys.ENTER)
        kim.until(lambda: "That was the last one" in kim.text(".q-dialog"), "the end")
        a_minute = 100 / (time.monotonic() - began) * 60
        kim.go(address)
        kim.until(lambda: len(kim.all(".mw-done")) == 48, "a page of labelled ones")
        assert not kim.all(".q-dialog")  # the name is asked once
        assert "100 of 100 labelled · 100 by you today" in kim.text(".mw-progress")
        assert "정문 3층" in kim.text(".mw-grid")
    print(f"{a_minute:.0f} pictures a minute")
    assert a_minute >= 20
    kept = {sample.id: sample.labels for sample in made.samples()}
    assert {each: tuple(m.label for m in labels.faces) for each, labels in kept.items()} == expected
    assert {labels.by for labels in kept.values()} == {"김하나"}


def test_boxes_are_drawn_moved_resized_and_removed_by_mouse(queue, person, tmp_path, images):
    made, face = queue(2), images[1]
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        kim.see(".mw-card").click()
        sample_id = kim.image()
        assert [
            close_to(box, *each) for box, each in zip(kim.boxes(), (face, (420, 100, 470, 160)), strict=True)
        ] == [1, 1]
        kim.drag((520, 200), (600, 300))
        kim.until(lambda: len(kim.boxes()) == 3, "a new box")
        assert close_to(kim.boxes()[2], 520, 200, 600, 300)
        kim.drag((560, 250), (500, 280))
        kim.until(lambda: close_to(kim.boxes()[2], 460, 230, 540, 330), "the box moves")
        kim.drag((540, 330), (520, 300))
        kim.until(lambda: close_to(kim.boxes()[2], 460, 230, 520, 300), "its corner moves")
        kim.all(".mw-face")[2].find_element(By.CSS_SELECTOR, ".mw-choice.mw-worn_wrong").click()
        kim.until(lambda: kim.labels()[2:] == ["worn wrong"], "the label")
        kim.all(".mw-face")[1].find_element(By.CSS_SELECTOR, ".mw-choice.mw-not_a_face").click()
        kim.until(lambda: len(kim.boxes()) == 2, "one less")
        kim.click("Accept, next")
        kim.image(but=sample_id)
        kim.go(address)
        kim.see(".mw-done")
    faces = made.sample(sample_id).labels.faces
    assert [mark.label for mark in faces] == [AnnotationLabel.PROTECTED, AnnotationLabel.WORN_WRONG]
    assert close_to(faces[1].box, 460, 230, 520, 300)


def test_boxes_are_made_and_changes_undone_by_keyboard_also_what_was_saved(queue, person, tmp_path):
    made = queue(3)
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        kim.see(".mw-card").click()
        first = kim.image()
        kim.press("b")
        kim.until(lambda: len(kim.boxes()) == 3, "a new box")
        before = kim.boxes()[2]
        kim.press("d", "s")
        ActionChains(kim.browser).key_down(Keys.SHIFT).send_keys("d").key_up(Keys.SHIFT).perform()
        kim.until(lambda: kim.boxes()[2].width > before.width, "it moves and grows")
        assert kim.boxes()[2].x1 > before.x1
        assert kim.boxes()[2].y1 > before.y1
        kim.press("zzz")
        kim.until(lambda: kim.boxes()[2] == before, "all three steps back")
        kim.press("4")
        kim.until(lambda: len(kim.boxes()) == 2, "not a face")
        kim.run(
            "window.dispatchEvent(new KeyboardEvent('keydown', {key: 'ㅋ', code: 'KeyZ'}))"
        )  # z with Hangul on
        kim.until(lambda: len(kim.boxes()) == 3, "undone")
        kim.press("2", Keys.TAB, "3", Keys.ENTER)  # a box that was drawn takes no label by itself
        second = kim.image(but=first)
        kim.until(lambda: made.sample(first).labels is not None, "saved")
        assert [m.label.value for m in made.sample(first).labels.faces] == [
            "worn_wrong",
            "unprotected",
            "unprotected",
        ]
        kim.press("z")
        kim.image(but=second)
        assert kim.sample() == first
        assert made.sample(first).labels is None
        assert len(kim.boxes()) == 2
        kim.press("5", "n")  # moving on keeps what was changed
        kim.image(but=first)
        kim.press("n")
        kim.image(but=second)
        kim.press("p")
        kim.until(lambda: kim.sample() == second, "back")
        kim.press("?")
        kim.until(lambda: "Keys on a picture" in kim.text(".q-dialog"), "help")
        kim.press(Keys.ESCAPE)
        kim.until(lambda: not kim.all(".q-dialog"), "help closes")
        kim.press("g")
        kim.see(".mw-grid")
    assert [sample.labels is not None for sample in made.samples()] == [True, False, False]


@pytest.mark.parametrize("overwrite", [False, True], ids=["theirs", "mine"])
def test_two_people_at_one_picture_do_not_overwrite_each_other_unasked(queue, person, tmp_path, overwrite):
    made = queue(2)
    (sample_id, _) = [sample.id for sample in made.samples()]
    with serving(tmp_path / "queue") as address:
        kim, lee = person(), person()
        for each, name in ((kim, "김하나"), (lee, "Lee")):
            each.go(f"{address}queue/sample/{sample_id}")
            each.introduce(name)
            each.image()
        lee.until(lambda: "Also opened by 김하나" in lee.text(".mw-facts"), "who else is here")
        kim.press("3", Keys.ENTER)
        kim.image(but=sample_id)
        kim.until(lambda: made.sample(sample_id).labels is not None, "saved")
        lee.press("5", "5", Keys.ENTER)
        lee.until(lambda: "김하나 saved first" in lee.text(".mw-conflict"), "the conflict")
        assert "saved: 1 unprotected, 1 worn wrong" in lee.text(".mw-conflict")
        assert re.search(r"at \d\d:\d\d:\d\d", lee.text(".mw-conflict"))
        assert made.sample(sample_id).labels.by == "김하나"
        lee.click("Overwrite with mine" if overwrite else "See the labels of 김하나")
        if overwrite:
            lee.until(lambda: made.sample(sample_id).labels.by == "Lee", "overwritten")
        else:
            lee.until(
                lambda: lee.sample() == sample_id and lee.labels() == ["worn wrong", "unprotected"], "theirs"
            )
    labels = made.sample(sample_id).labels
    assert (labels.by, labels.revision) == (("Lee", 2) if overwrite else ("김하나", 1))
    assert [mark.label.value for mark in labels.faces] == (
        ["unknown"] * 2 if overwrite else ["worn_wrong", "unprotected"]
    )


def test_two_people_who_go_on_get_different_pictures(queue, person, tmp_path):
    made = queue(6)
    order = [sample.id for sample in made.samples()]
    with serving(tmp_path / "queue") as address:
        kim, lee = person(), person()
        kim.go(f"{address}queue/sample/{order[0]}?state=waiting")
        kim.introduce("Kim")
        lee.go(f"{address}queue/sample/{order[1]}?state=waiting")
        lee.introduce("Lee")
        assert (kim.image(), lee.image()) == (order[0], order[1])
        kim.press(Keys.ENTER)
        assert kim.image(but=order[0]) == order[2]  # the second is Lee's
        lee.press(Keys.ENTER)
        assert lee.image(but=order[1]) == order[3]
    assert [sample.labels and sample.labels.by for sample in made.samples()] == [
        "Kim",
        "Lee",
        None,
        None,
        None,
        None,
    ]


def test_filters_stay_in_the_address(queue, person, tmp_path):
    queue(60)
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        kim.until(lambda: len(kim.all(".mw-card")) == 48, "the first page")
        kim.see(".q-pagination button[aria-label='2']").click()
        kim.until(lambda: len(kim.all(".mw-card")) == 12, "the second page")
        kim.see(".mw-filters .mw-by-camera").click()
        kim.until(lambda: [e for e in kim.all(".q-menu .q-item") if e.text == "정문 3층"], "the choice")[
            0
        ].click()
        kim.until(lambda: len(kim.all(".mw-card")) == 30, "one camera's")
        kim.see(".mw-filters input[aria-label='search id']").send_keys("-00000")
        kim.until(lambda: len(kim.all(".mw-card")) == 5, "found")
        kim.browser.refresh()
        kim.until(lambda: len(kim.all(".mw-card")) == 5, "the same after a reload")
        assert "0 of 5 labelled" in kim.text(".mw-progress")
        kim.see(".mw-card").click()
        kim.image()
        assert "1 of 5" in kim.text(".mw-facts")
        kim.press(Keys.ESCAPE)
        kim.until(lambda: len(kim.all(".mw-card")) == 5, "back with the filters")
        kim.see(".mw-filters input[aria-label='search id']").send_keys("none such")
        kim.until(lambda: "No pictures match these filters" in kim.text(".mw-empty"), "nothing")
        kim.click("Show all")
        kim.until(lambda: len(kim.all(".mw-card")) == 48, "all again")


def test_own_pictures_are_added_with_their_faces(person, tmp_path, bare):
    for name, suffix in (("복도 1", ".png"), ("two", ".jpg")):
        (tmp_path / f"{name}{suffix}").write_bytes(cv2.imencode(suffix, bare[..., ::-1])[1].tobytes())
    (tmp_path / "queue").mkdir()
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        assert "The queue is empty" in kim.see(".mw-empty").text
        kim.click("Add pictures")
        kim.see(".q-uploader")
        files = f"{tmp_path / '복도 1.png'}\n{tmp_path / 'two.jpg'}"
        kim.until(lambda: kim.all(".q-uploader input[type=file]"), "the field")[0].send_keys(files)
        kim.until(lambda: len(kim.all(".mw-card")) == 2, "both are there", seconds=120)
    samples = Queue(tmp_path / "queue").samples()
    assert {sample.report.source for sample in samples} == {"복도 1.png", "two.jpg"}
    assert {sample.report.camera for sample in samples} == {"uploads"}
    assert [len(sample.report.faces) for sample in samples] == [1, 1]
    assert {sample.report.faces[0].label for sample in samples} == {Label.UNPROTECTED}


def test_the_token_and_the_printed_link_open_the_page_and_stand_nowhere(queue, person, tmp_path):
    queue(2)
    with serving(tmp_path / "queue", "--by", "kim", link=True) as link:
        address = link.partition("?")[0]
        kim, lee, park = person(), person(), person()
        kim.browser.get(address)
        kim.see("input[type=password]").send_keys("a wrong guess" + Keys.ENTER)
        assert kim.until(lambda: kim.text("[role=alert]")) == "That is not the token."
        kim.see("input[type=password]").send_keys(TOKEN + Keys.ENTER)
        kim.see(".mw-card").click()
        kim.image()
        kim.press(Keys.ENTER)
        assert kim.until(lambda: "1 of 2 labelled" in kim.text(".mw-progress"), "its websocket works")
        assert "maskwatch_" not in kim.run("return document.cookie").replace("maskwatch_reviewer", "")
        lee.browser.get(f"{address}?token={TOKEN.replace(' ', '%20')}")
        lee.see(".mw-card")
        assert "token" not in lee.browser.current_url
        park.browser.get(link)
        park.see(".mw-card")
        assert "token" not in park.browser.current_url
        lee.begin(1300, 860)
        lee.browser.get(link)  # used
        lee.see("input[type=password]")
    log = (tmp_path / "log").read_text()
    for secret in (TOKEN, "a wrong guess", link.partition("token=")[2]):
        assert secret not in log


def test_the_page_asks_nothing_of_any_other_machine(queue, person, tmp_path):
    queue(2)
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        kim.see(".mw-card").click()
        kim.image()
        messages = [json.loads(entry["message"])["message"] for entry in kim.browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    sockets = [m["params"]["url"] for m in messages if m["method"] == "Network.webSocketCreated"]
    assert len(asked) > 20
    assert sockets
    here = address.removeprefix("http://")
    assert [
        url for url in asked + sockets if not url.startswith((address, f"ws://{here}", "data:", "blob:"))
    ] == []


def test_a_telephones_window_holds_the_pages(queue, person, tmp_path):
    queue(2)
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person(500, 900)  # the narrowest that this browser goes
        kim.go(address)
        kim.see(".mw-card")
        fits = "return document.documentElement.scrollWidth <= window.innerWidth"
        assert kim.run(fits)
        kim.see(".mw-card").click()
        kim.image()
        assert kim.run(fits)
        kim.click("Accept, next")
        kim.until(lambda: "1 of 2 labelled" in kim.text(".mw-progress"), "labelled")


def test_a_failed_save_is_told_and_can_be_tried_again(queue, person, tmp_path):
    made = queue(2)
    (sample_id, _) = [sample.id for sample in made.samples()]
    record = made.image(sample_id).with_suffix(".json")
    hidden = record.with_suffix(".away")
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(f"{address}queue/sample/{sample_id}")
        kim.image()
        record.rename(hidden)
        kim.press("3", Keys.ENTER)
        kim.until(lambda: "This could not be saved" in kim.text(".q-dialog"), "told")
        hidden.rename(record)
        kim.click("Try again")
        kim.until(lambda: made.sample(sample_id).labels is not None, "saved")
    assert made.sample(sample_id).labels.faces[0].label is AnnotationLabel.WORN_WRONG


def test_a_key_that_is_pressed_too_often_labels_nothing_twice_or_unseen(queue, person, tmp_path):
    made = queue(12)
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(f"{address}queue/sample/{made.samples()[0].id}?state=waiting")
        kim.image()
        enter = (
            "for (let n = 0; n < 8; n++) window.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))"
        )
        kim.run(enter)
        second = kim.until(lambda: (now := kim.sample()) != made.samples()[0].id and now, "the next")
        kim.run(enter)
        kim.image(but=second)
        kim.until(lambda: "2 of 12 labelled" in kim.text(".mw-progress"), "two are counted")
        assert not kim.all(".q-dialog")
    assert [sample.revision for sample in made.samples()] == [1, 1] + [0] * 10


def test_a_dashed_box_becomes_a_face_by_a_click_and_the_page_says_why_it_is_there(person, tmp_path, images):
    rgbs, box = images
    made = Queue(tmp_path / "queue")
    for number, reasons in enumerate((("classifier",), ("near_miss", "gap"))):
        misses = (Face(box, 0.41), Face(Box(420, 100, 470, 160), 0.3))[: 2 * number]
        report = FrameReport("door", "clip.mp4", number, number / 5, SIZE, (), near_misses=misses)
        made.add(Frame("door", "clip.mp4", number, number / 5, rgbs[0]), report, reasons)
    missed = made.samples()[1].id
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(address)
        kim.click("Label")
        assert kim.image() == missed
        assert "seen just before and just after" in kim.text(".mw-why")
        assert kim.boxes() == []
        assert len(kim.all(".mw-suggestion rect")) == 2
        if folder := os.environ.get("MASKWATCH_SCREENSHOTS"):
            kim.browser.save_screenshot(f"{folder}/dashed.png")
        kim.see(f".mw-suggestion rect[x='{box.x1:g}']").click()
        kim.until(lambda: len(kim.boxes()) == 1, "the dashed box is a face")
        assert close_to(kim.boxes()[0], *box)
        assert len(kim.all(".mw-suggestion rect")) == 1
        kim.press("2")
        kim.until(lambda: kim.labels() == ["unprotected"], "the label")
        kim.press(Keys.ENTER)
        kim.image(but=missed)
    (face,) = made.sample(missed).labels.faces
    assert close_to(face.box, *box)
    assert face.label is AnnotationLabel.UNPROTECTED


def test_a_reload_loses_nothing_and_control_z_goes_on_after_it(queue, person, tmp_path):
    made = queue(2)
    first = made.samples()[0].id

    def control(*keys, shift=False):
        held = (Keys.CONTROL, Keys.SHIFT) if shift else (Keys.CONTROL,)
        chain = ActionChains(kim.browser)
        for key in held:
            chain.key_down(key)
        chain.send_keys(*keys)
        for key in held:
            chain.key_up(key)
        chain.perform()

    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(f"{address}queue/sample/{first}")
        kim.image()
        kim.press("3")
        kim.drag((520, 200), (600, 300))
        kim.until(lambda: len(kim.boxes()) == 3, "a new box")
        assert kim.labels() == ["worn wrong", "unprotected"]
        kim.browser.refresh()
        kim.image()
        kim.until(lambda: len(kim.boxes()) == 3, "the box is still there")
        assert close_to(kim.boxes()[2], 520, 200, 600, 300)
        assert kim.labels() == ["worn wrong", "unprotected"]
        kim.go(f"{address}queue")
        kim.until(lambda: "not saved yet" in kim.text(".mw-grid"), "the card tells of it")
        kim.go(f"{address}queue/sample/{first}")
        kim.image()
        kim.until(lambda: len(kim.boxes()) == 3, "and later, too")
        control("z")
        kim.until(lambda: len(kim.boxes()) == 2, "one step back")
        control("z")
        kim.until(lambda: kim.labels() == ["protected", "unprotected"], "two steps back")
        control("z", shift=True)
        control("z", shift=True)
        kim.until(lambda: len(kim.boxes()) == 3 and kim.labels()[0] == "worn wrong", "and forth again")
        assert made.sample(first).labels is None


def test_a_drawn_box_asks_for_its_label_and_is_not_accepted_without(queue, person, tmp_path):
    made = queue(2)
    first = made.samples()[0].id
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(f"{address}queue/sample/{first}")
        kim.image()
        kim.drag((520, 200), (600, 300))
        assert "Which is it?" in kim.see(".mw-ask").text
        kim.press(Keys.ENTER)
        kim.until(lambda: "1 boxes have no label yet" in kim.text(".q-notifications"), "refused")
        kim.press("n")
        assert kim.sample() == first
        assert made.sample(first).labels is None
        kim.see(".mw-ask .mw-worn_wrong").click()
        kim.until(lambda: not kim.all(".mw-ask"), "it has one")
        kim.press(Keys.ENTER)
        kim.image(but=first)
        kim.until(lambda: made.sample(first).labels is not None, "saved")
    assert [mark.label.value for mark in made.sample(first).labels.faces] == [
        "protected",
        "unprotected",
        "worn_wrong",
    ]


def touch(person, kind, *points):
    """Fingers on the screen, each a point of the page."""
    told = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    person.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})


def test_on_a_telephone_two_fingers_look_closer_and_one_tap_beside_a_small_box_means_it(
    person, tmp_path, images
):
    made = Queue(tmp_path / "queue")
    row = [Box(420 + 24 * n, 104, 434 + 24 * n, 122) for n in range(6)]
    faces = tuple(Face(box, 0.7, 0.6, Label.PROTECTED) for box in row)
    made.add(
        Frame("door", "a", 0, 0.0, images[0][0]), FrameReport("door", "a", 0, 0.0, SIZE, faces), ("audit",)
    )
    middle = "const r = document.querySelector('.mw-stage svg').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]"
    view = "return document.querySelector('.mw-stage svg').getAttribute('viewBox').split(' ').map(Number)"
    words = """return [...document.querySelectorAll('.mw-word')].map(t => { const r = t.getBBox(); return [r.x, r.y, r.x + r.width, r.y + r.height]; })"""
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.resize(PHONE)
        kim.go(f"{address}queue/sample/{made.samples()[0].id}")
        kim.image()
        rooms = [Box(*each) for each in kim.run(words)]
        assert 1 <= len(rooms) <= len(row)
        assert [1 for a, b in combinations(rooms, 2) if iou(a, b) > 0.05] == []  # no word lies on another
        sides = "return [...document.querySelectorAll('.mw-choice, .mw-tools button')].map(b => b.getBoundingClientRect().height)"
        assert min(kim.run(sides)) >= 44
        x, y = kim.run(middle)
        before = kim.run(view)
        touch(kim, "touchStart", (x - 30, y))
        touch(kim, "touchStart", (x - 30, y), (x + 30, y))
        touch(kim, "touchMove", (x - 60, y), (x + 60, y))
        touch(kim, "touchMove", (x - 90, y), (x + 90, y))
        closer = kim.until(lambda: (now := kim.run(view))[2] < before[2] / 2 and now, "closer")
        touch(kim, "touchMove", (x - 40, y), (x + 140, y))
        kim.until(lambda: kim.run(view)[0] < closer[0] - 20, "the picture moves with the fingers")
        touch(kim, "touchEnd")
        assert len(kim.boxes()) == len(row)  # nothing was drawn by that
        kim.press("0")
        kim.until(lambda: kim.run(view) == before, "all of it")
        spot = """const m = document.querySelector('.mw-stage svg').getScreenCTM();
            const p = new DOMPoint(arguments[0], arguments[1]).matrixTransform(m); return [p.x, p.y]"""
        x, y = kim.run(spot, row[5].x2, row[5].y2)
        touch(kim, "touchStart", (x + 9, y + 9))
        touch(kim, "touchEnd")
        kim.until(lambda: kim.all(".mw-face")[5].get_attribute("class").endswith("mw-on"), "it is selected")
        kim.run("document.querySelectorAll('.mw-face')[5].scrollIntoView({block: 'center'})")
        kim.all(".mw-face")[5].find_element(By.CSS_SELECTOR, ".mw-crop").click()
        kim.until(lambda: kim.run(view)[2] < 200, "closer to a small face")


SAID = """const row = [...document.querySelectorAll('.mw-upload')].find(e => e.querySelector('b').innerText === arguments[0]);
    return row && !row.classList.contains('mw-running') ? row.querySelector('span').innerText : null"""


def test_a_picture_that_is_refused_says_so_beside_its_name(person, tmp_path, bare):
    good = cv2.imencode(".png", bare[..., ::-1])[1].tobytes()
    files = {
        "good.png": good,
        "<b>text</b>.png": b"no picture at all",
        "bomb.png": png_of(40_000, 40_000),
        "large.png": good + bytes(25_000_001),
        "notes.txt": b"words",
    }
    (tmp_path / "queue").mkdir()
    (tmp_path / "own").mkdir()
    with serving(tmp_path / "queue", "--by", "kim") as address:
        kim = person()
        kim.go(f"{address}queue")
        kim.click("Add pictures")
        kim.see(".q-uploader")
        for name, data in files.items():
            path = tmp_path / "own" / name.replace("/", "-")
            path.write_bytes(data)
            kim.until(lambda: kim.all(".q-uploader input[type=file]"), "the field")[0].send_keys(str(path))
            told = kim.until(
                lambda name=path.name: kim.run(SAID, name), f"what became of {name}", seconds=120
            )
            files[name] = told
        if folder := os.environ.get("MASKWATCH_SCREENSHOTS"):
            kim.browser.save_screenshot(f"{folder}/uploads.png")
        # the server has the same limits, whoever sends
        large = urllib.request.Request(f"{address}queue/upload?name=x.png", bytes(25_000_001), method="POST")
        with pytest.raises((urllib.error.HTTPError, urllib.error.URLError, ConnectionError)) as refused:
            urllib.request.urlopen(large)
        assert getattr(refused.value, "code", 413) == 413
    assert files == {
        "good.png": "added, 1 faces proposed",
        "<b>text</b>.png": "refused: not a JPEG or PNG that can be read",
        "bomb.png": "refused: more than 50 million pixels",
        "large.png": "refused: larger than 25 MB",
        "notes.txt": "refused: not a JPEG or PNG that can be read",
    }
    assert len(Queue(tmp_path / "queue").samples()) == 1


def png_of(width, height):
    """A PNG that says it is this large."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


@pytest.mark.timeout(600)
def test_two_people_share_a_queue_and_their_agreement_is_shown(queue, person, tmp_path, maskwatch):
    """In two browsers: each labels her share; what both see neither sees of the other; a third decides."""
    made = queue(1)
    team = Team(("kim", "lee"))
    while sum(team.is_doubled(sample.id) for sample in made.samples()) < 3:
        queue(1)
    doubled = {sample.id for sample in made.samples() if team.is_doubled(sample.id)}
    single = [sample.id for sample in made.samples() if sample.id not in doubled]
    made.remove(single[4:], labelled=False)
    with serving(tmp_path / "queue") as address:
        people = {}
        for name in ("kim", "lee"):
            people[name] = person()
            people[name].go(f"{address}team")
            people[name].introduce(name)
            people[name].click("Take a share")
            people[name].until(
                lambda each=people[name]: "waiting for you" in each.text(".mw-panel"), "a share"
            )
        assert read_team(made.folder) == team
        for name in ("kim", "lee", "kim"):  # each her share, and the second opinions as they come due
            each = people[name]
            each.go(f"{address}team")
            each.until(lambda each=each: "wait" in each.text(".mw-panel"), "the page")
            label_share(each, made, worn_wrong=name == "lee")
        assert {s.id for s in made.samples() if s.opinions} == doubled
        kim = people["kim"]
        kim.go(f"{address}team")
        kim.until(lambda: "kim and lee" in kim.text(".mw-team"), "the agreement")
        assert grave_faults(kim) == []
        told = json.loads(maskwatch("queue", "agreement", "--dir", made.folder, "--json").stdout)
        assert told["all"]["pictures"] == 3
        assert f"{told['all']['kappa']:.2f}" in kim.text(".mw-team")
        table = maskwatch("queue", "progress", "--dir", made.folder).stdout
        assert "kim" in table
        assert "lee" in table
        disagreed = [sample for sample in made.samples() if team.status(sample) is Status.DISAGREED]
        assert disagreed
        assert not any(team.may_learn(sample) for sample in disagreed)
        decide(kim, made, team, address)
        kim.go(f"{address}queue")
        kim.see(".mw-card")
        assert grave_faults(kim) == []


def decide(kim, made, team, address):
    """On what two disagree: as the second says; then returned after all."""
    kim.see(".mw-list a").click()
    kim.image()
    kim.until(lambda: "disagree" in kim.text(".mw-verdict"), "both opinions")
    assert grave_faults(kim) == []
    kim.click("Use the labels of lee")
    kim.until(lambda: kim.labels()[0] == "worn wrong", "hers")
    decided = kim.sample()
    kim.click("Accept these labels")
    kim.until(lambda: team.status(made.sample(decided)) is Status.ACCEPTED, "accepted")
    assert made.sample(decided).labels.faces[0].label is AnnotationLabel.WORN_WRONG
    kim.go(f"{address}queue/sample/{decided}")
    kim.image()
    kim.until(lambda: "accepted by kim" in kim.text(".mw-verdict"), "said so")
    kim.click("Return")
    kim.see(".q-dialog textarea").send_keys("The mask is right.")
    kim.see(".q-dialog button:last-of-type").click()
    kim.until(lambda: team.status(made.sample(decided)) is Status.RETURNED, "returned")


def label_share(each, made, *, worn_wrong):
    """Go through what waits for that person; before each picture she sees no label that another gave."""
    if not each.run(
        "return [...document.querySelectorAll('button')].some(b => b.innerText.includes('Label my share') && !b.disabled)"
    ):
        return
    each.click("Label my share")
    last = None
    while True:
        last = each.image(but=last)
        assert each.text(".mw-state") == "waiting"
        assert each.labels() == [
            {"protected": "protected", "unprotected": "unprotected"}[face.label.value]
            for face in made.sample(last).report.faces
        ]
        if worn_wrong:
            each.press("3")
        each.press(Keys.ENTER)
        each.until(
            lambda last=last: each.sample() not in {last, None} or each.all(".q-dialog"),
            "the next, or the end",
        )
        if each.all(".q-dialog"):
            each.click("Back to the gallery")
            each.see(".mw-gallery")
            return
