"""The people of one camera: who is in view, and the verdict on each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.core.people import People
from maskwatch.core.people.forward import ForwardTime
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Coverage, Face, Frame, FrameReport, Label
from maskwatch.core.selection.scene import grid, is_another_view
from maskwatch.tracking import FaceTracker

BARE, MASKED = 0.01, 0.99
VIEW = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
ELSEWHERE = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)


class ByPlace:
    """A tracker that knows faces by the column that they stand in; tracks end after 2 s, or at a reset."""

    def __init__(self, *, confirmed=True):
        self._confirmed = confirmed
        self._tracks = {}
        self._count = 0
        self.resets = 0

    def reset(self):
        self._tracks = {}
        self.resets += 1

    def update(self, at, faces, near_misses=(), size=None):
        self._tracks = {
            place: replace(track, face=None)
            for place, track in self._tracks.items()
            if at - track.seen_at <= 2
        }
        for number, face in enumerate(faces):
            place = face.box.x1 // 100
            if place not in self._tracks:
                self._count += 1
                self._tracks[place] = Track(self._count, face.box, at, at, number, self._confirmed)
            self._tracks[place] = replace(self._tracks[place], box=face.box, seen_at=at, face=number)
        return tuple(self._tracks.values())


def people(tracker=None):
    return People(tracker or ByPlace(), protected_at=0.5)


def seen(followed, at, *probabilities, look=Coverage.FULL, rgb=VIEW):
    """The report of a frame with a face in each place whose probability is not None."""
    faces = tuple(
        Face(Box(100 * n, 50, 100 * n + 60, 120), 0.99, p, Label.PROTECTED if p >= 0.5 else Label.UNPROTECTED)
        for n, p in enumerate(probabilities)
        if p is not None
    )
    report = FrameReport("door", "clip.mp4", round(at * 25), at, (640, 480), faces, look)
    return followed.update(Frame("door", "clip.mp4", report.seq, at, rgb), report)[0]


def labels(report):
    return [person.label for person in report.persons]


def test_people_in_view_have_track_verdict_age_and_face():
    followed = people()
    for at in (0.0, 0.2, 0.4):
        report = seen(followed, at, BARE, None, MASKED)
    one, other = report.persons
    assert (one.track, one.label, one.face, one.age_s) == (1, Label.UNPROTECTED, 0, pytest.approx(0.4))
    assert (other.track, other.label, other.face, other.box) == (2, Label.PROTECTED, 1, report.faces[1].box)
    assert one.protected < 0.01
    assert other.protected > 0.99
    assert (report.people, report.protected_ratio, report.raw_ratio) == (2, 0.5, 0.5)


def test_the_ratio_is_of_people_and_the_raw_one_of_faces():
    followed = people()
    for at in (0.0, 0.2, 0.4):
        seen(followed, at, MASKED, MASKED)
    report = seen(followed, 0.6, BARE, None)  # one misjudged, the other missed
    assert (report.people, report.protected_ratio, report.raw_ratio) == (2, 1.0, 0.0)


@pytest.mark.parametrize(("hidden_s", "in_view"), [(0.2, True), (1.0, True), (1.2, False)])
def test_who_is_hidden_for_a_moment_still_counts(hidden_s, in_view):
    followed = people()
    for at in (0.0, 0.2, 0.4):
        seen(followed, at, MASKED)
    for at in np.arange(0.6, 0.4 + hidden_s, 0.2):
        seen(followed, at)
    report = seen(followed, 0.4 + hidden_s)
    assert report.people == in_view
    assert report.protected_ratio == (1.0 if in_view else None)
    assert [person.face for person in report.persons] == [None] * in_view


def test_who_has_no_verdict_counts_neither_way():
    followed = people()
    for at in (0.0, 0.2, 0.4, 0.6):
        report = seen(followed, at, 0.5, MASKED)
    assert labels(report) == [Label.UNKNOWN, Label.PROTECTED]
    assert (report.people, report.protected_ratio, report.count(Label.UNKNOWN)) == (1, 1.0, 1)


def test_a_face_too_small_to_judge_leaves_the_person_unknown():
    followed = people()
    for at in (0.0, 0.2):
        face = Face(Box(0, 0, 6, 6), 0.9)
        report = FrameReport("door", "clip.mp4", 0, at, (640, 480), (face,))
        report = followed.update(Frame("door", "clip.mp4", 0, at, VIEW), report)[0]
    assert [(p.label, p.protected) for p in report.persons] == [(Label.UNKNOWN, None)]
    assert report.protected_ratio is None


def test_nobody_in_view_is_no_ratio():
    report = seen(people(), 0.0)
    assert (report.persons, report.people, report.protected_ratio) == ((), 0, None)


def test_a_face_of_one_frame_is_no_person():
    followed = people()
    seen(followed, 0.0)
    assert seen(followed, 0.2, BARE).persons == ()
    assert seen(followed, 0.4).persons == ()
    assert seen(followed, 0.6, BARE).people == 1


def test_an_unconfirmed_track_is_no_person():
    followed = people(ByPlace(confirmed=False))
    for at in (0.0, 0.2, 0.4, 0.6):
        report = seen(followed, at, *(() if at == 0 else (BARE,)))
    assert report.persons == ()


@pytest.mark.parametrize("step_s", [0.5, 1.0, 60.0])
def test_where_frames_are_rare_one_is_enough(step_s):
    followed = people()
    seen(followed, 0.0)
    assert labels(seen(followed, step_s, BARE)) == [Label.UNPROTECTED]


def test_the_first_frame_is_enough_and_who_was_a_person_stays_one():
    followed = people()
    assert seen(followed, 0.0, BARE, MASKED).protected_ratio == 0.5
    assert seen(followed, 0.04, BARE).protected_ratio == 0.5


def test_carried_faces_add_nothing_and_nothing_is_forgotten():
    """A still person before a camera with the gate: a look every 3 s, all frames between carried."""
    followed = people()
    for at in (0.0, 0.2):
        looked = seen(followed, at, MASKED)
    for n in range(2, 3000):
        report = seen(followed, n / 5, MASKED, look=Coverage.CARRIED)
    assert report.persons[0].protected == looked.persons[0].protected
    assert labels(report) == [Label.PROTECTED]


def test_carried_faces_of_a_frame_that_was_looked_at_in_part_add_nothing():
    followed = people()
    for at in (0.0, 0.2):
        before = seen(followed, at, 0.3, 0.3)
    after = seen(followed, 0.4, 0.3, 0.02, look=Coverage.PART)
    assert after.persons[0].protected == before.persons[0].protected
    assert after.persons[1].protected < before.persons[1].protected


def test_a_view_of_another_place_begins_anew():
    tracker = ByPlace()
    followed = people(tracker)
    for at in (0.0, 0.2, 0.4):
        seen(followed, at, MASKED)
    report = seen(followed, 0.6, BARE, rgb=ELSEWHERE)
    assert (tracker.resets, report.people) == (1, 0)
    report = seen(followed, 0.8, BARE, rgb=ELSEWHERE)
    assert [(p.track, p.label) for p in report.persons] == [(2, Label.UNPROTECTED)]


@pytest.mark.parametrize(
    "after",
    [
        VIEW,
        (VIEW * 0.4).astype(np.uint8),  # the light goes off
        np.clip(VIEW * 0.5 + 120, 0, 255).astype(np.uint8),
        np.where(np.arange(64)[None, :, None] < 30, 200, VIEW).astype(np.uint8),  # somebody comes near
        np.full_like(VIEW, 90),  # the lens is covered
    ],
    ids=["same", "dark", "bright", "somebody near", "covered"],
)
def test_other_light_and_people_who_come_near_are_no_other_view(after):
    before, now = (grid(Frame("door", "clip.mp4", 0, 0.0, rgb)) for rgb in (VIEW, after))
    assert not is_another_view(before, now)


def test_another_place_and_another_size_are_another_view():
    before = grid(Frame("door", "clip.mp4", 0, 0.0, VIEW))
    assert is_another_view(before, grid(Frame("door", "clip.mp4", 1, 0.1, ELSEWHERE)))
    assert is_another_view(before, grid(Frame("door", "clip.mp4", 1, 0.1, VIEW[:40].copy())))


def test_a_frames_grid_is_made_once():
    frame = Frame("door", "clip.mp4", 0, 0.0, VIEW)
    assert grid(frame) is grid(frame)


# a clock that jumps


@pytest.mark.parametrize("back_s", [0.3, 5.0, 3600.0])
def test_a_clock_that_is_set_back_loses_nobody_and_keeps_nobody(back_s):
    followed = people()
    for n in range(10):
        seen(followed, 1000 + n / 5, MASKED, BARE)
    for n in range(10, 15):
        report = seen(followed, 1000 - back_s + n / 5, MASKED, BARE)
    assert [(p.track, p.label) for p in report.persons] == [(1, Label.PROTECTED), (2, Label.UNPROTECTED)]
    assert report.persons[0].age_s == pytest.approx(14 / 5)
    assert report.at == 1000 - back_s + 14 / 5  # the report keeps the frame's own
    for n in range(15, 22):
        report = seen(followed, 1000 - back_s + n / 5, MASKED)
    assert [p.track for p in report.persons] == [
        1
    ]  # the other left, and is no ghost until the time is caught up
    for n in range(22, 30):
        report = seen(followed, 1000 - back_s + n / 5, BARE)
    assert labels(report) == [Label.UNPROTECTED]


def test_a_verdict_turns_by_the_same_looks_where_the_time_stands_still_or_jumps():
    times = [0.0, 0.2, 0.4, 0.4, 0.4, 0.1, 0.3, 0.2, 0.1]
    followed, evenly = people(), people()
    for n, at in enumerate(times):
        probability = MASKED if n < 3 else BARE
        jumping = seen(followed, at, probability)
        steady = seen(evenly, n / 5, probability)
    assert jumping.persons[0].protected == pytest.approx(steady.persons[0].protected)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_time_never_goes_back(times):
    forward = ForwardTime()
    passed = [forward.advance(at) for at in times]
    assert passed == sorted(passed)
    assert passed[0] == times[0]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20, unique=True))
def test_a_time_that_goes_forward_is_kept(times):
    forward = ForwardTime()
    assert [forward.advance(at) for at in sorted(times)] == pytest.approx(sorted(times))


# whatever is seen

frames = st.lists(
    st.tuples(
        st.sampled_from([0.04, 0.2, 1.0]),
        st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=3, max_size=3),
        st.sampled_from(list(Coverage)),
    ),
    max_size=40,
)


@given(frames)
@settings(max_examples=60)
@pytest.mark.parametrize("tracker", [ByPlace, FaceTracker])
def test_verdicts_change_by_looks_alone_and_the_order_stays(tracker, shown):
    followed = people(tracker())
    at, order, known = 0.0, [], {}
    faces = [None] * 3
    for step_s, probabilities, look in shown:
        at += step_s
        faces = faces if look is Coverage.CARRIED else probabilities
        report = seen(followed, at, *faces, look=look)
        tracks = [person.track for person in report.persons]
        order += [track for track in tracks if track not in order]
        assert tracks == sorted(tracks, key=order.index)
        assert len(set(tracks)) == len(tracks)
        for person in report.persons:
            if look is Coverage.CARRIED or person.face is None:
                assert known.get(person.track, (person.label, person.protected)) == (
                    person.label,
                    person.protected,
                )
            known[person.track] = person.label, person.protected
        assert report.people == sum(label is not Label.UNKNOWN for label in labels(report))
        assert (report.protected_ratio is None) == (report.people == 0)
