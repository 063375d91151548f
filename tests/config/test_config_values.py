"""Any wrong value of any key gives a problem with its line, and no camera is ever lost."""

from functools import cache

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from maskwatch.config import load as config
from maskwatch.config import wording
from maskwatch.config import yaml_document as tree
from maskwatch.config.load import parse
from maskwatch.config.reader import Reader
from maskwatch.config.sections import CameraConfig, Globals
from maskwatch.core.errors import ConfigError

# as they stand in a file; each is right for some key and wrong for most
WRITTEN = """
null | true | false | yes | 0 | 1 | 7 | 40 | -1 | 0.3 | 1.0 | 1e3 | 1e400 | 99999999999999999999999999 | .nan | .inf | -.inf
'' | ' ' | a | 30% | '0.5' | 1:30 | 2026-01-01 | 2026-01-01T10:00:00Z | clip.mp4 | usb:0 | rtsp://h/s | http://h/s
stock | voice | log | tcp | cuda | '{MASKWATCH_NO}' | '{MASKWATCH_INF}' | '{camera}' | 127.0.0.1 | 0.0.0.0 | {} | {a: 1} | {source: a}
[] | [[]] | [[[]]] | [null] | [true] | [a] | [0.2] | [30%] | [0.2, 0.7] | [0.7, 0.2] | [0.6, 0.7, 0.7] | [0.6, 0.7, 7]
[0.6, 0.7, 0.7, 0.7] | [.nan, 0.5] | [voice, voice] | [log] | [{}] | [{a: 1}] | [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]
[[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]] | [[[0.1, 0.1], [1.2, 0.1], [0.2, 0.2]]] | [[[0.1, 0.1], [0.2, 0.1]]]
[[[100, 100], [200, 100], [200, 200]]] | [[[10%, 10%], [20%, 10%], [20%, 20%]]] | [[[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]]
[[[0, 0], [1, 0], [1, 1], [0, 1]]] | [[[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.2, 0.2, 0.1]]] | [[[0.1], [0.2], [0.2]]]
[[[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]]] | [[[.nan, 0.1], [0.2, 0.1], [0.2, 0.2]]] | [[[true, 0], [0.2, 0.1], [0.2, 0.2]]]
[[{x: 0.1, y: 0.1}, {x: 0.2, y: 0.1}, {x: 0.2, y: 0.2}]] | [{points: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]}] | [null, [[0.1, 0.1]]]
"""
VALUES = [value.strip() for line in WRITTEN.strip().splitlines() for value in line.split(" | ")]
ENVIRONMENT = {"MASKWATCH_P": "hunter2", "MASKWATCH_INF": "inf"}


def keys(model, before=()):
    """Every key of a record, also of those within it, and the record that it belongs to."""
    for name, field in model.model_fields.items():
        yield (*before, name), model
        if (
            section := wording._section(field, {})
        ) is not None:  # of the kind that is meant where none is named
            yield from keys(section, (*before, name))


EVERY = [
    *((key, model) for key, model in keys(Globals) if key != ("cameras",)),
    *((("cameras", "door", *key), model) for key, model in keys(CameraConfig)),
]
FULL = tree.read("""
fps: 4
ignore: [[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]]
device: cpu
detect: {min_face_px: 24, weights: stock, thresholds: [0.6, 0.7, 0.7], crops: exact, scout: true, backend: auto}
motion: {gate: true, full_s: 3}
classify: {protected_at: 0.5, min_face_px: 8, weights: null}
alert: {protected_ratio: 0.75, for_s: 1, say: Hello, sinks: [log, voice], voice: {voice: ko, volume: 0.5}}
queue: {dir: queue, classifier_band: [0.3, 0.6], max_per_hour: 10, max_mb: 100, max_days: 3}
rtsp: {transport: tcp, open_s: 3, read_s: 3, stale_s: 5}
""").value
FULL_LINES = {
    name: f"{name}: {yaml.safe_dump(inner, default_flow_style=True, width=1000)}".split("\n")[0]
    for name, inner in FULL.items()
}


def file_with(shared, key, value):
    """A file of two cameras, with a value written in one place, on a line of its own; and that line's number.

    `shared` has the lines of the other sections, by name.
    """
    lines = [line for name, line in shared.items() if name != key[0]]
    if key[0] != "cameras":
        lines += ["cameras:", "  gate: {source: b.mp4}", "  door: {source: a.mp4}"]
        rest = key
        indent = 0
    else:
        lines += ["cameras:", "  gate: {source: b.mp4}", "  door:"]
        rest, indent = key[2:], 2
        if rest != ("source",):
            lines.append("    source: a.mp4")
    for depth, part in enumerate(rest[:-1]):
        lines.append(f"{'  ' * (indent + depth)}{part}:")
    lines.append(f"{'  ' * (indent + len(rest) - 1)}{rest[-1]}: {value}")
    return "\n".join(lines), len(lines)


@cache
def value_of(written):
    return tree.read(f"x: {written.replace('{MASKWATCH_INF}', 'inf')}").value["x"]


@cache
def is_right(model, name, written):
    """What the record alone says of a value; a variable that nobody has is no value."""
    if "{MASKWATCH_NO}" in written:
        return False
    value = value_of(written)
    others = {"source": "a.mp4"} if model is CameraConfig else {}
    try:
        model.model_validate(others | {name: value})
    except ValidationError:
        return False
    return True


def outcome(text):
    try:
        return parse(text, "c.yaml", ENVIRONMENT), []
    except ConfigError as e:
        return None, str(e).splitlines()


