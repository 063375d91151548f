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
def picked(report, frame):
    """All that a selection picks when it sees a frame with these faces at `at`."""

    def ask(selection, at, *probabilities, grey=90, score=0.99, boxes=None, rgb=None):
        rgb = np.full((480, 640, 3), grey, np.uint8) if rgb is None else rgb
        return selection.update(frame(at, rgb=rgb), report(at, *probabilities, score=score, boxes=boxes))

    return ask


@pytest.fixture
def selected(picked):
    """Why a selection takes the very frame that it sees; nothing when it does not."""

    def ask(selection, at, *probabilities, **more):
        picks = picked(selection, at, *probabilities, **more)
        return next((pick.reasons for pick in picks if pick.report.at == at), ())

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
    for at in (1e9, 1e9 + 1000):
        assert selected(selection, at, UNSURE)
    assert not selected(selection, 1e9 + 2000, UNSURE)
    assert selected(selection, 50.0, UNSURE)


def test_a_frame_without_room_is_no_neighbour_of_the_next(selected):
    selection = make_selection(max_per_hour=1)
    assert selected(selection, 0.0, UNSURE, boxes=[HERE])
    assert not selected(selection, 3590.0, UNSURE, boxes=[THERE])
    assert selected(selection, 3600.0, UNSURE, boxes=[THERE])


# tracks


def test_a_face_that_stays_in_view_for_minutes_gives_few_samples(selected):
    selection = make_selection()
    random = np.random.default_rng(0)
    taken = []
    for tenths in range(6000):
        drift = 200 * np.sin(tenths / 1000)
        probability = random.uniform(0.36, 0.64)
        taken.append(selected(selection, tenths / 10, probability, boxes=[HERE.moved(200 + drift, 0)]))
    assert 1 <= sum(map(bool, taken)) <= 3


def test_a_face_that_is_sure_in_between_is_still_the_same(selected):
    selection = make_selection()
    assert selected(selection, 0.0, UNSURE, boxes=[HERE])
    for second in range(1, 300):
        assert not selected(selection, second, SURE if second % 50 else UNSURE, boxes=[HERE])


def test_a_person_who_walks_through_the_view_is_one_person(selected):
    selection = make_selection()
    taken = [selected(selection, n / 5, UNSURE, boxes=[HERE.moved(45 * n, 0)]) for n in range(12)]
    assert sum(map(bool, taken)) == 1


def test_a_face_that_comes_where_one_has_just_been_told_apart_by_size_is_another(selected):
    selection = make_selection()
    assert selected(selection, 0.0, UNSURE, boxes=[Box(10, 10, 60, 80)])
    assert selected(selection, 0.2, UNSURE, boxes=[Box(20, 20, 35, 40)])


def test_of_two_who_stand_together_each_keeps_its_own_track(selected):
    selection = make_selection(classifier_band=(0.4, 0.6))
    left, right = HERE, HERE.moved(40, 0)
    assert selected(selection, 0.0, UNSURE, SURE, boxes=[left, right])
    for n in range(1, 20):
        order = [(UNSURE, left), (SURE, right)][:: -1 if n % 2 else 1]
        assert not selected(selection, n / 5, *(p for p, _ in order), boxes=[box for _, box in order])
    assert selected(selection, 5.0, UNSURE, UNSURE, boxes=[left, right])


# quotas


def test_the_quota_is_spread_over_the_hour(selected):
    selection = make_selection(max_per_hour=60)
    taken = [
        at
        for at in range(7200)
        if selected(selection, float(at), UNSURE, boxes=[HERE if at % 2 else THERE], grey=60 + 40 * (at % 2))
    ]
    for start in range(0, 7200, 600):
        assert sum(start <= at < start + 600 for at in taken) == 10
    assert max(sum(start <= at < start + 3600 for at in taken) for start in range(3600)) == 60


# faces that flicker

STEADY = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def changed_at(box):
    rgb = STEADY.copy()
    rgb[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] //= 2
    return rgb


def looks(picked, selection, *seen, start=0.0, step=1.0, images=None):
    """Show looks of the places given, all faces sure; gives when and why frames were picked."""
    picks = []
    for number, boxes in enumerate(seen):
        rgb = STEADY if images is None else images[number]
        picks += picked(selection, start + number * step, *[SURE] * len(boxes), boxes=boxes, rgb=rgb)
    return [(pick.report.at, pick.reasons) for pick in picks]


