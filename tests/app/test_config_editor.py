from dataclasses import replace

import pytest

from maskwatch.app.config_editor import ConfigEditor
from maskwatch.config.load import load
from maskwatch.console.editor.draft import Draft, PlaceKind
from maskwatch.console.editor.port import SettingsChange
from maskwatch.core.errors import ConfigError

FILE = """\
cameras:
  door:
    source: rtsp://viewer:{MASKWATCH_DOOR}@192.0.2.1/x   # never asked for
    ignore:
      - [[0, 0], [0.1, 0], [0.1, 0.1]]   # the poster
      - [[0.5, 0], [0.6, 0], [0.6, 0.1]] # the painting
    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}
  정문:
    source: usb:0
zones: {everywhere: [[0, 0], [1, 0], [1, 1], [0, 1]]}
alert: {protected_ratio: 0.75, rules: [{kind: protected_ratio, for_s: 3}, without_mask]}
classify: {protected_at: 0.5}
"""
SQUARE = [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def editor(path, tmp_path):
    return ConfigEditor(path, tmp_path / "history")


@pytest.fixture
def changed(editor):
    """Make a change to a camera's draft; gives the lines that go and come."""

    def make(change, camera="door", for_all=False):
        snapshot = editor.read()
        settings = snapshot.cameras[camera]
        draft = Draft(settings.places, settings.thresholds)
        change(draft)
        prepared = editor.prepare(
            SettingsChange(camera, draft.places, draft.thresholds, snapshot.digest, for_all)
        )
        editor.save(prepared)
        after = editor.read().cameras[camera]
        if not for_all:
            assert {replace(p, number=0) for p in after.places} == {
                replace(p, number=0) for p in draft.places
            }
        assert after.thresholds == draft.thresholds
        return list(prepared.removed), list(prepared.added)

    return make


def named(draft, name):
    return next(place.number for place in draft.places if place.name == name)


def ignored(draft, place):
    return draft.of(PlaceKind.IGNORE)[place].number


def test_what_is_in_force_is_read_with_what_all_cameras_have(editor):
    cameras = editor.read().cameras
    assert [place.name for place in cameras["door"].places] == ["", "", "everywhere", "hall"]
    assert [place.name for place in cameras["정문"].places] == ["everywhere"]
    thresholds = cameras["door"].thresholds
    assert (
        thresholds.protected_at,
        thresholds.protected_ratio,
        thresholds.for_s,
        thresholds.min_face_px,
    ) == (
        0.5,
        0.75,
        3,
        20,
    )
    assert 0 < thresholds.found_at < 1  # from the weights' own file


CHANGES = {
    "a zone more": (
        lambda d: d.add(PlaceKind.ZONE, SQUARE),
        ["    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}"],
        [
            "    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]], zone 1: [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]]}"
        ],
    ),
    "the first line": (
        lambda d: d.flip(d.add(PlaceKind.LINE, SQUARE[:2])),
        [],
        ["    lines: {line 1: {from: [0.2, 0.2], to: [0.4, 0.2], leaving: left}}"],
    ),
    "a polygon more": (
        lambda d: d.add(PlaceKind.IGNORE, SQUARE),
        [],
        ["      - [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]]"],
    ),
    "a polygon is moved": (
        lambda d: d.move_corner(ignored(d, 1), 0, (0.4, 0)),
        ["      - [[0.5, 0], [0.6, 0], [0.6, 0.1]] # the painting"],
        ["      - [[0.4, 0], [0.6, 0], [0.6, 0.1]] # the painting"],
    ),
    "a polygon goes and one comes": (
        lambda d: (d.remove(ignored(d, 0)), d.add(PlaceKind.IGNORE, SQUARE)),
        ["      - [[0, 0], [0.1, 0], [0.1, 0.1]]   # the poster"],
        ["      # the poster", "      - [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]]"],
    ),
    "the only own zone goes": (
        lambda d: d.remove(named(d, "hall")),
        ["    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}"],
        [],
    ),
    "another name": (
        lambda d: d.rename(named(d, "hall"), "홀"),
        ["    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}"],
        ["    zones: {홀: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}"],
    ),
    "a zone of all, here alone": (
        lambda d: d.move_corner(named(d, "everywhere"), 0, (0.1, 0.1)),
        ["    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]]}"],
        [
            "    zones: {hall: [[0.1, 0.2], [0.9, 0.2], [0.9, 1]], everywhere: [[0.1, 0.1], [1, 0], [1, 1], [0, 1]]}"
        ],
    ),
    "two thresholds, one in a rule of all cameras": (
        lambda d: (d.set_threshold("protected_at", 0.6), d.set_threshold("for_s", 2)),
        [],
        [
            "    classify: {protected_at: 0.6}",
            "    alert: {rules: [{kind: protected_ratio, for_s: 2}, without_mask]}",
        ],
    ),
}


@pytest.mark.parametrize(("change", "removed", "added"), CHANGES.values(), ids=CHANGES)
def test_only_what_was_changed_is_written_and_one_step_undoes(changed, editor, path, change, removed, added):
    assert changed(change) == (removed, added)
    assert editor.read().can_undo
    editor.undo()
    assert path.read_text() == FILE


def test_a_number_for_all_cameras_takes_the_camera_s_own_away(changed, editor, path):
    changed(lambda d: d.set_threshold("protected_at", 0.6))
    assert load(path, {"classify"}).cameras["정문"].classify.protected_at == 0.5
    removed, added = changed(lambda d: d.set_threshold("protected_at", 0.7), for_all=True)
    assert removed == ["    classify: {protected_at: 0.6}", "classify: {protected_at: 0.5}"]
    assert added == ["    classify: {}", "classify: {protected_at: 0.7}"]
    assert {each.classify.protected_at for each in load(path, {"classify"}).cameras.values()} == {0.7}


def test_a_rule_s_own_number_is_changed_where_the_rule_stands(changed, path):
    _, added = changed(lambda d: d.set_threshold("for_s", 4), for_all=True)
    assert added == [
        "alert: {protected_ratio: 0.75, rules: [{kind: protected_ratio, for_s: 4}, without_mask]}"
    ]


def test_the_detector_s_last_threshold_is_written_with_the_two_before_it(changed, editor):
    _, added = changed(lambda d: d.set_threshold("found_at", 0.9))
    assert added[0].startswith("    detect: {thresholds: [")
    assert added[0].endswith(", 0.9]}")


def test_what_all_cameras_have_cannot_be_taken_from_one(changed, path):
    with pytest.raises(ConfigError, match=r"zones.everywhere: stands in the section for all cameras"):
        changed(lambda d: d.remove(named(d, "everywhere")))
    changed(lambda d: d.remove(named(d, "everywhere")), for_all=True)
    assert "everywhere" not in path.read_text()


def test_a_zone_that_a_rule_asks_for_cannot_go(path, changed):
    path.write_text(
        FILE.replace("without_mask]", "{kind: without_mask, zone: hall}]").replace(
            "usb:0", "usb:0\n    alert: {rules: []}"
        )
    )
    with pytest.raises(ConfigError, match=r"config.yaml:\d+: cameras.door.alert.rules.1.zone: is no zone"):
        changed(lambda d: d.rename(named(d, "hall"), "lobby"))


def test_nothing_changed_is_nothing_to_save(changed):
    with pytest.raises(ConfigError, match="nothing is changed"):
        changed(lambda d: None)


def test_what_is_tried_goes_by_the_numbers_and_places_of_the_draft(editor, report):
    settings = editor.read().cameras["door"]
    reports = [report(1e9 + n / 5, 0.7, camera="door") for n in range(50)]
    tried = {
        at: editor.what_if("door", (), replace(settings.thresholds, protected_at=at), live=True).run(reports)
        for at in (0.5, 0.8)
    }
    assert [len(each.alerts) for each in tried.values()] == [0, 2]  # of the ratio, and of the person
    later = editor.what_if("door", (), replace(settings.thresholds, protected_at=0.8, for_s=8), live=True)
    assert [alert.rule for alert in later.run(reports).alerts] == ["without_mask", "protected_ratio"]
    zoned = editor.what_if("door", settings.places, settings.thresholds, live=True).run(reports)
    assert zoned.moments[-1].people == 1


def all_but(*names):
    return lambda d: [d.remove(p.number) for p in d.of(PlaceKind.IGNORE)[len(names) :]]


@pytest.mark.parametrize(
    ("everywhere", "for_all", "door", "others"),
    [
        ("", False, 0, 0),  # its own list goes
        ("ignore: [[[0, 0], [1, 0], [1, 0.5]]]\n", False, 0, 1),  # its own is empty, in place of the other
        ("ignore: [[[0, 0], [1, 0], [1, 0.5]]]\n", True, 0, 0),
    ],
)
def test_without_any_ignored_polygon_none_comes_back(path, changed, everywhere, for_all, door, others):
    path.write_text(FILE + everywhere)
    changed(all_but(), for_all=for_all)
    cameras = load(path, {"ignore"}).cameras
    assert [len(cameras["door"].ignore), len(cameras["정문"].ignore)] == [door, others]
    assert "# the poster" in path.read_text()


def test_a_polygon_for_all_cameras_is_written_over_no_other_list(path, changed):
    path.write_text(FILE + "ignore: [[[0, 0], [1, 0], [1, 0.5]], [[0, 0.5], [1, 0], [1, 0.5]]]\n")
    changed(lambda d: d.remove(ignored(d, 0)), for_all=True)
    cameras = load(path, {"ignore"}).cameras
    assert cameras["door"].ignore == cameras["정문"].ignore == (((0.5, 0), (0.6, 0), (0.6, 0.1)),)
