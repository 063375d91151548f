"""What differs between two runs."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from maskwatch.core.errors import DataError
from maskwatch.core.records import Alert, AlertKind, Box, FrameReport, Label, Person
from maskwatch.evaluation.document import Image, page
from maskwatch.output.compare import Kind, Run, differences, seconds_under_alone
from maskwatch.output.compare_pictures import side_by_side
from maskwatch.output.compare_report import MAX_PICTURES, Compared, report
from maskwatch.output.draw import COLOURS
from maskwatch.output.places import Places
from maskwatch.output.trace import Trace

P, U, N = Label.PROTECTED, Label.UNPROTECTED, Label.UNKNOWN
HERE, THERE, BEHIND = Box(10, 10, 60, 80), Box(200, 10, 250, 80), Box(400, 10, 450, 80)

SCHEMA = {
    "type": "object",
    "required": ["what", "footage", "broken", "same", "a", "b", "counts", "differences"],
    "additionalProperties": False,
    "properties": {
        "what": {"const": "replays"},
        "footage": {"type": "string"},
        "broken": {"type": ["string", "null"]},
        "same": {"type": "boolean"},
        "a": {"$ref": "#/$defs/run"},
        "b": {"$ref": "#/$defs/run"},
        "counts": {"type": "object", "propertyNames": {"enum": [kind.value for kind in Kind]}},
        "differences": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind", "from", "to", "frame", "people_a", "people_b", "text"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": [kind.value for kind in Kind]},
                    "from": {"type": "number"},
                    "to": {"type": "number"},
                    "frame": {"type": "integer"},
                    "people_a": {"type": "array", "items": {"type": "integer"}},
                    "people_b": {"type": "array", "items": {"type": "integer"}},
                    "text": {"type": "string"},
                },
            },
        },
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["name", "models", "frames", "people", "bound", "under_s", "under_alone_s", "alerts"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "models": {"type": ["object", "null"]},
                "frames": {"type": "integer"},
                "people": {"type": "object", "required": ["followed", "protected", "unprotected", "unknown"]},
                "bound": {"type": "number"},
                "under_s": {"type": "number"},
                "under_alone_s": {"type": "number"},
                "alerts": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["at", "ended_at", "people", "unprotected"],
                        "additionalProperties": False,
                        "properties": {
                            "at": {"type": "number"},
                            "ended_at": {"type": ["number", "null"]},
                            "people": {"type": "integer"},
                            "unprotected": {"type": "integer"},
                        },
                    },
                },
            },
        }
    },
}


def run(*people, frames=60, alerts=(), bound=0.75, name="x.yaml", shift=0):
    """Ten frames a second of people: a box, and a verdict a frame (None: not in view)."""
    trace = Trace()
    for place in range(frames):
        persons = tuple(
            Person(number, box, labels[place], 0.5, face=0)
            for number, (box, labels) in enumerate(people, 1)
            if labels[place] is not None
        )
        trace.add(FrameReport("door", "clip.mp4", place + shift, place / 10, (640, 360), (), persons=persons))
    return Run(name, trace, alerts, bound)


def alert(at, ended_at=None, kind=AlertKind.UNPROTECTED):
    return Alert("door", at, 0.0, 2, 2, "x", kind, ended_at=ended_at)


def kinds(a, b):
    return [each.kind for each in differences(a, b)]


def test_the_same_run_twice_has_no_difference():
    a = run((HERE, [U] * 60), (THERE, [P] * 60), alerts=[alert(1.0)])
    b = run((HERE, [U] * 60), (THERE, [P] * 60), alerts=[alert(1.0)])
    assert differences(a, b) == ()
    found = report(Compared("clip.mp4", a, b, ()), {})
    assert found.title == "No difference between A and B on clip.mp4"
    assert found.facts["same"] is True
    assert "The same alerts, the same people, and the same verdicts on them." in page(found).decode()


def test_people_may_have_other_numbers_and_boxes_that_are_a_little_off():
    a = run((HERE, [P] * 60), (THERE, [P] * 60))
    b = run((THERE.moved(6, -4), [P] * 60), (HERE.moved(-5, 5), [P] * 60))
    assert differences(a, b) == ()


@pytest.mark.parametrize(
    ("of_a", "of_b", "found"),
    [
        ([1.0], [1.5], []),
        ([1.0], [2.0], []),
        ([1.0], [2.1], [Kind.ALERT_MOVED]),
        ([3.0], [1.0], [Kind.ALERT_MOVED]),
        ([1.0], [], [Kind.ALERT_LOST]),
        ([], [1.0], [Kind.ALERT_GAINED]),
        ([1.0], [12.0], [Kind.ALERT_LOST, Kind.ALERT_GAINED]),
        ([1.0, 4.0], [4.2], [Kind.ALERT_LOST]),  # the nearest is the same
        ([1.0, 4.0], [1.2, 4.1, 8.0], [Kind.ALERT_GAINED]),
    ],
)
def test_alerts_are_lost_gained_or_moved(of_a, of_b, found):
    sides = [run(frames=130, alerts=[alert(at) for at in times]) for times in (of_a, of_b)]
    assert kinds(*sides) == found


def test_alerts_of_other_kinds_are_others():
    a, b = run(alerts=[alert(1.0)]), run(alerts=[alert(1.0, kind=AlertKind.CAMERA_DEAD)])
    assert kinds(a, b) == [Kind.ALERT_LOST, Kind.ALERT_GAINED]


def test_who_is_seen_by_one_alone_is_told_the_longest_first():
    a = run((HERE, [P] * 60))
    b = run((HERE, [P] * 60), (THERE, [P] * 5 + [None] * 55), (BEHIND, [N] * 20 + [None] * 40))
    found = differences(a, b)
    assert [(each.kind, each.people_b, each.start, each.place) for each in found] == [
        (Kind.ONLY_B, (3,), 0.0, 10),
        (Kind.ONLY_B, (2,), 0.0, 2),
    ]
    assert found[0].text == "0.00 s: person 3 for 2.00 s, unknown"
    assert [(each.kind, each.people_a) for each in differences(b, a)] == [
        (Kind.ONLY_A, (3,)),
        (Kind.ONLY_A, (2,)),
    ]


def test_one_person_who_is_two_in_the_other_is_no_new_one():
    a = run((HERE, [P] * 60))
    b = run((HERE, [P] * 30 + [None] * 30), (HERE, [None] * 30 + [P] * 30))
    (found,) = differences(a, b)
    assert (found.kind, found.people_a, found.people_b) == (Kind.PARTED, (1,), (1, 2))
    assert found.text == "person 1 of A is 2 people in B: 1 and 2"
    (back,) = differences(b, a)
    assert (back.people_a, back.people_b) == ((1, 2), (1,))


@pytest.mark.parametrize(("frames", "told"), [(9, False), (10, True), (40, True)])
def test_who_is_judged_otherwise_for_a_second_is_told(frames, told):
    a = run((HERE, [P] * 60), (THERE, [P] * 60), bound=0.1)
    b = run((HERE, [P] * 60), (THERE, [P] * 15 + [U] * frames + [P] * (45 - frames)), bound=0.1)
    found = differences(a, b)
    assert [each.kind for each in found] == [Kind.OTHERWISE] * told
    if told:
        assert (found[0].people_a, found[0].people_b) == ((2,), (2,))
        assert (found[0].start, found[0].place) == (1.5, 15 + frames // 2)
        assert "mask in A, no mask in B" in found[0].text


def test_seconds_on_the_other_side_of_the_bound_are_counted_and_nobody_is_not_under():
    a = run((HERE, [P] * 60), (THERE, [P] * 60))
    b = run((HERE, [P] * 60), (THERE, [P] * 10 + [U] * 5 + [P] * 5 + [U] * 3 + [P] * 37))
    found = [each for each in differences(a, b) if each.kind is not Kind.OTHERWISE]
    assert [(each.kind, each.start, each.place) for each in found] == [
        (Kind.UNDER_B, 1.0, 12),
        (Kind.UNDER_B, 2.0, 21),
    ]
    assert found[0].text == "1.00 s for 0.50 s: 50% in B, 100% in A"
    assert (seconds_under_alone(a, b), seconds_under_alone(b, a)) == (0, pytest.approx(0.8))
    nobody = run((HERE, [N] * 60))
    assert seconds_under_alone(nobody, a) == 0
    assert seconds_under_alone(run((HERE, [U] * 60)), nobody) == pytest.approx(6.0)


def test_each_run_is_held_against_its_own_bound():
    people = ((HERE, [P] * 60), (THERE, [U] * 60))
    found = differences(run(*people), run(*people, bound=0.4))
    assert [(each.kind, each.start, each.end) for each in found] == [(Kind.UNDER_A, 0.0, pytest.approx(6.0))]


def test_footage_that_changed_meanwhile_is_refused():
    with pytest.raises(DataError, match=r"clip\.mp4"):
        differences(run(), run(shift=1))
    with pytest.raises(DataError, match=r"clip\.mp4"):
        differences(run(), run(frames=59))


def test_the_report_has_a_picture_each_up_to_a_number_and_the_facts_of_all():
    crowd = [(Box(5 + 60 * n, 10, 45 + 60 * n, 60), [P] * 60) for n in range(10)]
    a, b = run(name="<a>.yaml", alerts=[alert(1.0, 2.5)]), run(*crowd)
    compared = Compared("clip.mp4", a, b, differences(a, b), "clip.mp4: is cut off")
    chosen = compared.pictured()
    assert len(compared.of(Kind.ONLY_B)) == 10
    assert len([each for each in chosen if each.kind is Kind.ONLY_B]) == MAX_PICTURES
    made = report(compared, {each: Image(b"jpeg", each.text) for each in chosen})
    text = page(made).decode()
    assert text.count("data:image/jpeg") == MAX_PICTURES + 1
    assert "Without a picture: 2 others" in text
    assert "clip.mp4: is cut off" in text
    assert "&lt;a&gt;.yaml" in text
    facts = json.loads(json.dumps(made.facts, allow_nan=False))
    jsonschema.validate(facts, SCHEMA)
    assert len(facts["differences"]) == 11
    assert facts["counts"]["person_only_in_b"] == 10
    assert facts["a"]["alerts"] == [{"at": 1.0, "ended_at": 2.5, "people": 2, "unprotected": 2}]


def test_a_picture_shows_a_left_and_b_right_about_the_person():
    box = Box(300, 150, 350, 210)
    a, b = run((box, [P] * 60)), run((box, [U] * 60))
    difference = next(each for each in differences(a, b) if each.kind is Kind.OTHERWISE)
    rgb = np.full((360, 640, 3), 128, np.uint8)
    image = side_by_side(rgb, difference, (a, b), (Places(), Places()))
    half = image.shape[1] // 2

    def there(part, label):
        return (np.abs(part.astype(int) - COLOURS[label]).max(axis=2) < 12).mean()

    assert there(image[:, :half], P) > 0.002 > there(image[:, half:], P)
    assert there(image[:, half:], U) > 0.002 > there(image[:, :half], U)
    whole = side_by_side(rgb, replace(difference, people_a=(), people_b=()), (a, b), (Places(), Places()))
    assert there(whole[:, :half], P) < there(image[:, :half], P)  # further away


@pytest.mark.parametrize("size", [(64, 48), (48, 640), (640, 48)])
def test_footage_of_any_shape_has_its_pictures(size):
    box = Box(-3, 2, 20, 30)
    a, b = run((box, [P] * 60)), run((box, [U] * 60))
    a.trace.size = b.trace.size = size
    rgb = np.full((size[1], size[0], 3), 128, np.uint8)
    for difference in differences(a, b):
        assert side_by_side(rgb, difference, (a, b), (Places(), Places())).shape[2] == 3
