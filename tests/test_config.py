from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskwatch import config
from maskwatch.config import parse
from maskwatch.core.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "config.yaml"
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
    assert "before leaving the office" in entrance.alert.say
    assert len(entrance.ignore[0]) == 4
    assert (loaded.device, loaded.queue.dir, loaded.queue.max_mb) == ("auto", Path("queue"), 2048)


def test_the_shipped_file_says_the_defaults(monkeypatch):
    monkeypatch.setenv("MASKWATCH_ENTRANCE_PASSWORD", "hunter2")
    shipped, default = config.load(SHIPPED), config.default()
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
        ("fps: .nan", "config.yaml:1: fps: must be at most 120, got nan"),
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
        ("device: gpu", "config.yaml:1: device: must be 'auto', 'cpu' or 'cuda', got 'gpu'"),
        ("alert: {sinks: [vioce]}", "config.yaml:1: alert.sinks.0: must be 'voice' or 'log', got 'vioce'"),
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
        ("fps: 5\nfps: 6", "config.yaml:2: fps: stands twice (first in line 1)"),
        (
            "cameras:\n  door: {source: a}\n  gate: {source: b}\n  door: {source: c}",
            "config.yaml:4: cameras.door: stands twice (first in line 2)",
        ),
        # the file as a whole
        ("- fps: 5", "config.yaml: must hold keys and values"),
        ("five", "config.yaml: must hold keys and values"),
        ("fps: [5", "config.yaml:1: expected ',' or ']', but got '<stream end>'"),
        ("fps: 5\n\talert: {}", "config.yaml:2: found character '\\t' that cannot start any token"),
        ("fps: 5\n---\nfps: 6", "config.yaml:2: but found another document"),
        (
            "a: \0",
            "config.yaml: is not YAML (unacceptable character #x0000: special characters are not allowed)",
        ),
        ("fps: !!bool maybe", "config.yaml: is not YAML ('maybe')"),
        ("fps: !!int ''", "config.yaml: is not YAML (string index out of range)"),
        ("fps: 2026-13-13", "config.yaml: is not YAML (month must be in 1..12)"),
        ("a: &a [*a]", "config.yaml: is not YAML (maximum recursion depth exceeded"),
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
    (problem,) = problems(f'cameras: {{"{name}": {{source: a}}}}')
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


def test_a_sink_that_stands_twice_would_speak_twice_and_is_refused():
    (problem,) = problems("alert:\n  sinks: [voice, log, voice]")
    assert problem.startswith("config.yaml:2: alert.sinks: voice stands twice")


@pytest.mark.parametrize(
    ("value", "is_right"), [("1", True), ("null", True), ("0.5", False), ("soon", False)]
)
def test_dead_after_is_a_second_at_least_or_never(value, is_right):
    text = f"alert: {{dead_after_s: {value}}}"
    if is_right:
        assert parse(text, "c", {}).defaults.alert.dead_after_s == (None if value == "null" else 1)
    else:
        assert problems(text)[0].startswith("config.yaml:1: alert.dead_after_s: must be ")


def test_the_web_section_is_read_without_the_cameras_passwords(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("cameras: {door: {source: 'rtsp://u:{MASKWATCH_DOOR}@h/s'}}\nweb: {port: 99}")
    assert config.load_web(path).port == 99
    path.write_text("web: {token: '{MASKWATCH_WEB_TOKEN}'}")
    with pytest.raises(ConfigError, match=r":1: web\.token: the environment has no MASKWATCH_WEB_TOKEN"):
        config.load_web(path)


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
@settings(deadline=None, max_examples=400)
def test_any_text_gives_a_configuration_or_a_config_error(text):
    try:
        told = ""
        parse(text, "config.yaml", {"MASKWATCH_P": "hunter2"})
    except ConfigError as e:
        told = str(e)
        assert told.startswith("config.yaml")
    assert "hunter2" not in told
