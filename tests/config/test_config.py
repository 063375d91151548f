import json
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskwatch.config import load as config
from maskwatch.config import wording
from maskwatch.config import yaml_document as tree
from maskwatch.config.json_schema import json_schema
from maskwatch.config.load import parse
from maskwatch.config.sections import Globals
from maskwatch.core.errors import ConfigError
from maskwatch.core.people import Line, Side
from maskwatch.platform.settings_base import _kinds

SHIPPED = Path(__file__).parents[2] / "config.yaml"
DOOR = "cameras: {door: {source: clip.mp4}}\n"


def problems(text, environment=None):
    with pytest.raises(ConfigError) as e:
        parse(text, "config.yaml", environment or {})
    return str(e.value).splitlines()


def test_the_shipped_file_loads_and_keeps_the_password_from_the_environment(monkeypatch):
    monkeypatch.setenv("MASKWATCH_ENTRANCE_PASSWORD", "hunter2")
    loaded = config.load(SHIPPED)
    entrance = loaded.cameras["entrance"]
    assert entrance.source.reveal() == "rtsp://viewer:hunter2@192.0.2.10:554/stream1"
    assert (entrance.fps, entrance.alert.protected_ratio, entrance.alert.cooldown_s) == (5, 0.75, 30)
    assert entrance.ignore == ()  # an example's area would hide faces at whoever's door copies it
    assert (loaded.device, loaded.queue.dir, loaded.queue.max_mb) == ("auto", SHIPPED.parent / "queue", 2048)


def test_the_shipped_file_says_the_defaults():
    shipped = parse(SHIPPED.read_text(), "config.yaml", {"MASKWATCH_ENTRANCE_PASSWORD": "hunter2"})
    default = config.default()
    assert shipped.queue == default.queue
    assert shipped.defaults.model_copy(update={"alert": default.defaults.alert}) == default.defaults
    assert (
        shipped.defaults.alert.model_copy(update={"say": default.defaults.alert.say})
        == default.defaults.alert
    )