def what_is_lost(shared, key, model, written):
    """None when a file with that value is read whole, or refused with the value's key and line."""
    text, line = file_with(shared, key, written)
    read, problems = outcome(text)
    named = any(each.startswith(f"c.yaml:{line}: {'.'.join(key)}") for each in problems)
    if is_right(model, key[-1], written):
        return (
            None
            if read is not None and list(read.cameras) == ["gate", "door"]
            else f"{text}\nis right: {problems}"
        )
    return None if named else f"{text}\nhas no problem with its line: {problems or list(read.cameras)}"


def test_every_wrong_value_of_every_key_is_told_with_its_line_and_no_camera_is_lost(record_property):
    pairs = wrong = 0
    lost = []
    for turn, (key, model) in enumerate(EVERY):
        for number, written in enumerate(VALUES):
            # every fourth value also beside the other sections, and each value so beside a quarter of the keys
            for shared in ({}, FULL_LINES) if (number + turn) % 4 == 0 else ({},):
                pairs += 1
                wrong += not is_right(model, key[-1], written)
                if found := what_is_lost(shared, key, model, written):
                    lost.append(found)
    told = f"{len(EVERY)} keys, {pairs} pairs of a key and a value, {wrong} of them wrong, {len(lost)} lost"
    record_property("pairs", told)
    print(told)
    assert lost == [], lost[0]
    assert len(EVERY) > 80
    assert wrong > 5000


NUMBER = st.integers() | st.floats() | st.floats(-0.5, 1.5)
LEAF = st.none() | st.booleans() | NUMBER | st.text("ab%{}:/.0159é ", max_size=8)
POLYGONS = st.lists(st.lists(st.lists(NUMBER, max_size=3), max_size=4), max_size=2)
ANY = (
    LEAF
    | POLYGONS
    | st.recursive(
        LEAF,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=2)
        ),
        max_leaves=8,
    )
)


def flow(value):
    return (
        yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True)
        .split("\n...")[0]
        .strip()
    )


@given(place=st.sampled_from(EVERY), value=ANY, full=st.booleans())
@example(
    place=(("cameras", "door", "ignore"), CameraConfig),
    value=[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]],
    full=False,
)
@settings(deadline=None, max_examples=400)
def test_any_value_of_any_key_is_right_or_told_with_its_line(place, value, full):
    key, model = place
    assert what_is_lost(FULL_LINES if full else {}, key, model, flow(value)) is None


@given(
    key=st.sampled_from([key[2:] for key, _ in EVERY if key[0] == "cameras" and key[2:] != ("source",)]),
    one=ANY,
    other=ANY,
)
@example(
    key=("ignore",), one=[[[0.1, 0.1], [0.2, 0.1], [1.2, 0.2]]], other=[[[0.3, 0.1], [0.2, 0.1], [7, 0.2]]]
)
@settings(deadline=None, max_examples=300)
def test_wrong_by_default_and_wrong_for_a_camera_are_two_problems(key, one, other):
    model = dict(EVERY)["cameras", "door", *key]
    shared_text, shared_line = file_with({}, key, flow(one))
    shared_lines = shared_text.splitlines()
    camera_text, _ = file_with({}, ("cameras", "door", *key), flow(other))
    text = "\n".join([*shared_lines[3:], camera_text])
    _, problems = outcome(text)
    if not is_right(model, key[-1], flow(one)):
        assert any(each.startswith(f"c.yaml:{shared_line - 3}: {'.'.join(key)}") for each in problems), text
    if not is_right(model, key[-1], flow(other)):
        line = len(text.splitlines())
        assert any(each.startswith(f"c.yaml:{line}: cameras.door.{'.'.join(key)}") for each in problems), text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]", "ignore.0.0: must be a list, got 0.1"),
        ("[[[0.1, 0.1], [1.2, 0.1], [0.2, 0.2]]]", "ignore.0.1.0: must be at most 1, got 1.2"),
        ("[[[10%, 10%], [20%, 10%], [20%, 20%]]]", "ignore.0.0.0: must be a valid number"),
        ("[[[100, 100], [200, 100], [200, 200]]]", "ignore.0.0.0: must be at most 1, got 100"),
    ],
)
def test_a_wrong_polygon_is_told_and_takes_no_camera_away(written, told):
    _, problems = outcome(
        f"cameras:\n  gate: {{source: b.mp4}}\n  door:\n    source: a.mp4\n    ignore: {written}"
    )
    assert problems[0].startswith(f"c.yaml:5: cameras.door.{told}")


def test_a_camera_that_is_wrong_without_a_problem_is_an_error_all_the_same(monkeypatch):
    monkeypatch.setattr(Reader, "_report", lambda *_: None)
    _, problems = outcome("cameras: {gate: {source: b.mp4}, door: {source: a.mp4, fps: -1}}")
    assert problems == ["c.yaml: cannot be used: fps"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fps: 3", "cameras: there is none to watch"),
        ("", "cameras: there is none to watch"),
        ("fps: 3\ncameras: {}", ":2: cameras: there is none to watch"),
        ("fps: 3\ncameras:", ":2: cameras: must be a valid dictionary, got None"),
    ],
)
def test_a_file_without_cameras_is_refused_where_they_are_needed_alone(tmp_path, text, told):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    for read in (config.load, config.check):
        with pytest.raises(ConfigError, match=told):
            read(path)
    if told.endswith("watch"):
        assert config.load(path, {"queue", "models"}).cameras == {}
