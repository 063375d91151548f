"""The public Python interface: what a user of the package calls."""

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import maskwatch
from maskwatch.app.cameras import analyst
from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config import load as configuration
from maskwatch.config.sections import AlertSettings
from maskwatch.core.address import Address
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import CLASSIFIER, DETECTOR, Registry, Version, shipped_files
from maskwatch.output.demo_clip import FACE
from maskwatch.platform.clock import utc_now
from maskwatch.platform.settings_base import SettingsBase

PAGE = Path(__file__).parents[2] / "docs/python-interface.md"


def modules_after(code):
    """The modules that a fresh Python has loaded when it has run this."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def models():
    return maskwatch.load_detector(device="cpu"), maskwatch.load_classifier(device="cpu")


@pytest.fixture
def analyzer(models):
    return maskwatch.Analyzer(*models)


# what is loaded


def test_importing_the_package_loads_nothing_heavy():
    bare = modules_after("")
    loaded = modules_after("import maskwatch; maskwatch.__version__; dir(maskwatch)") - bare
    assert "maskwatch" in loaded
    assert {name for name in loaded if name not in sys.stdlib_module_names} == {"maskwatch"}
    assert (
        not {"typing", "asyncio", "concurrent", "email", "http", "multiprocessing", "socket", "ssl"} & loaded
    )


def test_using_the_models_loads_no_web_no_pages_no_plots_and_no_command_line():
    used = modules_after(
        "import maskwatch, numpy\n"
        "analyzer = maskwatch.Analyzer(maskwatch.load_detector(), maskwatch.load_classifier())\n"
        "list(analyzer.analyze([numpy.zeros((80, 80, 3), numpy.uint8)] * 2, fps=1))\n"
        "analyzer.predict(numpy.zeros((80, 80, 3), numpy.uint8))"
    )
    assert "torch" in used  # so the list can tell
    heavy = {"starlette", "fastapi", "uvicorn", "nicegui", "matplotlib", "typer", "rich", "prometheus_client"}
    assert not (heavy | {"torchvision", "facenet_pytorch", "tensorboard", "yaml", "pyttsx3"}) & used


def test_a_source_needs_no_torch():
    used = modules_after("import maskwatch; maskwatch.open_source('clip.mp4')")
    assert "av" in used
    assert "torch" not in used


def test_every_name_is_there_and_no_other():
    from maskwatch import api

    assert maskwatch.__all__ == api.__all__
    assert [getattr(maskwatch, name) for name in maskwatch.__all__] == [
        getattr(api, name) for name in api.__all__
    ]
    assert set(maskwatch.__all__) <= set(dir(maskwatch))
    with pytest.raises(AttributeError, match="no attribute 'load_detectors'"):
        maskwatch.load_detectors  # noqa: B018


def test_every_name_tells_what_it_is_for():
    public = [getattr(maskwatch, name) for name in maskwatch.__all__]
    methods = [maskwatch.Analyzer.predict, maskwatch.Analyzer.analyze, maskwatch.Rule.update]
    assert [each for each in (*public, *methods) if not inspect.getdoc(each)] == []


# what it sees


def test_a_picture_is_judged(analyzer, bare, masked):
    for rgb, label in ((bare, "unprotected"), (masked, "protected")):
        report = analyzer.predict(rgb)
        (face,) = report.faces
        assert face.label == maskwatch.Label(label)
        assert report.size == (512, 600)
        assert abs(face.box.centre[0] - FACE.centre[0]) < 20
    assert report.protected_ratio == 1.0


def test_a_clip_is_seen_as_the_service_replays_it(analyzer, demo_clip):
    """The same engine, gate, bounds and rule: every report and alert of a replay, to the last bit."""
    seen = []
    with replay_pipeline(
        ReplayPlan("door", Address(str(demo_clip)), configuration.default().defaults, None),
        Models(pick_device("cpu")),
        seen.append,
    ) as pipeline:
        pipeline.run()
    rule, alerts, reports = maskwatch.Rule(), [], []
    for report in analyzer.analyze(maskwatch.open_source(demo_clip, name="door")):
        reports.append(report)
        if alert := rule.update(report):
            rule.delivered(alert.at)
            alerts.append(alert)
    assert reports == [decision.report for decision in seen]
    assert {report.look for report in reports} > {"full"}  # the gate was at work
    assert alerts == [decision.alert for decision in seen if decision.alert]
    assert len(alerts) >= 1


def test_pictures_get_times_by_their_rate(analyzer, bare):
    reports = list(analyzer.analyze((bare for _ in range(3)), fps=4))
    assert [report.at for report in reports] == [0.0, 0.25, 0.5]
    assert [report.seq for report in reports] == [0, 1, 2]
    assert all(len(report.faces) == 1 for report in reports)


def test_a_report_comes_as_soon_as_its_frame(analyzer, bare):
    def frames():
        yield bare
        raise AssertionError("the second frame was asked for")

    assert next(analyzer.analyze(frames(), fps=1)).people == 1


def test_cameras_may_be_mixed(analyzer, bare, frame):
    wall = np.full_like(bare, 90)
    frames = [frame(at, camera, rgb) for at in (0.0, 0.1) for camera, rgb in (("door", bare), ("gate", wall))]
    reports = list(analyzer.analyze(frames))
    assert [(report.camera, len(report.faces)) for report in reports] == [("door", 1), ("gate", 0)] * 2
    assert [str(report.look) for report in reports] == ["full", "full", "carried", "carried"]


def test_the_settings_are_those_of_the_service(models, bare):
    (face,) = maskwatch.Analyzer(*models).predict(bare).faces
    everywhere = [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert maskwatch.Analyzer(*models, ignore=[everywhere]).predict(bare).faces == ()
    (unknown,) = maskwatch.Analyzer(*models, min_face_px=1000).predict(bare).faces
    assert (unknown.label, unknown.protected) == (maskwatch.Label.UNKNOWN, None)
    (lenient,) = maskwatch.Analyzer(*models, protected_at=face.protected / 2).predict(bare).faces
    assert lenient.label is maskwatch.Label.PROTECTED
    assert {r.look for r in maskwatch.Analyzer(*models, gate=False).analyze([bare] * 3, fps=5)} == {"full"}


def test_evaluation_judges_pictures_by_the_same_code(analyzer, masked):
    judge = analyst(configuration.default().defaults, Models(pick_device("cpu")))
    assert judge.__func__ is maskwatch.Analyzer.predict
    assert judge(masked) == analyzer.predict(masked)


def test_a_detector_of_ones_own_is_asked(models, bare):
    class Whole:
        version = "whole@1"

        def detect(self, frames):
            return [(maskwatch.Face(maskwatch.Box(*FACE), 1.0),) for _ in frames]

    report = maskwatch.Analyzer(Whole(), models[1]).predict(bare)
    assert report.models.detector == "whole@1"
    assert (report.faces[0].box, report.faces[0].label) == (FACE, maskwatch.Label.UNPROTECTED)


@pytest.mark.parametrize(
    ("called", "section"),
    [
        (maskwatch.load_detector, DetectSettings),
        (maskwatch.Analyzer, ClassifySettings),
        (maskwatch.Analyzer, MotionSettings),
        (maskwatch.Rule, AlertSettings),
    ],
    ids=["detect", "classify", "motion", "alert"],
)
def test_the_defaults_are_the_configurations(called, section: type[SettingsBase]):
    parameters = {n: p.default for n, p in inspect.signature(called).parameters.items()}
    defaults = section().model_dump()
    shared = parameters.keys() & defaults.keys()
    assert len(shared) >= 2
    assert {name: parameters[name] for name in shared} == {name: defaults[name] for name in shared}


# where the models come from


def test_files_and_the_registrys_serving_version_are_loaded(tmp_path):
    files = shipped_files()
    own = shutil.copy(files.classifier, tmp_path / "own.safetensors")
    assert maskwatch.load_classifier(own).version.startswith("own@")
    assert maskwatch.load_detector("stock").version.startswith("stock@")
    registry = Registry(tmp_path / "models")
    registry.add({DETECTOR: files.detector, CLASSIFIER: Path(own)}, Version("one", None, utc_now()))
    shutil.copytree(registry.folder / "versions/one", tmp_path / "kept")
    registry.promote("one")
    loaded = maskwatch.load_classifier(registry=registry.folder).version
    assert loaded == maskwatch.load_classifier(tmp_path / "kept" / CLASSIFIER).version
    (registry.folder / "versions/one" / CLASSIFIER).write_bytes(b"nothing")
    with pytest.raises(
        maskwatch.ModelError, match="is not what was registered"
    ):  # and no other is taken for it
        maskwatch.load_detector(registry=registry.folder)


# what is refused


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: maskwatch.load_detector("no.safetensors"), maskwatch.ModelError, "no.safetensors"),
        (lambda: maskwatch.load_classifier("no.safetensors"), maskwatch.ModelError, "no.safetensors"),
        (
            lambda: maskwatch.load_detector(registry="none"),
            maskwatch.ModelError,
            "none: there is no registry",
        ),
        (lambda: maskwatch.load_detector("a", registry="b"), maskwatch.ConfigError, "weights: "),
        (lambda: maskwatch.load_detector(device="gpu"), maskwatch.ConfigError, "device: must be one of"),
        (lambda: maskwatch.load_detector(min_face_px=2), maskwatch.ConfigError, "min_face_px: must be gre"),
        (lambda: maskwatch.load_detector(thresholds=(1, 2, 3)), maskwatch.ConfigError, "thresholds.1: must"),
        (lambda: maskwatch.load_detector(backend="onnx"), maskwatch.ConfigError, "backend: must be"),
        (lambda: maskwatch.Analyzer(0, 0, protected_at=1.5), maskwatch.ConfigError, "protected_at: must be"),
        (lambda: maskwatch.Analyzer(0, 0, min_face_px=-1), maskwatch.ConfigError, "min_face_px: must be"),
        (lambda: maskwatch.Analyzer(0, 0, full_s=0), maskwatch.ConfigError, "full_s: must be"),
        (lambda: maskwatch.Analyzer(0, 0, ignore=[[(0, 0), (1, 1)]]), maskwatch.ConfigError, "ignore: "),
        (
            lambda: maskwatch.Analyzer(0, 0, ignore=[[(0, 0), (9, 0), (9, 9)]]),
            maskwatch.ConfigError,
            "ignore: ",
        ),
        (lambda: maskwatch.Analyzer(0, 0, ignore=[[1, 2, 3]]), maskwatch.ConfigError, "ignore: "),
        (lambda: maskwatch.Analyzer(0, 0).analyze([], fps=0), maskwatch.ConfigError, "fps: must be above 0"),
        (lambda: maskwatch.open_source("a.mp4", fps=-1), maskwatch.ConfigError, "fps: must be above 0"),
        (lambda: maskwatch.open_source("ftp://u:geheim@h/x"), maskwatch.SourceError, "must be rtsp:"),
    ],
)
def test_what_cannot_be_is_refused_at_once_with_its_name(call, error, told):
    with pytest.raises(error) as refused:
        call()
    assert told in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert isinstance(refused.value, maskwatch.MaskwatchError)


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        [[1, 2, 3]],
        None,
    ],
    ids=["grey", "alpha", "floats", "empty", "list", "none"],
)
def test_what_is_no_picture_is_refused(analyzer, rgb):
    with pytest.raises(maskwatch.ImageError):
        analyzer.predict(rgb)
    with pytest.raises(maskwatch.ImageError):
        next(analyzer.analyze([rgb], fps=1))


def test_pictures_without_a_time_need_their_rate(analyzer, bare):
    with pytest.raises(maskwatch.ConfigError, match="fps: "):
        next(analyzer.analyze([bare]))


def test_a_video_that_is_not_there_is_told_when_it_is_read(analyzer, tmp_path):
    with pytest.raises(maskwatch.SourceError, match=r"none\.mp4"):
        next(analyzer.analyze(maskwatch.open_source(tmp_path / "none.mp4")))


# the page


def test_the_pages_ten_lines_run(demo_clip, bare, tmp_path, monkeypatch, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    shutil.copy(demo_clip, tmp_path / "door.mp4")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(PAGE), "exec"), {"rgb": bare})
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("0.0 [(Box(x1=")
    assert re.fullmatch(r"\d\.\d s: \d of 2 without a mask: Please wear your mask\.", told[1])


def test_what_the_page_names_is_there():
    text = PAGE.read_text()
    called = re.findall(r"\b(?:maskwatch\.)(\w+)", text.replace("maskwatch run", ""))
    assert set(called) <= set(maskwatch.__all__)
    for call in re.findall(r"`((?:load_\w+|Analyzer)\([^`]*\))`", text):
        function, arguments = re.match(r"(\w+)\((.*)\)$", call).groups()
        known = inspect.signature(getattr(maskwatch, function)).parameters
        assert set(re.findall(r"(\w+)=", arguments)) <= set(known)
    keys = re.findall(r"the configuration keys (`.*?`)\. ", text, re.DOTALL)[0]
    defaults = configuration.default().defaults
    for key in re.findall(r"`([\w.]+)`", keys):
        value = defaults
        for part in key.split("."):
            value = getattr(value, part)