def test_the_configuration_shows_no_password_when_printed():
    read = parse("cameras: {door: {source: 'rtsp://u:{MASKWATCH_P}@h/s'}}", "c", {"MASKWATCH_P": "hunter2"})
    assert "hunter2" not in repr(read)
    assert "hunter2" not in str(read.cameras["door"].source)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_is_the_defaults(text):
    read = parse(text, "config.yaml", {})
    assert read == config.default()
    assert read.cameras == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # ranges
        (
            "\n\ncameras:\n  door: {fps: -5, source: a}",
            "config.yaml:4: cameras.door.fps: must be above 0, got -5",
        ),
        ("fps: 0", "config.yaml:1: fps: must be above 0, got 0"),
        ("fps: 121", "config.yaml:1: fps: must be at most 120, got 121"),
        ("fps: .nan", "config.yaml:1: fps: must be a finite number, got nan"),
        ("alert: {protected_ratio: 1.1}", "config.yaml:1: alert.protected_ratio: must be at most 1, got 1.1"),
        ("alert:\n  min_people: 0", "config.yaml:2: alert.min_people: must be at least 1, got 0"),
        ("alert: {for_s: -1}", "config.yaml:1: alert.for_s: must be at least 0, got -1"),
        ("detect: {min_face_px: 7}", "config.yaml:1: detect.min_face_px: must be at least 8, got 7"),
        ("classify: {protected_at: 1}", "config.yaml:1: classify.protected_at: must be below 1, got 1"),
        ("queue: {max_mb: 0}", "config.yaml:1: queue.max_mb: must be above 0, got 0"),
        (
            "detect:\n  thresholds:\n  - 0.6\n  - 7\n  - 0.8",
            "config.yaml:4: detect.thresholds.1: must be at most 1, got 7",
        ),
        (
            "queue: {classifier_band: [0.7, 0.3]}",
            "config.yaml:1: queue.classifier_band: must be from the lower to the higher",
        ),
        ("ignore: [[[0, 0], [1, 1]]]", "config.yaml:1: ignore.0: must have at least three corners"),
        ("ignore: [[[0, 0], [1, 1], [0, 1.5]]]", "config.yaml:1: ignore.0.2.1: must be at most 1, got 1.5"),
        # types
        (
            "fps: five",
            "config.yaml:1: fps: must be a valid number, unable to parse string as a number, got 'five'",
        ),
        ("alert: {say: 5}", "config.yaml:1: alert.say: must be a valid string, got 5"),
        (
            "device: gpu",
            "config.yaml:1: device: must be 'auto', 'cpu', 'cuda', or cards like 'cuda:0', got 'gpu'",
        ),
        # kinds
        (
            "alert: {sinks: [vioce]}",
            "config.yaml:1: alert.sinks.0: must be camera_speaker, log, mqtt, notify, voice or webhook, got 'vioce'; did you mean voice?",
        ),
        (
            "alert:\n  sinks:\n  - log\n  - {kind: vioce}",
            "config.yaml:4: alert.sinks.1.kind: must be camera_speaker, log, mqtt, notify, voice or webhook, got 'vioce'; did you mean voice?",
        ),
        ("alert: {sinks: [{volume: 1}]}", "config.yaml:1: alert.sinks.0.kind: is missing"),
        ("alert: {sinks: [5]}", "config.yaml:1: alert.sinks.0: must be a name, or keys and values, got 5"),
        (
            "alert:\n  sinks:\n  - kind: voice\n    volum: 1",
            "config.yaml:4: alert.sinks.0.volum: unknown key; did you mean volume?",
        ),
        (
            "cameras: {a: {source: b, alert: {sinks: [{kind: voice, volume: 3}]}}}",
            "config.yaml:1: cameras.a.alert.sinks.0.volume: must be at most 1, got 3",
        ),
        (
            "detect: {kind: yunte}",
            "config.yaml:1: detect.kind: must be mtcnn or yunet, got 'yunte'; did you mean yunet?",
        ),
        ("detect: {kind: yunet}", "config.yaml:1: detect.weights: is missing"),
        (
            "detect: {kind: yunet, weights: a}\ncameras: {a: {source: b, detect: {scor: 1}}}",
            "config.yaml:2: cameras.a.detect.scor: unknown key; did you mean score?",
        ),
        (
            "detect: {kind: yunet, weights: a}\ncameras: {a: {source: b, detect: {kind: yunet}}}",
            "config.yaml:2: cameras.a.detect.weights: is missing",
        ),
        ("classify: {kind: nasknet}", "config.yaml:1: classify.kind: must be masknet, got 'nasknet'"),
        (
            "cameras: {a: {source: {kind: rtps}}}",
            "config.yaml:1: cameras.a.source.kind: must be clips, drop, file, images, rtsp, stdin, stream or usb; did you mean rtsp?",
        ),
        ("cameras: {a: {source: {address: b}}}", "config.yaml:1: cameras.a.source.kind: is missing"),
        (
            "cameras: {a: {source: {kind: rtsp, address: 'usb:0'}}}",
            "config.yaml:1: cameras.a.source.address: is no address of this kind of source",
        ),
        (
            "cameras:\n  a: {source: {kind: usb, address: 'usb:0'}}\n  b: {source: /dev/video0}",
            "config.yaml:3: cameras.b.source: is that of a, too",
        ),
        ("detect: {thresholds: [0.6, 0.7]}", "config.yaml:1: detect.thresholds.2: is missing"),
        ("cameras:\n  door: 5", "config.yaml:2: cameras.door: must hold keys and values, source at least"),
        ("cameras: {door: {source: 5}}", "config.yaml:1: cameras.door.source: must be a path or URL"),
        ("cameras: {door: {source: ' '}}", "config.yaml:1: cameras.door.source: must be a path or URL"),
        # keys
        ("cameras:\n  door: {}", "config.yaml:2: cameras.door.source: is missing"),
        ("fsp: 5", "config.yaml:1: fsp: unknown key; did you mean fps?"),
        ("zzz: 5", "config.yaml:1: zzz: unknown key"),
        (
            "alert:\n  voice: {volum: 1}",
            "config.yaml:2: alert.voice.volum: unknown key; did you mean volume?",
        ),
        (
            "cameras:\n  door:\n    source: a\n    alert: {cooldown: 3}",
            "config.yaml:4: cameras.door.alert.cooldown: unknown key; did you mean cooldown_s?",
        ),
        ("cameras: {door: {source: a, device: cpu}}", "config.yaml:1: cameras.door.device: unknown key"),
        (
            "cameras: {door: {source: a, queue: {dir: b}}}",
            "config.yaml:1: cameras.door.queue.dir: unknown key",
        ),
        ("fps: 5\nfps: 6", "config.yaml:2: fps: duplicate key (first in line 1)"),
        (
            "cameras:\n  door: {source: a}\n  gate: {source: b}\n  door: {source: c}",
            "config.yaml:4: cameras.door: duplicate key (first in line 2)",
        ),
        # the file as a whole
        ("- fps: 5", "config.yaml: must hold keys and values"),
        ("five", "config.yaml: must hold keys and values"),
        ("fps: [5", "config.yaml:1: expected ',' or ']', but got '<stream end>'"),
        ("fps: 5\n\talert: {}", "config.yaml:2: found character '\\t' that cannot start any token"),
        ("fps: 5\n---\nfps: 6", "config.yaml:2: but found another document"),
        (
            "fps: 5\na: \0",
            "config.yaml:2: is not YAML (character #x0000: special characters are not allowed)",
        ),
        ("\nfps: !!bool maybe", "config.yaml:2: is no bool"),
        ("fps: !!int ''", "config.yaml:1: is no int"),
        (f"fps:\n  {'9' * 5000}", "config.yaml:2: is no int"),
        ("fps: 2026-13-13", "config.yaml:1: fps: must be a valid number"),
        ("\na: &a [*a]", "config.yaml:2: is nested too deeply"),
        ("fps: 5\na: " + "[" * 2000, "config.yaml:1: is nested too deeply"),
        ('fps: 5\ncameras: {gate: {"\\ud800\\udc00": 1}}', "config.yaml:2: a key must be a plain word"),
        ("fps: 5\n? [a]\n: 1", "config.yaml:2: a key must be a plain word"),
        ("fps: 5\nsay: !!binary aGk=", "config.yaml:2: !!binary has no place in a configuration"),
        ("a: !!set {b}", "config.yaml:1: !!set has no place in a configuration"),
        ("a: !thing b", "config.yaml:1: !thing has no place in a configuration"),
        # numbers that are none
        (
            "detect: {min_face_px: .inf}",
            "config.yaml:1: detect.min_face_px: must be a finite number, got inf",
        ),
        ("queue: {max_days: -.inf}", "config.yaml:1: queue.max_days: must be a finite number, got -inf"),
        ("queue: {max_days: 1e308}", "config.yaml:1: queue.max_days: must be at most 36500, got '1e308'"),
        (
            "alert: {min_people: 1000000}",
            "config.yaml:1: alert.min_people: must be at most 1000, got 1000000",
        ),
        ("fps: on", "config.yaml:1: fps: must be a number, not yes or no, got True"),
        ("motion: {gate: 1}", "config.yaml:1: motion.gate: must be true or false, not a number, got 1"),
        ("alert:\n  min_people: yes", "config.yaml:2: alert.min_people: must be a number, not yes or no"),
        (
            "queue: {classifier_band: [no, 1]}",
            "config.yaml:1: queue.classifier_band: must be a number, not yes or no",
        ),
        (
            "cameras: {a: {source: b, ignore: [[[0, 0], [0.5, 0], [0.5, 1.5]]]}}",
            "config.yaml:1: cameras.a.ignore.0.2.1: must be at most 1, got 1.5",
        ),
        # what can never work
        ("ignore: [[[0.2, 0.2], [0.4, 0.4], [0.6, 0.6]]]", "config.yaml:1: ignore.0: must enclose an area"),
        ("ignore: [[[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]]]", "config.yaml:1: ignore.0: must enclose an area"),
        (
            "ignore: [[[0, 0], [1, 0], [1, 1], [0, 1]]]",
            "config.yaml:1: ignore.0: must leave something to see",
        ),
        ("zones: {hall: [[0, 0], [1, 1]]}", "config.yaml:1: zones.hall: must have at least three corners"),
        ("zones: {hall: [[0, 0], [0.4, 0.4], [1, 1]]}", "config.yaml:1: zones.hall: must enclose an area"),
        (
            "zones: {hall: [[0, 0], [1, 0], [1, 2]]}",
            "config.yaml:1: zones.hall.2.1: must be at most 1, got 2",
        ),
        ("zones: {'a,b': [[0, 0], [1, 0], [1, 1]]}", "config.yaml:1: zones: a name is letters, digits"),
        (
            "lines: {door: {from: [0, 0], to: [0.005, 0.005], leaving: left}}",
            "config.yaml:1: lines.door: from and to must be apart",
        ),
        (
            "lines: {door: {from: [0, 0], to: [0, 1], leaving: out}}",
            "config.yaml:1: lines.door.leaving: must be 'left' or 'right', got 'out'",
        ),
        ("lines: {door: {from: [0, 0], leaving: left}}", "config.yaml:1: lines.door.to: is missing"),
        (
            "cameras:\n  a:\n    source: b\n    lines:\n      door: {from: [0, -1], to: [0, 1], leaving: left}",
            "config.yaml:5: cameras.a.lines.door.from.1: must be at least 0, got -1",
        ),
        ('alert: {say: "hello\\0"}', "config.yaml:1: alert.say: holds a control character"),
        ('alert: {say: "\\e[2J"}', "config.yaml:1: alert.say: holds a control character"),
        (
            "cameras: {a: {source: gopher://h/s}}",
            "config.yaml:1: cameras.a.source: must be rtsp://…, rtsps://…",
        ),
        ("cameras: {a: {source: rtsp:///s}}", "config.yaml:1: cameras.a.source: must be rtsp://HOST/…"),
        (
            "cameras: {a: {source: 'rtsp://u:a/b@h/s'}}",
            "config.yaml:1: cameras.a.source: must be rtsp://HOST/…",
        ),
        (
            "cameras: {a: {source: 'u:pw@h/s'}}",
            "config.yaml:1: cameras.a.source: looks like an address without",
        ),
        (
            "cameras:\n  a: {source: 'rtsp://u:p@h/s'}\n  b: {source: 'rtsp://v:q@h/s'}",
            "config.yaml:3: cameras.b.source: is that of a, too",
        ),
        (
            "cameras:\n  a: {source: usb:0}\n  b:\n    source: /dev/video0",
            "config.yaml:4: cameras.b.source: is that of a, too",
        ),
        # the environment
        (
            "cameras:\n  door:\n    source: rtsp://u:{MASKWATCH_NO}@h/s",
            "config.yaml:3: cameras.door.source: the environment has no MASKWATCH_NO",
        ),
    ],
)
def test_a_problem_is_told_with_its_line_and_key(text, told):
    found = problems(text)
    assert any(problem.startswith(told) for problem in found), found


