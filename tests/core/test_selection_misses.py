"""Frames in which a face may have been missed: near misses, gaps, movement without a face, second looks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from maskwatch.core.records import Box, Face
from maskwatch.core.selection import Selection
from maskwatch.core.selection.quotas import BackOff, Quota
from maskwatch.core.selection.reasons import LIMITED, MISSES, REASONS, is_miss

HERE, THERE = Box(100, 100, 150, 170), Box(400, 100, 450, 170)
SURE = 0.99
STEADY = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def make_selection(**changed):
    bounds = {"classifier_band": (0.35, 0.65), "detector_band": (0.8, 0.9), "max_per_hour": 600}
    return Selection(**(bounds | changed))


@pytest.fixture
def see(frame, report):
    """What a selection picks when it sees a frame with these faces, near misses and moved places."""

    def ask(selection, at, *boxes, near=(), moved=(), score=0.4, rgb=STEADY):
        seen = report(at, *[SURE] * len(boxes), boxes=boxes)
        misses = tuple(Face(box, score) for box in near)
        return selection.update(frame(at, rgb=rgb), replace(seen, near_misses=misses, moved=tuple(moved)))

    return ask


def told(picks):
    return [(pick.report.at, pick.reasons) for pick in picks]


# near misses


def test_a_near_miss_is_taken_once_as_long_as_it_stays(see):
    selection = make_selection()
    picks = [pick for n in range(100) for pick in see(selection, n / 5, near=[HERE])]
    assert told(picks) == [(0.0, ("near_miss",))]


def test_the_frame_of_a_near_miss_tells_where_it_is(see):
    (pick,) = see(make_selection(), 0.0, THERE, near=[HERE])
    assert [miss.box for miss in pick.report.near_misses] == [HERE]
    assert [face.box for face in pick.report.faces] == [THERE]


def test_a_near_miss_where_a_face_was_is_news_and_no_second_face(see):
    selection = make_selection()
    assert see(selection, 0.0, HERE) == ()
    assert told(see(selection, 0.2, near=[HERE])) == [(0.2, ("near_miss",))]


def test_of_somebody_who_walks_by_as_a_near_miss_only_few_frames_are_taken(see):
    selection = make_selection()
    picks = [
        pick
        for n in range(20)
        for pick in see(selection, n / 5, near=[HERE.moved(110 * (n % 5), 100 * (n // 5))])
    ]
    assert told(picks) == [(0.0, ("near_miss",)), (2.0, ("near_miss",))]


def test_what_is_taken_for_a_near_miss_again_and_again_costs_less_and_less(see):
    selection = make_selection()
    times = [
        pick.report.at for minute in range(24 * 60) for pick in see(selection, 90.0 * minute, near=[HERE])
    ]
    assert 8 <= len(times) <= 12  # in a day and a half
    assert all(later >= before for before, later in pairwise(np.diff(times)))


# gaps


def test_a_face_that_breaks_off_and_comes_again_is_taken_with_the_frame_that_lacks_it(frame, report):
    selection = make_selection()
    frames = [frame(n / 5, rgb=STEADY) for n in range(5)]
    seen = [[HERE], [HERE.moved(10, 0)], [], [], [HERE.moved(40, 0)]]
    picks = [
        selection.update(each, report(each.at, *[SURE] * len(boxes), boxes=boxes))
        for each, boxes in zip(frames, seen, strict=True)
    ]
    assert picks[:4] == [()] * 4
    (pick,) = picks[4]
    assert pick.frame is frames[2]
    assert pick.reasons == ("gap",)
    (suggested,) = pick.report.near_misses
    assert suggested.box == pytest.approx(HERE.moved(20, 0))
    assert pick.report.faces == ()


def test_the_picture_may_have_moved_in_a_gap(see):
    selection, changed = make_selection(), STEADY.copy()
    changed[100:170, 100:150] //= 2
    for at in (0.0, 0.2):
        assert see(selection, at, HERE) == ()
    assert see(selection, 0.4, rgb=changed) == ()
    assert told(see(selection, 0.6, HERE)) == [(0.4, ("gap",))]


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        ([[HERE], [HERE], [], [THERE]], 0.2),
        ([[HERE], [HERE], [], []], 0.2),
        ([[], [HERE], [], [HERE]], 0.2),  # it was never followed
        ([[HERE], [HERE], [], [HERE]], 5.0),
    ],
    ids=["another face", "gone", "seen once", "after long"],
)
def test_other_absences_are_no_gap(see, seen, step):
    selection = make_selection()
    picks = [pick for n, boxes in enumerate(seen) for pick in see(selection, n * step, *boxes)]
    assert [reasons for _, reasons in told(picks) if "gap" in reasons] == []


def test_a_face_that_breaks_off_all_the_time_is_taken_once(see):
    selection = make_selection()
    picks = [p for n in range(90) for p in see(selection, n / 5, *([HERE] if n % 3 else []))]
    assert told(picks) == [(0.6, ("gap",))]


def test_a_frame_that_is_queued_already_is_not_queued_again_for_a_gap(see):
    selection = make_selection()
    see(selection, 0.0, HERE)
    see(selection, 0.2, HERE)
    assert told(see(selection, 0.4, near=[HERE])) == [(0.4, ("near_miss",))]
    assert see(selection, 0.6, HERE) == ()


# movement without a face

PERSON = Box(300, 150, 380, 330)  # the smallest face of 20 px makes 60 x 120 px a person


def walk(see, selection, boxes, faces=None, start=0.0):
    found = []
    for n, box in enumerate(boxes):
        found += see(selection, start + n / 5, *(faces[n] if faces else ()), moved=[box])
    return told(found)


def test_a_person_who_moves_unseen_for_longer_than_a_second_is_taken_once(see):
    boxes = [PERSON.moved(10 * n - 200, 0) for n in range(30)]
    assert walk(see, make_selection(min_face_px=20), boxes) == [(1.2, ("moved_unseen",))]


@pytest.mark.parametrize(
    "box",
    [Box(300, 150, 359, 330), Box(300, 150, 380, 269), Box(0, 0, 640, 480)],
    ids=["too narrow", "too low", "the whole frame"],
)
def test_what_has_not_a_persons_size_is_nobody(see, box):
    assert walk(see, make_selection(min_face_px=20), [box] * 20) == []


def test_a_person_whose_face_is_seen_now_and_then_is_not_unseen(see):
    face = Box(320, 120, 350, 150)  # just above what moved
    faces = [[face] if n % 5 == 0 else [] for n in range(30)]
    found = walk(see, make_selection(min_face_px=20), [PERSON] * 30, faces)
    assert [reasons for _, reasons in found if "moved_unseen" in reasons] == []


def test_a_face_elsewhere_does_not_excuse_movement(see):
    assert walk(see, make_selection(min_face_px=20), [PERSON] * 10, [[Box(20, 20, 60, 70)]] * 10) != []


def test_movement_is_not_gone_by_where_nobody_said_how_small_a_face_is(see):
    assert walk(see, make_selection(), [PERSON] * 20) == []


def test_a_fan_is_taken_once_until_it_calms_and_then_after_longer_and_longer(see):
    selection, times = make_selection(min_face_px=20), []
    for spell in range(12 * 60):  # half a minute each minute, for twelve hours
        times += [at for at, _ in walk(see, selection, [PERSON] * 10, start=60.0 * spell)]
    assert 3 <= len(times) <= 8


# second looks


def test_a_share_of_the_frames_is_looked_at_again_and_so_many_an_hour_at_most(report):
    reports = [report(n / 5) for n in range(5 * 3600)]
    drawn = [
        r.at
        for r in reports
        if make_selection(second_look_share=0.02, second_looks_per_hour=10**6).wants_second_look(r)
    ]
    assert 270 <= len(drawn) <= 450  # 360 expected, 19 the deviation
    bounded = make_selection(second_look_share=0.02, second_looks_per_hour=30)
    assert sum(map(bounded.wants_second_look, reports)) == 30
    assert not any(map(make_selection().wants_second_look, reports))


def test_a_face_that_only_the_second_look_found_takes_the_frame_and_is_suggested(frame, report):
    selection = make_selection()
    first, seen = report(0.0, SURE, boxes=[HERE]), frame(0.0, rgb=STEADY)
    assert selection.looked_again(seen, first, [Face(HERE.moved(4, 4), 0.9)]) == ()
    missed = Face(THERE, 0.8)
    (pick,) = selection.looked_again(seen, first, [Face(HERE, 0.9), missed])
    assert pick.frame is seen
    assert pick.reasons == ("second_look",)
    assert pick.report.near_misses == (missed,)
    assert pick.report.faces == first.faces
    assert selection.looked_again(seen, replace(first, at=30.0), [missed]) == ()


# shares


def test_a_reason_that_asks_alone_has_the_whole_quota():
    quota = Quota(60, dict.fromkeys(LIMITED, 0.1))
    assert sum(quota.take(at, ("flicker",)) for at in range(600)) == 10


def test_no_reason_takes_all_from_the_others():
    quota = Quota(60, {"near_miss": 0.5, "classifier": 0.25, "detector": 0.25})
    taken = dict.fromkeys(("near_miss", "classifier", "detector"), 0)
    for at in range(3 * 3600):
        for reason in ("classifier", "near_miss") + ("detector",) * (at % 60 == 0):
            taken[reason] += quota.take(float(at), (reason,)) and at >= 2 * 3600
    assert sum(taken.values()) <= 60
    assert taken["near_miss"] >= 24
    assert taken["classifier"] >= 12
    assert taken["detector"] >= 12


def test_a_flood_that_came_first_makes_room_within_a_sixth_of_an_hour():
    quota = Quota(60, {"near_miss": 0.5, "classifier": 0.5})
    assert sum(quota.take(float(at), ("classifier",)) for at in range(300)) == 10
    both = [
        (at, reason)
        for at in range(300, 1200)
        for reason in ("classifier", "near_miss")
        if quota.take(float(at), (reason,))
    ]
    assert 600 <= min(at for at, reason in both if reason == "near_miss") <= 605
    assert sum(reason == "near_miss" for _, reason in both) == 5


def test_a_frame_with_several_reasons_is_paid_for_once_by_one_that_has_room():
    quota = Quota(6, {"gap": 0.5, "classifier": 0.5})
    assert quota.take(0.0, ("gap", "classifier"))
    assert not quota.take(1.0, ("gap", "classifier"))  # one in a sixth of an hour
    assert quota.take(600.0, ("gap", "classifier"))


@pytest.mark.parametrize("shares", [{}, {"gap": 0.0, "classifier": 1.0}])
def test_a_reason_without_a_share_is_never_queued(shares):
    quota = Quota(60, shares)
    assert not quota.take(0.0, ("gap",))


def test_each_miss_can_be_turned_off(see):
    shares = dict.fromkeys(LIMITED, 1.0) | dict.fromkeys(MISSES, 0.0)
    selection = make_selection(shares=shares, min_face_px=20)
    picks = [
        p
        for n in range(30)
        for p in see(selection, n / 5, *([HERE] if n % 3 else []), near=[THERE], moved=[PERSON])
    ]
    assert picks == []


def test_places_wait_longer_each_time_and_are_forgotten_after_a_day():
    places = BackOff()
    at = 0.0
    for wait_s in (60, 240, 960, 3840, 15360, 21600, 21600):
        assert places.allows(HERE, at)
        places.note(HERE, at)
        assert places.allows(THERE, at)
        assert not places.allows(HERE.moved(3, 3), at + wait_s - 1)
        at += wait_s
    assert places.allows(HERE, at)
    places.note(THERE, at + 86_400)
    places.note(HERE, at + 86_400)
    assert places.allows(HERE, at + 86_400 + 61)


def test_misses_come_first_among_the_reasons():
    assert set(MISSES) < set(REASONS) == {*LIMITED, "audit"}
    assert REASONS[: len(MISSES)] == MISSES
    assert is_miss(("classifier", "near_miss"))
    assert not is_miss(("classifier", "audit"))
