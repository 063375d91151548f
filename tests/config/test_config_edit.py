import copy
import os
import random
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.config import edit as edit_module
from maskwatch.config import load as config
from maskwatch.config.edit import ConfigFile
from maskwatch.config.yaml_document import TreeError, read
from maskwatch.config.yaml_edit import REMOVE, comments, edited
from maskwatch.core.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config.yaml"
HALL = [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]
ZONES = ("cameras", "entrance", "zones")
RATIO = ("alert", "protected_ratio")


def changed_lines(before, after):
    """The lines of each that the other has not."""
    old, new = before.split("\n"), after.split("\n")
    return [each for each in old if each not in new], [each for each in new if each not in old]


def test_a_zone_stands_right_under_the_camera_s_own_keys_and_all_else_stays_to_the_byte():
    text = SHIPPED.read_text()
    after = edited(text, {(*ZONES, "hall"): HALL, RATIO: 0.6})
    old, new = changed_lines(text, after)
    assert old == ["  protected_ratio: 0.75       # speak when the ratio is strictly under this"]
    assert new == [
        "    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}",
        "  protected_ratio: 0.6       # speak when the ratio is strictly under this",
    ]
    assert after.index("zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}\n    # a picture") > 0
    assert edited(after, {ZONES: REMOVE, RATIO: 0.75}) == text


EDITS = {
    "a number keeps its comment": ("a: {b: 1} # c\n", {("a", "b"): 2.5}, "a: {b: 2.5} # c\n"),
    "into an empty section": ("a: {}\n", {("a", "b"): [1, 2]}, "a: {b: [1, 2]}\n"),
    "into a section with no value": ("a:\nb: 1\n", {("a", "c"): 1}, "a: {c: 1}\nb: 1\n"),
    "sections that are missing": ("b: 1", {("x", "y", "z"): "on"}, "b: 1\nx: {y: {z: 'on'}}"),
    "into an empty file": ("# nothing yet\n", {("x", "y"): 1}, "# nothing yet\nx: {y: 1}\n"),
    "null is a value": ("a: {b: 1}\n", {("a", "b"): None}, "a: {b: null}\n"),
    "JSON stays JSON": ('{"a": {"b": 1}}\n', {("a", "홀"): [True]}, '{"a": {"b": 1, "홀": [true]}}\n'),
    "JSON over lines": (
        '{\n  "a": 1,\n  "b": {"c": 2}\n}\n',
        {("d",): "x"},
        '{\n  "a": 1,\n  "b": {"c": 2},\n  "d": "x"\n}\n',
    ),
    "Korean": (
        "카메라:\n  정문: {a: 1} # 문\n",
        {("카메라", "정문", "홀"): 1},
        "카메라:\n  정문: {a: 1, 홀: 1} # 문\n",
    ),
    "lines that end as Windows has them": (
        "a:\r\n  b: 1 # c\r\nd: 2\r\n",
        {("a", "e"): 3},
        "a:\r\n  b: 1 # c\r\n  e: 3\r\nd: 2\r\n",
    ),
    "a block becomes one line, its comments stand above": (
        "z:\n  # one\n  hall: # two\n    - [0, 1]\n    # three\n    - [1, 1] # four\nb: 1\n",
        {("z", "hall"): [[0, 0]]},
        "z:\n  # one\n  # two\n  # three\n  hall: [[0, 0]] # four\nb: 1\n",
    ),
    "an item goes, its comment stays": ("a:\n  - 1 # x\n  - 2\n", {("a", 0): REMOVE}, "a:\n  # x\n  - 2\n"),
    "an item more": ("a:\n- 1\n- 2 # x\nb: 1\n", {("a", 2): 3}, "a:\n- 1\n- 2 # x\n- 3\nb: 1\n"),
    "the last one of a block goes": ("a:\n  b: 1\nc: 2\n", {("a", "b"): REMOVE}, "a: {}\nc: 2\n"),
    "the first of a flow goes": ("a: {b: 1, c: 2}\n", {("a", "b"): REMOVE}, "a: {c: 2}\n"),
    "the last of a flow goes": ("a: {b: 1, c: 2,}\n", {("a", "c"): REMOVE}, "a: {b: 1,}\n"),
    "a comma at the end": ("a: {\n  b: 1, # x\n}\n", {("a", "c"): 2}, "a: {\n  b: 1, # x\n  c: 2\n}\n"),
    "a text of lines before": (
        "a:\n  say: |\n    one\n\n    two\nb: 1\n",
        {("a", "c"): 2},
        "a:\n  say: |\n    one\n\n    two\n  c: 2\nb: 1\n",
    ),
    "a rule within a list": (
        "r:\n- kind: x # c\n  for_s: 1\n- y\n",
        {("r", 0, "for_s"): 2},
        "r:\n- kind: x # c\n  for_s: 2\n- y\n",
    ),
    "the first key of an item goes": ("r:\n- a: 1\n  b: 2\n", {("r", 0, "a"): REMOVE}, "r:\n- b: 2\n"),
    "a camera called no": ("no: {012: 1}\n", {("no", "012"): 2}, "no: {012: 2}\n"),
}