@pytest.mark.parametrize("name", ["a/b", "..", ".", ".hidden", "a\\b", "-c", "", "x" * 65, "a\\0b"])
def test_a_camera_name_that_is_no_folder_name_is_refused(name):
    (problem,) = problems(f"cameras: {{'{name}': {{source: a}}}}")
    assert "a camera's name is letters, digits, space, _ . - (at most 64)" in problem


@pytest.mark.parametrize("name", ["정문", "Tür 2", "door-1.b", "12", "x" * 64])
def test_a_camera_name_may_be_of_any_language(name):
    assert list(parse(f"cameras: {{{name}: {{source: a}}}}", "c", {}).cameras) == [name]


def test_every_problem_is_told_at_once_in_the_order_of_lines():
    text = """
fps: -5
alert: {cooldwn_s: 1}
cameras:
  door:
    source: rtsp://{MASKWATCH_NO}@h/
    detect: {min_face_px: 1}
  a/b: {}
"""
    told = problems(text)
    keys = ["fps", "alert.cooldwn_s", "cameras.door.source", "cameras.door.detect.min_face_px"]
    assert [line.split(": ")[1] for line in told] == [*keys, "cameras.a/b.source", "cameras.a/b"]
    assert [line.split(":")[1] for line in told] == ["2", "3", "6", "7", "8", "8"]


@pytest.mark.parametrize(
    "text",
    [
        "fps: -5",
        "queue: 5",
        "queue: {max_per_hour: -1}",
        "queue: {dri: a}",
        "detect: {thresholds: [1, 2, 0.5]}",
        "alert: {voice: {volume: 3}}",
        "ignore: [[[0, 0], [1, 1]]]",
        "rtsp:",
        "alert: {say: '{MASKWATCH_NO}'}",
    ],
)
def test_a_problem_in_a_global_section_is_told_once(text):
    (problem,) = problems(text + "\ncameras: {door: {source: a}, gate: {source: b, detect: {crops: exact}}}")
    assert problem.startswith("config.yaml:1: ")


def test_a_problem_deep_in_a_cameras_own_list_is_told_beside_others():
    told = problems("fps: -5\ncameras:\n  door: {source: a, ignore: [[[0, 0], [0.5, 0], [0.5, 1.5]]]}")
    assert [line.split(": ")[1] for line in told] == ["fps", "cameras.door.ignore.0.2.1"]


