"""Two replays of one clip, with models that know faces by their colour."""

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from harness import by_colour
from harness.by_colour import BARE, MASKED, UNSURE
from harness.footage import cut_off

from maskwatch.app import compare as module
from maskwatch.app.compare import Side, compare, with_model
from maskwatch.app.footage import ReplayPlan
from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, ModelError, SourceError
from maskwatch.evaluation.document import page

SIZE = (320, 240)


@pytest.fixture
def models():
    return by_colour.models()


@pytest.fixture
def clip(write_video):
    """Six seconds: a bare face left, one that is taken for masked by a hair in the middle, a masked one right."""

    def picture(number):
        rgb = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        for left, colour in ((20, BARE), (130, UNSURE), (240, MASKED)):
            rgb[90 + number % 3 : 150 + number % 3, left : left + 50] = colour
        return rgb

    return write_video("clip.mp4", [picture(number) for number in range(60)])


def side(name, clip, models, yaml=""):
    settings = configuration.parse(yaml, name, {}).defaults
    return Side(name, ReplayPlan("door", Address(str(clip)), settings, None), models)


@contextmanager
def silent(what, total):
    yield lambda: None


def of(report, kind):
    return [each for each in report.facts["differences"] if each["kind"] == kind]


def test_the_same_settings_give_no_difference(clip, models):
    report, broken = compare(side("a", clip, models), side("b", clip, models), silent)
    assert broken is None
    assert report.title.startswith("No difference")
    assert report.facts["differences"] == []
    assert report.facts["a"] | {"name": ""} == report.facts["b"] | {"name": ""}
    assert report.facts["a"]["people"]["followed"] == 3
    assert [alert["at"] for alert in report.facts["a"]["alerts"]] == [pytest.approx(1.0, abs=0.2)]


def test_another_threshold_judges_one_person_otherwise(clip, models):
    a = side("a", clip, models, "alert: {protected_ratio: 0.5}")
    b = side("b", clip, models, "alert: {protected_ratio: 0.5}\nclassify: {protected_at: 0.8}")
    report, _ = compare(a, b, silent)
    (otherwise,) = of(report, "judged_otherwise")
    assert "mask in A, no mask in B" in otherwise["text"]
    assert of(report, "alert_gained")
    assert not of(report, "alert_lost")
    assert report.facts["b"]["under_alone_s"] > 4
    assert report.facts["a"]["under_alone_s"] == 0
    html = page(report).decode()
    assert html.count("data:image/jpeg") == len(report.facts["differences"])


def test_who_is_ignored_is_seen_by_the_other_alone(clip, models):
    left = "ignore: [[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]]"
    report, _ = compare(side("a", clip, models), side("b", clip, models, left), silent)
    (gone,) = of(report, "person_only_in_a")
    assert "no mask" in gone["text"]
    assert len(of(report, "alert_lost")) == 1
    back, _ = compare(side("b", clip, models, left), side("a", clip, models), silent)
    assert (len(of(back, "person_only_in_b")), len(of(back, "alert_gained"))) == (1, 1)


@pytest.mark.parametrize(("level", "pictures"), [("full", True), ("blur", True), ("aggregate", False)])
def test_pictures_show_as_much_as_the_stricter_of_both_allows(clip, models, level, pictures, monkeypatch):
    drawn = []

    def keep(rgb, *_):
        drawn.append(rgb)
        return rgb

    monkeypatch.setattr(module, "side_by_side", keep)
    a = side("a", clip, models, f"privacy: {level}")
    report, _ = compare(a, side("b", clip, models, "classify: {protected_at: 0.8}"), silent)
    assert of(report, "judged_otherwise")
    assert ("data:image/jpeg" in page(report).decode()) == bool(drawn) == pictures
    for rgb in drawn:
        inside = rgb[95:145, 20:70].reshape(-1, 3)  # of the bare face
        is_bare = (np.abs(inside.astype(int) - BARE).max(axis=1) < 40).all()
        assert is_bare == (level == "full")  # else its outline is lost in what is around it


def test_an_alert_that_comes_later_is_moved(clip, models):
    report, _ = compare(side("a", clip, models), side("b", clip, models, "alert: {for_s: 3}"), silent)
    (moved,) = report.facts["differences"]
    assert moved["kind"] == "alert_moved"
    assert moved["text"].endswith("later")


def test_both_replays_and_the_pictures_show_how_far_they_are(clip, models):
    seen = {}

    @contextmanager
    def counting(what, total):
        seen[what] = [total, 0]

        def advance():
            seen[what][1] += 1

        yield advance

    left = "ignore: [[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]]"
    compare(side("one", clip, models), side("two", clip, models, left), counting)
    assert (seen["A: one"], seen["B: two"]) == ([60, 60], [60, 60])
    total, done = seen["pictures"]
    assert total == done <= 60