def test_a_face_in_one_look_alone_of_a_steady_view_is_taken_with_the_frame_that_shows_it(picked):
    selection = make_selection()
    assert looks(picked, selection, [HERE], [HERE, THERE], [HERE]) == [(1.0, ("flicker",))]


def test_the_frame_of_a_flicker_is_the_one_with_the_face(frame, report):
    selection = make_selection()
    frames = [frame(at, rgb=STEADY) for at in (0.0, 0.2, 0.4)]
    selection.update(frames[0], report(0.0))
    assert not selection.update(frames[1], report(0.2, SURE))
    (pick,) = selection.update(frames[2], report(0.4))
    assert pick.frame is frames[1]
    assert pick.report.faces


@pytest.mark.parametrize(
    "seen",
    [
        ([THERE], [THERE], []),
        ([], [THERE], [THERE]),
        ([], [THERE], [THERE.moved(20, 0)]),
        ([THERE], [], []),
        ([], [], []),
    ],
)
def test_a_face_that_is_seen_more_than_once_does_not_flicker(picked, seen):
    assert looks(picked, make_selection(), *seen) == []


@pytest.mark.parametrize("when", [0, 2])
def test_where_the_picture_moved_a_face_may_come_and_go(picked, when):
    images = [STEADY, changed_at(THERE), changed_at(THERE)]
    if when == 2:
        images = [STEADY, STEADY, changed_at(THERE)]
    assert looks(picked, make_selection(), [], [THERE], [], images=images) == []


def test_looks_that_are_far_apart_tell_no_flicker(picked):
    assert looks(picked, make_selection(), [], [THERE], [], step=5.0) == []


def test_what_flickers_again_and_again_is_taken_once(picked):
    found = looks(picked, make_selection(), *([[], [THERE]] * 25))
    assert found == [(1.0, ("flicker",))]


def test_flickers_count_for_the_quota(picked):
    assert looks(picked, make_selection(max_per_hour=0), [], [THERE], []) == []


def test_an_unsure_face_is_not_taken_a_second_time_because_it_flickered(picked):
    selection = make_selection()
    picks = [
        *picked(selection, 0.0, rgb=STEADY),
        *picked(selection, 1.0, UNSURE, rgb=STEADY),
        *picked(selection, 2.0, rgb=STEADY),
    ]
    assert [(pick.report.at, pick.reasons) for pick in picks] == [(1.0, ("classifier",))]


def test_a_frame_that_was_drawn_is_not_queued_a_second_time_because_a_face_flickered(picked):
    found = looks(picked, make_selection(audit_share=1.0), [], [THERE], [])
    assert found == [(at, ("audit",)) for at in (0.0, 1.0, 2.0)]


# the audit


def drawn(picked, selection, *probabilities, score=0.99, frames=4000):
    """The times of the frames that were drawn at random."""
    picks = [
        pick
        for n in range(frames)
        for pick in picked(selection, n / 5, *probabilities, score=score, rgb=TINY)
    ]
    return [pick.report.at for pick in picks if "audit" in pick.reasons]


TINY = np.full((8, 8, 3), 90, np.uint8)


def test_the_audit_draws_its_share_whatever_the_models_say_and_the_quota(picked):
    share = {"audit_share": 0.02}
    sure = drawn(picked, make_selection(**share), SURE)
    assert 50 <= len(sure) <= 110  # 80 expected, 9 the deviation
    assert drawn(picked, make_selection(**share)) == sure
    assert drawn(picked, make_selection(**share), UNSURE, score=0.85) == sure
    assert drawn(picked, make_selection(**share, max_per_hour=0), UNSURE) == sure
    assert drawn(picked, make_selection(**share, seed=1), SURE) != sure
    assert drawn(picked, make_selection(), SURE) == []


def test_the_audit_draws_evenly_over_time(picked):
    times = drawn(picked, make_selection(audit_share=0.1), frames=8000)
    parts = np.histogram(times, bins=8, range=(0, 1600))[0]
    assert parts.min() > 65
    assert parts.max() < 140


def test_a_frame_that_is_drawn_says_so_beside_what_else_speaks_for_it(picked):
    (pick,) = picked(make_selection(audit_share=1.0), 0.0, UNSURE)
    assert pick.reasons == ("classifier", "audit")
    (pick,) = picked(make_selection(audit_share=1.0), 0.0)
    assert pick.reasons == ("audit",)