def test_a_global_problem_that_a_camera_repeats_is_told_for_both():
    told = problems("fps: -5\ncameras:\n  door: {source: a, fps: -6}\n  gate: {source: b}")
    assert [line.split(": ")[1] for line in told] == ["fps", "cameras.door.fps"]


@pytest.mark.parametrize(
    "text",
    [
        "fps: '{MASKWATCH_S}'",
        "device: '{MASKWATCH_S}'",
        "detect: {thresholds: ['{MASKWATCH_S}', 0.7, 0.7]}",
        "queue: {classifier_band: ['{MASKWATCH_S}', 1]}",
        "alert: {sinks: ['{MASKWATCH_S}']}",
        "alert: '{MASKWATCH_S}'",
        "cameras: '{MASKWATCH_S}'",
        "cameras: {door: '{MASKWATCH_S}'}",
        "cameras: {door: {source: ['{MASKWATCH_S}']}}",
        "cameras: {door: {source: 'rtsp://{MASKWATCH_S}@h', fps: -1}}",
        "cameras: {door: {source: a, rtsp: {transport: '{MASKWATCH_S}'}}}",
        "'{MASKWATCH_S}'",
        "['{MASKWATCH_S}']",
    ],
)
def test_a_value_from_the_environment_never_appears_in_an_error(text):
    assert "hunter2" not in "".join(problems(text, {"MASKWATCH_S": "hunter2"}))


def test_a_password_written_where_no_source_belongs_is_not_repeated():
    assert "hunter2" not in "".join(problems("cameras: rtsp://viewer:hunter2@192.0.2.1/s"))


def test_a_sink_that_is_named_twice_would_speak_twice_and_is_refused():
    (problem,) = problems("alert:\n  sinks: [voice, log, voice]")
    assert problem.startswith("config.yaml:2: alert.sinks: voice is named twice")


def test_sinks_of_the_same_kind_may_differ():
    sinks = parse(
        "alert: {sinks: [{kind: voice, voice: ko}, {kind: voice, voice: en}]}", "c", {}
    ).defaults.alert.sinks
    assert [sink.voice for sink in sinks] == ["ko", "en"]


def test_what_a_voice_does_not_say_itself_is_that_of_the_voice_section():
    text = """
alert: {sinks: [log, voice, {kind: voice, voice: en}], voice: {voice: ko, volume: 0.5}}
cameras:
  door: {source: a, alert: {voice: {volume: 0.9}}}
"""
    read = parse(text, "c", {})
    for alert, volume in ((read.defaults.alert, 0.5), (read.cameras["door"].alert, 0.9)):
        _, plain, own = alert.sink_settings()
        assert (plain.voice, plain.volume, own.voice, own.volume) == ("ko", volume, "en", volume)


def test_a_camera_speaker_speaks_as_the_voice_section_says_through_its_own_camera():
    text = """
alert: {sinks: [log, {kind: camera_speaker, volume: 0.9}], voice: {voice: ko, volume: 0.5, device: hw:1}}
cameras:
  door: {source: "rtsp://viewer:s3cret@h/1"}
  gate: {source: {kind: rtsp, address: "rtsp://h/2"}, alert: {voice: {voice: de}, escalation: {after: 1, sinks: [camera_speaker]}}}
  hall: {source: "rtsp://h/3", alert: {sinks: [{kind: camera_speaker, url: "rtsp://horn/1"}]}}
  yard: {source: "usb:0"}
"""
    found = {
        name: camera.at_camera(camera.alert.all_sink_settings())
        for name, camera in parse(text, "c", {}).cameras.items()
    }
    log, door = found["door"]
    assert (log.kind, door.voice, door.volume) == ("log", "ko", 0.9)
    assert door.url.get_secret_value() == "rtsp://viewer:s3cret@h/1"
    assert "s3cret" not in repr(found)
    _, gate, louder = found["gate"]
    assert {each.url.get_secret_value() for each in (gate, louder)} == {"rtsp://h/2"}
    assert [(each.voice, each.volume) for each in (gate, louder)] == [("de", 0.9), ("de", 0.5)]
    assert found["hall"][0].url.get_secret_value() == "rtsp://horn/1"
    assert found["yard"][1].url.get_secret_value() == "usb:0"  # which making it refuses


@pytest.mark.parametrize(
    "url", ["http://h/s", "rtsp://", "h", "rtsp://h:port/s", "rtsp://a b@h/s", "rtsp://u:hunter2/x@h:0/s"]
)
def test_a_speakers_address_that_is_none_is_refused_and_not_shown(url):
    (problem,) = problems(f"alert:\n  sinks: [{{kind: camera_speaker, url: '{url}'}}]")
    assert problem.startswith("config.yaml:2: alert.sinks.0.url: must be rtsp://HOST/… or rtsps://HOST/…")
    assert "hunter2" not in problem


def test_a_section_that_names_its_kind_takes_nothing_from_the_defaults():
    text = """
detect: {kind: yunet, weights: a.onnx, score: 0.9}
cameras:
  door: {source: a, detect: {score: 0.8}}
  gate: {source: b, detect: {kind: mtcnn}}
  hall: {source: c, detect: {kind: yunet, weights: b.onnx}}
"""
    door, gate, hall = (camera.detect for camera in parse(text, "c", {}).cameras.values())
    assert (door.kind, door.weights, door.score) == ("yunet", "a.onnx", 0.8)
    assert gate == config.default().defaults.detect
    assert (hall.weights, hall.score) == ("b.onnx", 0.7)


def test_a_source_with_its_kind_shows_no_password():
    text = "cameras: {door: {source: {kind: rtsp, address: 'rtsp://u:hunter2@h/s'}}}"
    door = parse(text, "c", {}).cameras["door"]
    assert (door.source.kind, door.source.address.reveal()) == ("rtsp", "rtsp://u:hunter2@h/s")
    assert "hunter2" not in repr(door)