def test_footage_that_breaks_off_is_compared_as_far_as_it_goes(write_video, models, tmp_path):
    noise = [
        np.random.default_rng(n).integers(90, 130, (120, 160, 1)).repeat(3, axis=2).astype(np.uint8)
        for n in range(60)
    ]
    for rgb in noise:
        rgb[30:80, 30:70] = BARE
    whole = write_video("whole.avi", noise, codec="mjpeg", pix_fmt="yuvj420p")
    cut = cut_off(whole, tmp_path)
    report, broken = compare(
        side("a", cut, models), side("b", cut, models, "alert: {protected_ratio: 0}"), silent
    )
    assert isinstance(broken, SourceError)
    assert "cut.mp4" in report.facts["broken"]
    assert report.warning == report.facts["broken"]
    assert of(report, "alert_lost")
    assert report.facts["a"]["frames"] < 50


def test_what_is_no_footage_is_an_error(models, tmp_path):
    with pytest.raises(SourceError, match=r"nothing\.mp4"):
        compare(
            side("a", tmp_path / "nothing.mp4", models), side("b", tmp_path / "nothing.mp4", models), silent
        )


def test_weights_are_known_by_what_is_in_the_file(tmp_path):
    from maskwatch.platform.package_data import shipped

    config = replace(configuration.default(), models=SimpleNamespace(dir=tmp_path / "models"))
    detector, classifier = tmp_path / "x.safetensors", tmp_path / "y.safetensors"
    shutil.copy(shipped("models/detector.safetensors"), detector)
    shutil.copy(shipped("models/classifier.safetensors"), classifier)
    settings, _ = with_model(str(detector), config.defaults, config)
    assert (settings.detect.weights, settings.classify.weights) == (str(detector), None)
    settings, _ = with_model(str(classifier), config.defaults, config)
    assert (settings.detect.weights, settings.classify.weights) == (None, str(classifier))
    assert with_model("stock", config.defaults, config)[0].detect.weights == "stock"
    assert with_model("shipped", config.defaults, config)[1].files.version == "shipped"
    with pytest.raises(ModelError, match="no version 'v9'"):
        with_model("v9", config.defaults, config)
    with pytest.raises(ConfigError, match=r"detect\.weights: is set"):
        with_model(
            "shipped",
            settings.model_copy(update={"detect": settings.detect.model_copy(update={"weights": "x"})}),
            config,
        )
    for content in (b"", b"dear diary", b"\x02" + bytes(7) + b"{}"):
        (tmp_path / "z.safetensors").write_bytes(content)
        with pytest.raises(ModelError, match=r"z\.safetensors"):
            with_model(str(tmp_path / "z.safetensors"), config.defaults, config)
    with pytest.raises(ModelError, match=r"missing\.safetensors"):
        with_model(str(tmp_path / "missing.safetensors"), config.defaults, config)


@pytest.mark.integration
@pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("chromedriver") is None,
    reason="chromium and chromium-driver are not installed (the README's test command installs them)",
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_one_file_that_a_browser_shows_in_light_and_dark(clip, models, tmp_path, scheme):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    left = "ignore: [[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]]"
    report, _ = compare(side("a", clip, models), side("b", clip, models, left), silent)
    path = tmp_path / "out.html"
    path.write_bytes(page(report))
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1100,900"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
        browser.get(f"file://{path}")
        widths = browser.execute_script(
            "return [...document.images].map(i => i.complete ? i.naturalWidth : 0)"
        )
        loaded = browser.execute_script(
            "return performance.getEntriesByType('resource').map(r => r.name.slice(0, 5))"
        )
        wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
        shot = cv2.imdecode(np.frombuffer(browser.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR)
    finally:
        browser.quit()
    assert len(widths) == len(report.facts["differences"]) > 1
    assert min(widths) > 600
    assert set(loaded) <= {"data:"}
    assert not wide
    assert bool(shot[5, 5].mean() > 200) == (scheme == "light")


@pytest.mark.integration
def test_the_command_writes_files_for_nobody_else_and_says_what_differs(demo_clip, tmp_path, maskwatch):
    short = tmp_path / "short.mp4"
    with av.open(str(demo_clip)) as source, av.open(str(short), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts * packet.time_base < 2:
                packet.stream = stream
                target.mux(packet)
    for name, for_s in (("a", 1), ("b", 60)):
        (tmp_path / f"{name}.yaml").write_text(
            f"cameras: {{door: {{source: {short}, alert: {{for_s: {for_s}}}}}}}\n"
        )
    files = [tmp_path / "out.html", tmp_path / "out.json"]
    both = ["replay", short, "--compare", tmp_path / "a.yaml", tmp_path / "b.yaml", "--camera", "door"]
    done = maskwatch(*both, "--html", files[0], "--json", files[1])
    assert done.returncode == 0, done.stderr
    assert "B differs from A" in done.stdout
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o600", "0o600"]
    facts = json.loads(files[1].read_text())
    assert [each["kind"] for each in facts["differences"]] == ["alert_lost"]
    assert re.search(r"wrote .*out\.html", done.stdout)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--compare", "a.yaml", "b.yaml", "-o", "x.mp4"], "--output: is of one replay"),
        (["--html", "x.html"], "--html: needs --compare"),
        (["--compare", "shipped", "stock", "--camera", "door"], "--camera: needs a configuration"),
        (["--compare", "missing.yaml", "shipped"], "missing.yaml"),
    ],
)
def test_what_does_not_go_together_is_said_with_the_option(options, said, maskwatch, tmp_path):
    done = maskwatch("replay", "clip.mp4", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