@pytest.mark.parametrize(("text", "changes", "expected"), EDITS.values(), ids=EDITS)
def test_a_change_leaves_the_style_as_it_is(text, changes, expected):
    assert edited(text, changes) == expected


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: {b: 1}\nc: {b: 1,\n  b: 2}\n", 3, "duplicate key b"),
        ("a: &x {b: 1}\nc: *x\n", 1, "anchor"),
        ("a: {b: 1}\nc: {<<: {b: 2}}\n", 2, "merge key"),
        ("a:\n\tb: 1\n", 2, "token"),
        ("a: 1\n---\nb: 1\n", 2, "document"),
        ("a: !!python/none x\n", 1, "no place"),
        ("a: {b: 5}\n? c\n: {d: 1}\n", 0, None),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_line(text, line, why):
    if why is None:
        assert edited(text, {("a", "b"): 6}) == text.replace("5", "6")
        return
    with pytest.raises(TreeError, match=why) as e:
        edited(text, {("a", "b"): 6})
    assert e.value.line == line


SCALARS = (
    1,
    0.75,
    True,
    None,
    "x",
    "on",
    "마스크",
    "a, b: c",
    "{MASKWATCH_X}",
    "# no comment",
    "1.0",
    "it's",
)
NAMES = ("a", "b b", "no", "정문", "1", "for_s", "x-y")


def some(rng, depth=0):
    kind = rng.random() if depth < 3 else 1.0
    if kind < 0.35 or depth == 0:
        return {name: some(rng, depth + 1) for name in rng.sample(NAMES, rng.randint(1, 4))}
    if kind < 0.55:
        return [some(rng, depth + 1) for _ in range(rng.randint(1, 3))]
    return rng.choice(SCALARS)


def one_line(value):
    return yaml.safe_dump([value], default_flow_style=True, width=10**6, allow_unicode=True).strip()[1:-1]


def written(rng, value, indent=0, count=None):
    """As somebody might write it: blocks and flows, comments and empty lines in between."""
    count = [0] if count is None else count

    def comment():
        count[0] += 1
        return f"  # comment {count[0]}: 이것" if rng.random() < 0.4 else ""

    pad, lines = " " * indent, []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if rng.random() < 0.15:
            lines.append(rng.choice(["", f"{pad}{comment().strip()}"]))
        head = f"{one_line({key: 0})[1:-1][:-2]}" if isinstance(value, dict) else "-"
        if not isinstance(item, (dict, list)) or not item or rng.random() < 0.4:
            lines.append(f"{pad}{head} {one_line(item)}{comment()}")
        else:
            lines += [f"{pad}{head}{comment()}", *written(rng, item, indent + 2, count)]
    return lines


def places(value, way=()):
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*way, key)
        yield from places(item, (*way, key))


def at(value, way):
    for part in way:
        value = value[part]
    return value


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_a_random_change_of_a_random_file_keeps_every_other_value_and_every_comment(seed):
    rng = random.Random(seed)
    value = some(rng)
    text = rng.choice(["\n", "\r\n"]).join([*written(rng, value), ""])
    assert read(text).value == value
    way = rng.choice(list(places(value)))
    expected = copy.deepcopy(value)
    action, new = rng.choice(["set", "remove", "add"]), rng.choice([*SCALARS, HALL, {"hall": HALL}])
    if action == "add" and isinstance(at(value, way), (dict, list)):
        part = len(at(value, way)) if isinstance(at(value, way), list) else "new"
        way = (*way, part)
        at(expected, way[:-1]).append(new) if isinstance(part, int) else at(expected, way[:-1]).update(
            {part: new}
        )
    elif action == "remove" and len(value) > 1:
        new = REMOVE
        del at(expected, way[:-1])[way[-1]]
    else:
        at(expected, way[:-1])[way[-1]] = new
    after = edited(text, {way: new})
    assert read(after).value == expected
    assert (
        sorted(comments(after))
        == sorted(comments(text))
        == sorted(
            line[line.index("# comment") :].rstrip() for line in text.splitlines() if "# comment" in line
        )
    )


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "etc" / "config.yaml"
    path.parent.mkdir()
    path.write_text(SHIPPED.read_text())
    path.chmod(0o640)
    return path