def test_reading_a_configuration_loads_no_torch_and_no_decoder():
    code = (
        "import sys; from maskwatch.config.load import parse; from maskwatch.config.json_schema import json_schema; "
        "parse('alert: {sinks: [log, {kind: voice}]}\\ncameras: {a: {source: \"rtsp://h/s\"}, b: {source: c.mp4}}', 'c', {}); "
        "json_schema(); sys.exit(' '.join({'torch', 'cv2', 'av', 'openvino'} & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stderr.strip(), done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("value", "is_right"), [("1", True), ("null", True), ("0.5", False), ("soon", False)]
)
def test_dead_after_is_a_second_at_least_or_never(value, is_right):
    text = f"alert: {{dead_after_s: {value}}}"
    if is_right:
        assert parse(text, "c", {}).defaults.alert.dead_after_s == (None if value == "null" else 1)
    else:
        assert problems(text)[0].startswith("config.yaml:1: alert.dead_after_s: must be ")


@pytest.mark.parametrize("others", [{}, {"MASKWATCH_OTHER": "1"}], ids=["nothing set", "another set"])
def test_the_web_section_is_read_without_the_cameras_passwords(tmp_path, monkeypatch, others):
    monkeypatch.setattr(config, "variables", lambda: others)
    path = tmp_path / "config.yaml"
    path.write_text("cameras: {door: {source: 'rtsp://u:{MASKWATCH_DOOR}@h/s'}}\nweb: {port: 99}")
    assert config.load(path, {"web"}).web.port == 99
    path.write_text("web: {token: '{MASKWATCH_WEB_TOKEN}'}")
    with pytest.raises(ConfigError, match=r":1: web\.token: the environment has no MASKWATCH_WEB_TOKEN"):
        config.load(path, {"web"})


@pytest.mark.parametrize("url", ["postgresql://me:{MASKWATCH_DB}@host/x", "{MASKWATCH_DB_URL}"])
def test_who_only_looks_at_events_needs_no_password_of_their_server(tmp_path, monkeypatch, url):
    monkeypatch.setattr(config, "variables", dict)
    path = tmp_path / "config.yaml"
    path.write_text(f"events: {{url: '{url}', max_days: 7}}")
    events = config.load(path, {"events"}).events
    assert (events.max_days, events.url, events.dir) == (7, None, tmp_path / "events")
    with pytest.raises(ConfigError, match=r":1: events\.url: the environment has no MASKWATCH_DB"):
        config.load(path, {"events", "events.url"})


def test_who_only_knows_the_users_of_a_console_needs_no_password_of_the_store_that_it_shows(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(config, "variables", dict)
    path = tmp_path / "config.yaml"
    path.write_text("console: {store: 'postgresql://me:{MASKWATCH_DB}@host/x', port: 5}")
    console = config.load(path, {"console"}).console
    assert (console.store, console.port) == (None, 5)
    assert config.used_variables(path, {"console"}) == {}
    with pytest.raises(ConfigError, match=r":1: console\.store: the environment has no MASKWATCH_DB"):
        config.load(path, {"console", "console.store"})
    (told,) = problems("console: {store: 'mysql://me:pa55@host/x'}")
    assert told == "config.yaml:1: console.store: must begin with postgresql://"


@pytest.mark.parametrize("url", ["mysql://me:pa55@host/x", "sqlite:///pa55.db", "pa55"])
def test_the_address_of_a_server_of_another_kind_is_refused_and_not_shown(url):
    (told,) = problems(f"events: {{url: '{url}'}}")
    assert told == (
        "config.yaml:1: events.url: must begin with postgresql://; without a url, events are kept in dir alone"
    )


def test_a_number_may_come_from_the_environment():
    assert parse("fps: '{MASKWATCH_FPS}'", "c", {"MASKWATCH_FPS": "7.5"}).defaults.fps == 7.5


def test_only_variables_of_our_own_are_replaced():
    read = parse("alert: {say: '{HOME} {MASKWATCH} {}'}", "c", {"HOME": "/root", "MASKWATCH": "x"})
    assert read.defaults.alert.say == "{HOME} {MASKWATCH} {}"


def test_a_camera_overrides_the_defaults_value_by_value():
    text = """
fps: 4
alert: {cooldown_s: 60, voice: {voice: ko, volume: 0.5}}
queue: {max_per_hour: 10, classifier_band: [0.4, 0.6], dir: elsewhere}
cameras:
  door:
    source: a
    alert: {for_s: 3, voice: {volume: 0.9}}
    queue: {classifier_band: [0.1, 0.9]}
  gate: {source: b, fps: 9}
"""
    read = parse(text, "c", {})
    door, gate = read.cameras["door"], read.cameras["gate"]
    assert (door.fps, gate.fps, read.defaults.fps) == (4, 9, 4)
    assert (door.alert.cooldown_s, door.alert.for_s, gate.alert.for_s) == (60, 3, 1)
    assert (door.alert.voice.voice, door.alert.voice.volume, gate.alert.voice.volume) == ("ko", 0.9, 0.5)
    assert (door.queue.max_per_hour, door.queue.classifier_band) == (10, (0.1, 0.9))
    assert gate.queue.classifier_band == (0.4, 0.6)
    assert read.queue.dir == Path("elsewhere")


def test_a_camera_has_the_zones_and_lines_of_the_defaults_and_its_own():
    corners, line = [[0, 0], [1, 0], [1, 1], [0, 1]], "from: [0.2, 0.5], to: [0.8, 0.5]"
    text = f"""
zones: {{hall: {corners}}}
lines: {{door: {{{line}, leaving: left}}}}
cameras:
  a: {{source: x, zones: {{queue: {corners}}}, lines: {{door: {{leaving: right}}, gate: {{{line}, leaving: left}}}}}}
  b: {{source: y}}
"""
    read = parse(text, "c", {}).cameras
    assert [list(read[name].zones) for name in "ab"] == [["hall", "queue"], ["hall"]]
    assert read["b"].lines["door"].line == Line((0.2, 0.5), (0.8, 0.5), Side.LEFT)
    assert {name: each.leaving for name, each in read["a"].lines.items()} == {
        "door": Side.RIGHT,
        "gate": Side.LEFT,
    }


def test_a_list_of_a_camera_replaces_the_global_list():
    polygon, own = [[0, 0], [1, 0], [1, 1]], [[0, 0], [0.5, 0], [0.5, 0.5]]
    text = f"ignore: [{polygon}, {polygon}]\ncameras: {{a: {{source: x, ignore: [{own}]}}, b: {{source: y}}}}"
    read = parse(text, "c", {})
    assert [len(read.cameras[name].ignore) for name in "ab"] == [1, 2]


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file or directory"), (b"say: \xff\xfe", "is not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, told):
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=told) as e:
        config.load(path)
    assert str(path) in str(e.value)


