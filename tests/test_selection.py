import numpy as np
import pytest

from maskwatch.core.records import Box
from maskwatch.core.selection import Selection

HERE, THERE = Box(10, 10, 60, 80), Box(300, 10, 350, 80)
SURE, UNSURE = 0.99, 0.5


def make_selection(**changed):
    bounds = {"classifier_band": (0.35, 0.65), "detector_band": (0.8, 0.9), "max_per_hour": 60}
    return Selection(**(bounds | changed))


@pytest.fixture
def selected(report):
    """Whether a selection takes a frame with these faces at `at`."""

    def ask(selection, at, *probabilities, grey=90, score=0.99, boxes=None):
        rgb = np.full((48, 64, 3), grey, np.uint8)
        return selection.update(report(at, *probabilities, score=score, boxes=boxes), rgb)

    return ask


@pytest.mark.parametrize(
    ("protected", "score", "reasons"),
    [
        (0.5, 0.99, ("classifier",)),
        (0.35, 0.99, ("classifier",)),
        (0.65, 0.99, ("classifier",)),
        (0.3499, 0.99, ()),
        (0.6501, 0.99, ()),
        (0.99, 0.85, ("detector",)),
        (0.99, 0.8, ("detector",)),
        (0.99, 0.9, ("detector",)),
        (0.99, 0.7999, ()),
        (0.99, 0.9001, ()),
        (0.5, 0.85, ("classifier", "detector")),
        (None, 0.85, ("detector",)),
        (None, 0.99, ()),
    ],
)
def test_takes_a_face_within_a_band_both_ends_included(selected, protected, score, reasons):
    assert selected(make_selection(), 0.0, protected, score=score) == reasons


def test_nobody_is_nothing_to_look_at(selected):
    assert selected(make_selection(), 0.0) == ()


def test_one_unsure_face_among_sure_ones_is_enough(selected):
    assert selected(make_selection(), 0.0, SURE, UNSURE, 0.01) == ("classifier",)


def test_the_same_face_is_not_taken_twice(selected):
    selection = make_selection()
    assert selected(selection, 0.0, UNSURE, boxes=[HERE])
    for tenths in range(1, 600):
        assert not selected(selection, tenths / 10, 0.5 + 0.1 * (tenths % 2), boxes=[HERE], grey=95)


@pytest.mark.parametrize(
    "later",
    [
        {"boxes": [THERE]},
        {"grey": 150},
        {"score": 0.6},
        {"at": 60.0},
        {"at": -5.0},  # the clock was set back
    ],
    ids=["face elsewhere", "changed scene", "changed score", "a minute later", "clock set back"],
)
def test_the_same_face_is_taken_again_when_something_changed(selected, later):
    selection = make_selection(detector_band=(0.5, 0.7))
    first = {"at": 0.0, "boxes": [HERE], "score": 0.99}
    assert selected(selection, first.pop("at"), UNSURE, **first)
    again = {"at": 0.2, **first, **later}
    assert selected(selection, again.pop("at"), UNSURE, **again)


def test_a_changed_verdict_is_taken_again(selected):
    selection = make_selection(classifier_band=(0.2, 0.8))
    assert selected(selection, 0.0, 0.25, boxes=[HERE])
    assert not selected(selection, 0.2, 0.4, boxes=[HERE])
    assert selected(selection, 0.4, 0.75, boxes=[HERE])


def test_a_second_unsure_face_is_taken(selected):
    selection = make_selection()
    assert selected(selection, 0.0, UNSURE, boxes=[HERE])
    assert selected(selection, 0.2, UNSURE, UNSURE, boxes=[HERE, THERE])
    assert not selected(selection, 0.4, UNSURE, boxes=[THERE])


def test_takes_at_most_so_many_in_any_hour(selected):
    selection = make_selection(max_per_hour=3)
    times = [0.0, 1000.0, 2000.0, 3000.0, 3599.0, 3600.0, 4000.0, 4600.0, 4700.0]
    assert [at for at in times if selected(selection, at, UNSURE)] == [0.0, 1000.0, 2000.0, 3600.0, 4600.0]


def test_takes_nothing_when_none_an_hour_are_wanted(selected):
    assert not selected(make_selection(max_per_hour=0), 0.0, UNSURE)


def test_a_clock_set_back_does_not_close_the_queue_for_good(selected):
    selection = make_selection(max_per_hour=2)
    for at in (1e9, 1e9 + 100):
        assert selected(selection, at, UNSURE)
    assert not selected(selection, 1e9 + 200, UNSURE)
    assert selected(selection, 50.0, UNSURE)


def test_a_frame_without_room_is_no_neighbour_of_the_next(selected):
    selection = make_selection(max_per_hour=1)
    assert selected(selection, 0.0, UNSURE, boxes=[HERE])
    assert not selected(selection, 3590.0, UNSURE, boxes=[THERE])
    assert selected(selection, 3600.0, UNSURE, boxes=[THERE])
