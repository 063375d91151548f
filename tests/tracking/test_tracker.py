"""Following faces: one rule a test, on boxes given by hand."""

from dataclasses import replace

import pytest

from maskwatch.core.records import Box, Face
from maskwatch.tracking import FaceTracker

SIZE = (1280, 720)


def face(x, y=200.0, side=50.0, score=0.9):
    """Of that centre."""
    return Face(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


@pytest.fixture
def tracker():
    return FaceTracker()


def numbers(tracks, *, confirmed=True):
    return [track.number for track in tracks if track.confirmed or not confirmed]


def watch(tracker, fps, frames, size=SIZE, *, gate=False):
    """The tracks of each frame; a frame is its faces, or its faces and near misses.

    Without the gate every frame's faces are new objects, with it those that are given.
    """
    result = []
    for number, frame in enumerate(frames):
        faces, near = frame if isinstance(frame, tuple) else (frame, [])
        if not gate:
            faces, near = map(replace, faces), map(replace, near)
        result.append(tracker.update(number / fps, tuple(faces), tuple(near), size))
    return result


@pytest.mark.parametrize("fps", [3, 5, 10, 25])
def test_somebody_who_walks_by_is_one_person_at_any_number_of_frames_a_second(tracker, fps):
    frames = [[face(200 + 150 * n / fps)] for n in range(4 * fps)]
    assert {t.number for tracks in watch(tracker, fps, frames) for t in tracks} == {1}


def test_uneven_times_do_not_matter(tracker):
    times = [0, 0.1, 0.4, 0.45, 0.8, 1.3, 1.35, 1.7]
    tracks = [tracker.update(at, [face(200 + 150 * at)], (), SIZE) for at in times]
    assert {t.number for each in tracks for t in each} == {1}


@pytest.mark.parametrize(("side", "x"), [(12, 6), (300, 900)])
def test_tiny_and_large_faces_are_followed(tracker, side, x):
    frames = [[face(x + 2 * side * n / 5, side=side)] for n in range(5)]
    assert {t.number for tracks in watch(tracker, 5, frames, size=None) for t in tracks} == {1}


@pytest.mark.parametrize("fps", [3, 5, 15, 25])
def test_a_face_that_one_look_found_is_nobody(tracker, fps):
    flicker = face(700, 500, score=0.99)
    frames = [[face(200)]] * 4 + [[face(200), flicker]] + [[face(200)]] * 2 * fps
    seen = watch(tracker, fps, frames)
    assert {number for tracks in seen for number in numbers(tracks)} == {1}
    assert numbers(seen[4], confirmed=False) == [1, 2]
    assert numbers(seen[-1], confirmed=False) == [1]


def test_a_false_face_of_a_twelfth_of_a_second_is_nobody_also_with_many_frames(tracker):
    """Such a one, a hand at an ear, was found three times at 25 frames a second."""
    frames = [[]] + [[face(700)]] * 3 + [[]] * 50
    assert all(not numbers(tracks) for tracks in watch(tracker, 25, frames))


def test_a_false_face_that_the_gate_carries_on_is_nobody(tracker):
    carried = face(700)
    seen = watch(tracker, 5, [[]] + [[carried]] * 14, gate=True)
    assert all(not numbers(tracks) for tracks in seen)
    assert numbers(seen[-1], confirmed=False) == [1]


def test_a_second_look_confirms_also_after_carried_frames(tracker):
    carried = face(700)
    seen = watch(tracker, 5, [[]] + [[carried]] * 14 + [[face(701)]], gate=True)
    assert numbers(seen[-1]) == [1]
    assert seen[-1][0].since == pytest.approx(0.2)


def test_the_second_frame_at_three_a_second_confirms(tracker):
    seen = watch(tracker, 3, [[], [face(200)], [face(240)]])
    assert [numbers(tracks) for tracks in seen] == [[], [], [1]]


def test_the_first_frame_confirms_at_once(tracker):
    assert numbers(tracker.update(100.0, [face(200)])) == [1]


def test_a_camera_that_is_looked_at_seldom_has_people(tracker):
    for minute in range(3):
        assert len(numbers(tracker.update(60.0 * minute, [face(200)]))) == 1


@pytest.mark.parametrize("step_s", [0.8, 1.0, 2.0, 3.0])
def test_somebody_who_stays_is_one_person_also_before_a_slow_camera(tracker, step_s):
    seen = watch(tracker, 1 / step_s, [[face(200)]] * 5)
    assert [numbers(tracks, confirmed=False) for tracks in seen] == [[1]] * 5
    assert numbers(seen[1]) == [1]


@pytest.mark.parametrize("step_s", [0.8, 1.0])
def test_a_false_face_is_over_two_frames_later_before_a_slow_camera(tracker, step_s):
    seen = watch(tracker, 1 / step_s, [[], [face(200)], [], []])
    assert [len(tracks) for tracks in seen] == [0, 1, 1, 0]


def test_after_a_reset_the_next_frame_is_a_first_one_and_numbers_go_on(tracker):
    tracker.update(0.0, [face(200)])
    tracker.reset()
    assert numbers(tracker.update(0.2, [face(200)])) == [2]


@pytest.mark.parametrize("fps", [5, 25])
@pytest.mark.parametrize("hidden_s", [0.4, 1.0, 1.5])
def test_a_face_that_was_turned_away_is_the_same_person(tracker, fps, hidden_s):
    there = [[face(400)]] * 2 * fps
    seen = watch(tracker, fps, [*there, *[[]] * round(hidden_s * fps), *[[face(415)]] * fps])
    assert {number for tracks in seen for number in numbers(tracks)} == {1}
    assert numbers(seen[-1]) == [1]
    assert seen[2 * fps][0].face is None
    assert seen[2 * fps][0].seen_at == pytest.approx((2 * fps - 1) / fps)


def test_somebody_behind_a_pillar_is_expected_further_on(tracker):
    frames = [[face(200 + 30 * n)] if not 10 <= n < 15 else [] for n in range(20)]
    seen = watch(tracker, 5, frames)
    assert {number for tracks in seen for number in numbers(tracks)} == {1}
    assert seen[14][0].box.centre[0] == pytest.approx(620, abs=15)


def test_a_track_ends(tracker):
    seen = watch(tracker, 5, [[face(400)]] * 5 + [[]] * 20)
    assert numbers(seen[5 + 13]) == [1]
    assert seen[-1] == ()


def test_who_walks_out_of_view_is_gone_at_once_and_who_enters_is_somebody_else(tracker):
    leaving = [[face(1000 + 40 * n)] for n in range(7)]
    entering = [[face(1240 - 40 * n)] for n in range(7)]
    seen = watch(tracker, 5, [*leaving, [], [], *entering])
    assert seen[8] == ()
    assert {number for tracks in seen for number in numbers(tracks)} == {1, 2}


def test_without_the_frames_size_nobody_is_known_to_have_left(tracker):
    leaving = [[face(1000 + 40 * n)] for n in range(7)]
    assert watch(tracker, 5, [*leaving, [], []], size=None)[-1] != ()


@pytest.mark.parametrize("fps", [5, 10, 25])
def test_two_who_pass_each_other_are_not_swapped(tracker, fps):
    """Where they overlap, only the one in front is found."""
    seen = []
    for n in range(4 * fps):
        at = n / fps
        front, back = face(200 + 150 * at, side=60), face(800 - 150 * at, 210, side=45)
        faces = [front] if abs(front.box.x1 - back.box.x1) < 40 else [front, back]
        tracks = tracker.update(at, faces, (), SIZE)
        seen.append({each.number: faces[each.face] for each in tracks if each.face is not None})
    assert set().union(*seen) == {1, 2}
    first, last = seen[0], seen[-1]
    for number in (1, 2):
        assert first[number].box.width == pytest.approx(last[number].box.width)


def test_faces_are_given_to_tracks_all_at_once(tracker):
    """The nearest pair first would leave one without a face that it can reach."""
    two = [face(200, side=60), face(320, side=60)]
    tracks = watch(tracker, 5, [two, [face(250, side=60), face(130, side=60)]])[1]
    assert [(track.number, track.face) for track in tracks] == [(1, 1), (2, 0)]


@pytest.mark.parametrize("fps", [3, 5])
def test_a_lone_person_who_sets_off_or_turns_round_at_once_stays_one(tracker, fps):
    step = 45 if fps == 3 else 30
    xs = [
        *[200] * (3 * fps),
        *(200 + step * n for n in range(1, 8)),
        *(200 + step * (7 - n) for n in range(1, 8)),
    ]
    seen = watch(tracker, fps, [[face(x)] for x in xs])
    assert {number for tracks in seen for number in numbers(tracks, confirmed=False)} == {1}
    assert all(track.face == 0 for tracks in seen for track in tracks)


def test_where_it_could_be_either_of_two_nobody_is_guessed(tracker):
    stand = [face(200), face(260)]
    seen = watch(tracker, 3, [stand] * 9 + [[face(230, y=255)]] * 2)
    assert len(seen[-1]) == 3


def test_a_face_that_comes_far_from_a_lone_person_who_is_hidden_is_somebody_else(tracker):
    seen = watch(tracker, 3, [[face(200)]] * 9 + [[face(290)]] * 2)
    assert numbers(seen[-1], confirmed=False) == [1, 2]


def test_a_near_miss_continues_a_track_and_is_no_face(tracker):
    tracks = watch(tracker, 5, [[face(200)], [face(201)], ([], [face(203, score=0.3)])])[-1]
    assert (tracks[0].number, tracks[0].face, tracks[0].seen_at) == (1, None, 0.4)


def test_near_misses_keep_a_track_alive_but_not_for_ever(tracker):
    seen = watch(tracker, 5, [[face(200)]] * 5 + [([], [face(200, score=0.3)])] * 50)
    assert numbers(seen[5 + 22]) == [1]
    assert seen[-1] == ()


def test_a_near_miss_begins_no_track_and_confirms_none(tracker):
    assert watch(tracker, 5, [([], [face(200)])] * 5)[-1] == ()
    other = FaceTracker()
    seen = watch(other, 5, [[], [face(200)], *[([], [face(200)])] * 5])
    assert all(not numbers(tracks) for tracks in seen)


def test_a_near_miss_does_not_take_a_track_that_has_its_face(tracker):
    watch(tracker, 5, [[face(200)], [face(205)]])
    (track,) = tracker.update(0.4, [face(212)], [face(210, score=0.3)], SIZE)
    assert track.face == 0


def test_a_carried_face_is_the_same_person_whoever_passes(tracker):
    still = face(600, side=40)
    passing = [[still, face(480 + 30 * n, 215, 42)] for n in range(9)]
    for tracks in watch(tracker, 5, passing, gate=True):
        assert [track.number for track in tracks if track.face == 0] == [1]


def test_two_boxes_about_one_face_are_one_person(tracker):
    for n in range(5):
        tracks = tracker.update(n / 5, [face(200, side=50), face(203, 202, side=36, score=0.95)], (), SIZE)
        assert len(tracks) == 1


def test_a_second_box_about_a_followed_face_is_nobody(tracker):
    watch(tracker, 5, [[face(200)]] * 3)
    for n in range(3, 8):
        assert numbers(tracker.update(n / 5, [face(205, side=36), face(200)], (), SIZE), confirmed=False) == [
            1
        ]


def test_a_face_that_jumps_on_its_place_stays_one(tracker):
    """A detector's box of a bent head may be twice as large."""
    watch(tracker, 25, [[face(200, side=40)]] * 10)
    tracks = tracker.update(0.4, [face(212, 212, side=64)], (), SIZE)
    assert numbers(tracks, confirmed=False) == [1]


def test_a_box_that_trembles_is_smoothed(tracker):
    trembling = [[face(200 + 6 * (-1) ** n)] for n in range(50)]
    tracks = watch(tracker, 25, trembling)
    assert all(abs(each[0].box.centre[0] - 200) < 4 for each in tracks[25:])


def test_a_clock_that_goes_back_ends_no_track(tracker):
    watch(tracker, 5, [[face(200)]] * 5)
    (track,) = tracker.update(-3600.0, [face(202)], (), SIZE)
    assert (track.number, track.face) == (1, 0)
    assert track.since == pytest.approx(-3600.8)
    assert tracker.update(-3590.0, [], (), SIZE) == ()


def test_a_clock_that_jumps_ahead_leaves_the_box_a_box(tracker):
    for n in range(5):
        tracker.update(n / 5, [face(200, side=20 * 1.3**n)], (), None)
    (track,) = tracker.update(3.5, [], (), None)
    assert 40 < track.box.width < 120  # growing on for all of the time it would be 600


def test_many_faces_at_once_have_a_track_each(tracker):
    crowd = [face(40 + 60 * n, 100 + 60 * row, 30) for n in range(20) for row in range(10)]
    (before, after) = watch(tracker, 5, [crowd, [face(*f.box.moved(9, 2).centre, 30) for f in crowd]])
    assert [track.face for track in after] == [track.face for track in before] == list(range(200))