def read_or_refused(text, environment):
    """Gives the configuration, or None where it was refused in the way that is promised."""
    try:
        return parse(text, "config.yaml", environment)
    except ConfigError as e:
        for line in str(e).splitlines():
            assert re.match(r"config\.yaml(:\d+)?: \S", line), line
            assert line.isprintable()
            assert not any(value in line for value in environment.values())
        return None


TOKENS = st.sampled_from(
    "cameras door source fps alert say detect thresholds queue dir ignore rtsp 정문 -5 0.5 .nan .inf 1:30 "  # noqa: SIM905 - shorter
    "2026-01-01 null yes ~ << *a &a !!int !!bool !!set !!binary !!timestamp !x {MASKWATCH_P} {MASKWATCH_NO} "
    "| > ' \" # % @ ? [ ] { } , : - --- ...".split()
)
GAPS = st.sampled_from([" ", ": ", "\n", "\n  ", "\n    ", "- ", "", ", "])
YAMLISH = st.lists(st.tuples(TOKENS, GAPS).map("".join), max_size=25).map("".join)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOKENS, inner, max_size=4),
    max_leaves=20,
).map(repr)


@given(text=st.text() | YAMLISH | TREES)
@example(text='"\\ud800": 1')
@example(text="? [a]\n: 1")
@example(text="[" * 3000)
@example(text='"two\\nlines": 1')
@settings(deadline=None, max_examples=400)
def test_any_text_gives_a_configuration_or_an_error_with_lines(text):
    read_or_refused(text, {"MASKWATCH_P": "hunter2"})


DOORS = """
fps: 4
ignore: [[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]]
zones: {hall: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]}
lines: {door: {from: [0.1, 0.1], to: [0.2, 0.1], leaving: left}}
device: cpu
detect: {min_face_px: 24, weights: stock, thresholds: [0.6, 0.7, 0.7], crops: exact, scout: true, backend: auto}
motion: {gate: true, full_s: 3}
classify: {protected_at: 0.5, min_face_px: 8, weights: null}
alert: {protected_ratio: 0.75, min_people: 1, for_s: 1, cooldown_s: 30, say: Hello, sinks: [log, voice]}
queue: {dir: queue, classifier_band: [0.3, 0.6], max_per_hour: 10, max_mb: 100, max_days: 3}
rtsp: {transport: tcp, open_s: 3, read_s: 3, stale_s: 5}
cameras:
  door: {source: "rtsp://viewer:{MASKWATCH_P}@192.0.2.1/s", fps: 5, alert: {voice: {voice: ko, volume: 0.5}}}
  gate: {source: clip.mp4, queue: {detector_band: [0.5, 0.8]}, detect: {min_face_px: 30}}
"""
TREE = tree.read(DOORS).value
KINDS = tree.read("""
detect: {kind: yunet, weights: yunet.onnx, score: 0.5}
classify: {kind: masknet, protected_at: 0.4}
alert: {sinks: [log, {kind: voice, volume: 0.5}]}
cameras: {door: {source: {kind: usb, address: "usb:0"}, detect: {score: 0.4}}}
""").value
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TOKENS
ODD = LEAF | st.lists(LEAF, max_size=4) | st.dictionaries(TOKENS | st.text(max_size=5), LEAF, max_size=3)