@pytest.fixture
def edit(file, tmp_path):
    return ConfigFile(file, tmp_path / "history")


def test_it_is_written_whole_with_the_file_s_mode_and_undone_step_by_step(file, edit):
    first = file.read_text()
    for ratio in (0.6, 0.5):
        edit.write(edit.propose({RATIO: ratio}, edit.digest()))
        assert config.check(file) == 1  # camera
        assert edit.value()["alert"]["protected_ratio"] == ratio
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert edit.can_undo()
    edit.undo()
    assert edit.value()["alert"]["protected_ratio"] == 0.6
    assert edit.undo() == edit.digest()
    assert file.read_text() == first
    assert not edit.can_undo()
    with pytest.raises(ConfigError, match="nothing is left to undo"):
        edit.undo()
    assert [each.name for each in file.parent.iterdir()] == ["config.yaml"]


def test_what_the_loader_refuses_is_not_written_and_its_key_and_line_are_told(file, edit):
    with pytest.raises(
        ConfigError, match=r"config.yaml:26: alert.protected_ratio: must be at most 1, got 1.5"
    ) as e:
        edit.propose({RATIO: 1.5}, edit.digest())
    assert str(file) in str(e.value)
    assert file.read_text() == SHIPPED.read_text()


def test_a_file_that_somebody_else_changed_meanwhile_is_left_alone(file, edit):
    proposal = edit.propose({RATIO: 0.6}, edit.digest())
    seen = edit.digest()
    file.write_text(file.read_text() + "# by hand\n")
    with pytest.raises(ConfigError, match="somebody else meanwhile"):
        edit.write(proposal)
    with pytest.raises(ConfigError, match="somebody else meanwhile"):
        edit.propose({RATIO: 0.6}, seen)
    edit.write(edit.propose({RATIO: 0.6}, edit.digest()))
    file.write_text(file.read_text() + "# again by hand\n")
    assert not edit.can_undo()
    with pytest.raises(ConfigError, match="somebody else since"):
        edit.undo()
    assert file.read_text().endswith("# by hand\n# again by hand\n")


def test_versions_before_are_bounded_and_nobody_else_s(file, edit, tmp_path, monkeypatch):
    monkeypatch.setattr(edit_module, "MAX_KEPT", 3)
    for number in range(6):
        edit.write(edit.propose({RATIO: number / 100}, edit.digest()))
    kept = [each for each in (tmp_path / "history").iterdir() if each.suffix == ".yaml"]
    assert len(kept) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}


def test_a_byte_order_mark_and_line_ends_of_windows_stay(file, edit):
    file.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes().replace(b"\n", b"\r\n"))
    before = file.read_bytes()
    edit.write(edit.propose({RATIO: 0.6}, edit.digest()))
    assert file.read_bytes() == before.replace(b"protected_ratio: 0.75", b"protected_ratio: 0.6")
    edit.undo()
    assert file.read_bytes() == before


def test_a_link_stays_a_link(file, edit, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    through = ConfigFile(link, tmp_path / "history")
    through.write(through.propose({RATIO: 0.6}, through.digest()))
    assert link.is_symlink()
    assert edit.value()["alert"]["protected_ratio"] == 0.6


def test_no_variable_is_asked_for_and_no_secret_is_shown(file, edit, monkeypatch):
    monkeypatch.setenv("MASKWATCH_ENTRANCE_PASSWORD", "hunter2")
    file.write_text(
        'cameras: {door: {source: "rtsp://a:opensesame@192.0.2.1/x", fps: 1}}\n'
        "alert: {sinks: [{kind: webhook, url: 'https://x.test/?key=abracadabra'}]}\n"
    )
    changes = {("cameras", "door", "fps"): 2, ("alert", "for_s"): 2}
    proposal = edit.propose(changes, edit.digest())
    shown = "\n".join([*proposal.removed, *proposal.added])
    assert "opensesame" not in shown
    assert "abracadabra" not in shown
    assert len(proposal.added) == len(proposal.removed) == 2
    assert "opensesame" in proposal.after


def test_a_file_that_may_not_be_written_says_so(file, edit, monkeypatch):
    assert edit.why_not_writable() is None
    monkeypatch.setattr(os, "access", lambda path, mode: path != file)
    assert edit.why_not_writable() == f"{file}: this process may only read it"
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert "another user" in edit.why_not_writable()