def places(value, key=()):
    """The key of everything in a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in items:
        yield (*key, part)
        yield from places(inner, (*key, part))


def changed(value, key, new):
    """A copy of a tree with another value in one place; `...` takes the place away."""
    if not key:
        return new
    part, rest = key[0], key[1:]
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and not rest:
        del copy[part]
    else:
        copy[part] = changed(copy[part], rest, new)
    return copy


@given(data=st.data())
@settings(deadline=None, max_examples=400)
def test_a_valid_file_with_something_changed_is_read_or_refused_with_lines(data):
    mutant = TREE
    for _ in range(data.draw(st.integers(1, 3))):
        known = list(places(mutant))
        if known:
            mutant = changed(mutant, data.draw(st.sampled_from(known)), data.draw(ODD | st.just(...)))
    text = json.dumps(mutant, indent=1) if data.draw(st.booleans()) else yaml.safe_dump(mutant)
    read = read_or_refused(text, {"MASKWATCH_P": "hunter2"})
    assert "hunter2" not in repr(read)


@given(place=st.integers(0, len(DOORS)), width=st.integers(0, 4), new=st.text(max_size=4) | TOKENS)
@settings(deadline=None, max_examples=300)
def test_a_valid_file_with_a_slip_of_the_keyboard_is_read_or_refused_with_lines(place, width, new):
    read_or_refused(DOORS[:place] + new + DOORS[place + width :], {"MASKWATCH_P": "hunter2"})


@pytest.mark.parametrize(
    ("bomb", "line"),
    [
        (
            "a: &a [x, x]\n"
            + "".join(f"{n}: &{n} [*{b}, *{b}]\n" for b, n in pairwise("abcdefghijklmnopqrs")),
            1,
        ),
        (
            "a: &a {x: 1}\n"
            + "".join(
                f"{n}: &{n} {{<<: [*{b}, *{b}], {n}: 1}}\n" for b, n in pairwise("abcdefghijklmnopqrs")
            ),
            1,
        ),
        ("a:\n" + "- 1\n" * 30_000, 20_003),
    ],
    ids=["lists", "merges", "long"],
)
def test_aliases_that_stand_for_a_million_values_are_refused_at_once(bomb, line):
    start = time.monotonic()
    (problem,) = problems(bomb)
    assert time.monotonic() - start < 30  # most of it is the parser, on a busy machine
    assert re.match(r"config.yaml:\d+: (stands for more than 20000 values|is nested too deeply)", problem)


def test_anchors_and_merges_of_a_reasonable_size_are_read():
    text = "cameras:\n  door: &door {source: a, fps: 3}\n  gate: {<<: *door, source: b}"
    gate = parse(text, "c", {}).cameras["gate"]
    assert (gate.fps, gate.source.reveal()) == (3, "b")


@pytest.mark.parametrize("name", ["no", "on", "012", "1.0", "null", "2026-01-01"])
def test_a_camera_is_called_what_is_written(name):
    assert list(parse(f"cameras: {{{name}: {{source: a}}}}", "c", {}).cameras) == [name]


def test_a_sentence_that_looks_like_a_date_is_one():
    assert parse("alert: {say: 2026-01-01}", "c", {}).defaults.alert.say == "2026-01-01"


def test_a_key_that_breaks_lines_or_holds_a_password_is_told_on_one_line_without_it():
    (problem,) = problems('"rtsp://viewer:hunter2@h/\\nx": 1')
    assert problem == r"config.yaml:1: rtsp://h/\nx: unknown key"


def test_a_long_value_is_told_in_short():
    (problem,) = problems("fps: " + "x" * 5000)
    assert len(problem) < 200


def test_a_value_from_the_environment_is_not_filled_again():
    text = "alert: {say: '{MASKWATCH_A} {MASKWATCH_B}'}"
    read = parse(text, "c", {"MASKWATCH_A": "{MASKWATCH_B}", "MASKWATCH_B": "b"})
    assert read.defaults.alert.say == "{MASKWATCH_B} b"


def test_a_control_character_from_the_environment_is_refused_and_not_shown():
    (problem,) = problems("alert: {say: '{MASKWATCH_P}'}", {"MASKWATCH_P": "hunter2\x1b"})
    assert problem == "config.yaml:1: alert.say: holds a control character"


def test_footage_may_be_shown_by_several_cameras():
    assert len(parse("cameras: {a: {source: c.mp4}, b: {source: c.mp4}}", "c", {}).cameras) == 2


def numbers(model, key=()):
    """Every key of a number, and whether it stands in a list."""
    for name, kind in model.model_fields.items():
        section = wording._section(kind, {})
        if section is not None:
            yield from numbers(section, (*key, name))
        elif _kinds(kind.annotation) & {int, float}:
            yield (*key, name)


@pytest.mark.parametrize("key", list(numbers(Globals)), ids=".".join)
@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "yes", "1e400", "'{MASKWATCH_INF}'", "-1e30"])
def test_every_number_must_be_finite_and_in_range(key, value):
    for written in (
        value,
        f"[{value}, {value}, {value}]",
        f"[{value}, {value}]",
        f"[[[{value}, 0], [0, 0]]]",
    ):
        text = written
        for part in reversed(key):
            text = f"{{{part}: {text}}}"
        told = problems(text, {"MASKWATCH_INF": "inf"})
        assert told[0].startswith(f"config.yaml:1: {'.'.join(key)}"), told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("fps: 3".encode("utf-16"), "is not UTF-8"),
        ("alert: {say: Tür}".encode("latin-1"), "is not UTF-8"),
        (b"# " + b"x" * 300_000, "is larger than 256 kB; it is no configuration"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, told):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{path}: {told}')}$"):
        config.load(path)


def test_an_endless_file_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match="/dev/zero: is larger than 256 kB"):
        config.load(Path("/dev/zero"))


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\r\n", b"%YAML 1.2\n---\n"])
def test_what_windows_editors_write_before_the_first_line_does_not_hurt(tmp_path, start):
    path = tmp_path / "config.yaml"
    path.write_bytes(start + b"fps: 3\r\ncameras: {door: {source: a.mp4}}\r\n")
    assert config.load(path).defaults.fps == 3


def test_weights_that_are_missing_are_told_with_all_else_that_is_wrong(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        f"detect: {{weights: {tmp_path}/no.safetensors}}\nfps: -1\n"
        f"cameras:\n  door:\n    source: a.mp4\n    classify:\n      weights: {tmp_path}\n"
        "  gate: {source: b.mp4, detect: {weights: stock}}\n"
    )
    with pytest.raises(ConfigError) as e:
        config.load(path)
    assert str(e.value).splitlines() == [
        f"{path}:1: detect.weights: No such file or directory: {tmp_path}/no.safetensors",
        f"{path}:2: fps: must be above 0, got -1",
        f"{path}:7: cameras.door.classify.weights: Is a directory: {tmp_path}",
    ]


def test_footage_that_is_missing_is_told_by_check_and_does_not_stop_the_others(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"")
    path = tmp_path / "config.yaml"
    path.write_text(
        f"cameras:\n  door: {{source: {tmp_path}/no.mp4}}\n  hall: {{source: '{tmp_path}/*.jpg'}}\n"
        f"  lift: {{source: usb:0}}\n  gate:\n    source: '{tmp_path}/*.png'\n  yard: {{source: {tmp_path}}}\n"
    )
    assert len(config.load(path).cameras) == 5
    assert config.missing_footage(path) == [
        f"{path}:2: cameras.door.source: No such file or directory",
        f"{path}:6: cameras.gate.source: No such file or directory",
    ]


@pytest.fixture
def credential(tmp_path, monkeypatch):
    """What systemd does with `LoadCredential`: write a file, and name its folder."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))

    def give(name, content):
        (folder / name).write_bytes(content)

    return give


def test_a_credential_of_systemd_takes_the_place_of_a_variable(credential, tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWATCH_DOOR", "old")
    credential("MASKWATCH_DOOR", b"hunter2\n")
    credential("OTHER", b"\xff")
    path = tmp_path / "config.yaml"
    path.write_text("cameras: {door: {source: 'rtsp://viewer:{MASKWATCH_DOOR}@192.0.2.1/s'}}")
    assert config.load(path).cameras["door"].source.reveal() == "rtsp://viewer:hunter2@192.0.2.1/s"


def test_a_credential_that_cannot_be_read_is_named_and_not_shown(credential, tmp_path):
    credential("MASKWATCH_DOOR", b"hunter2\xff")
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError) as e:
        config.load(tmp_path / "config.yaml")
    assert str(e.value) == "credential MASKWATCH_DOOR: is not UTF-8"
    assert e.value.__cause__ is None
    assert e.value.__suppress_context__


def test_a_file_can_be_checked_without_the_passwords(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "fps: '{MASKWATCH_FPS}'\ndetect: {weights: '{MASKWATCH_W}', thresholds: [0.6, '{MASKWATCH_T}', 7]}\n"
        "cameras:\n  a: {source: 'rtsp://u:{MASKWATCH_A}@h/s'}\n  b: {source: '{MASKWATCH_B}', fps: -5}\n"
    )
    with pytest.raises(ConfigError) as e:
        config.check(path)
    assert str(e.value).splitlines() == [
        f"{path}:2: detect.thresholds.2: must be at most 1, got 7",
        f"{path}:5: cameras.b.fps: must be above 0, got -5",
    ]


def test_credentials_that_are_closed_to_us_are_a_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "none"))
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/none: No such file or directory$"):
        config.load(tmp_path / "config.yaml")


def test_check_tells_missing_footage_with_its_line(tmp_path, maskwatch):
    path = tmp_path / "config.yaml"
    path.write_text(
        f"cameras:\n  door: {{source: {tmp_path}/no.mp4}}\nqueue: {{dir: {tmp_path}/queue}}\nalert: {{sinks: [log]}}\n"
    )
    done = maskwatch("check", "-c", path, env={"COLUMNS": "300"})
    assert done.returncode == 1
    assert f"{path}:2: cameras.door.source: No such file or directory" in done.stdout
    done = maskwatch("check", "-c", path, "--config-only")
    assert (done.returncode, done.stdout) == (0, f"{path}: well, 1 camera\n")
    path.write_text("fps: -1\ncameras: {door: {source: a.mp4}}")
    done = maskwatch("check", "-c", path, "--config-only")
    assert (done.returncode, done.stderr) == (2, f"maskwatch: {path}:1: fps: must be above 0, got -1\n")


@pytest.fixture(scope="session")
def editor():
    """What an editor makes of the schema: whether a tree fits."""
    from jsonschema import Draft202012Validator

    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schema_takes_the_shipped_file_and_one_with_every_key(editor):
    shipped = tree.read(SHIPPED.read_text()).value
    assert list(editor.iter_errors(shipped)) == []
    assert list(editor.iter_errors(TREE)) == []
    assert list(editor.iter_errors(KINDS)) == []
    parse(json.dumps(KINDS), "config.yaml", {})


@pytest.mark.parametrize(
    "wrong",
    [
        changed(TREE, ("fps",), -5),
        changed(TREE, ("fps",), "five"),
        changed(TREE, ("alert",), {"cooldown": 1}),
        changed(TREE, ("alert", "sinks"), ["vioce"]),
        changed(TREE, ("alert", "sinks"), [{"kind": "log", "volume": 1}]),
        changed(TREE, ("alert", "sinks"), [{"volume": 1}]),
        changed(TREE, ("detect",), {"kind": "yunet"}),
        changed(TREE, ("detect",), {"score": 0.5}),
        changed(TREE, ("cameras", "door", "source"), {"kind": "usb"}),
        changed(TREE, ("cameras", "door", "fps"), 500),
        changed(TREE, ("cameras", "door"), {"fps": 5}),
        changed(TREE, ("cameras",), {"a/b": {"source": "c.mp4"}}),
        changed(TREE, ("detect", "thresholds"), [0.5, 0.5]),
        changed(TREE, ("device",), "gpu"),
        TREE | {"fsp": 5},
    ],
)
def test_the_schema_refuses_what_the_program_refuses(editor, wrong):
    assert list(editor.iter_errors(wrong))
    assert problems(json.dumps(wrong), {"MASKWATCH_P": "x"})


@pytest.mark.parametrize("new", [None, True, False, 0, 1, 7, 40, 0.3, 1.0, ...], ids=str)
def test_the_schema_takes_whatever_the_program_takes_from_a_careful_hand(editor, new):
    """Numbers as numbers: pydantic would also take "5", which only the environment gives."""
    taken = 0
    for key in places(TREE):
        mutant = changed(TREE, key, new)
        try:
            parse(json.dumps(mutant), "config.yaml", {"MASKWATCH_P": "x"})
        except ConfigError:
            continue
        taken += 1
        assert list(editor.iter_errors(mutant)) == [], key
    assert taken


def test_the_command_prints_the_schema_or_writes_it(tmp_path, maskwatch):
    path = tmp_path / "schema.json"
    assert maskwatch("schema", "-o", path).returncode == 0
    printed = maskwatch("schema").stdout
    assert json.loads(printed) == json.loads(path.read_text()) == json_schema()
    assert "AlertSettings" in printed
