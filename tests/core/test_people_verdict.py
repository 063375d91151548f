"""The verdict on one person, from looks at her face over time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.people.verdict import FURTHEST, SURE_LOOK, TURNS_AT, Verdict, log_odds
from maskwatch.core.records import Label

BARE, MASKED = 0.001, 0.999


def judged(looks, protected_at=0.5):
    """The verdict after looks (at, probability) or (at, probability, quality), and its label after each."""
    verdict = Verdict(protected_at)
    labels = []
    for at, protected, *quality in looks:
        verdict.add(at, protected, *(quality or [1.0]))
        labels.append(verdict.label)
    return verdict, labels


def looks(fps, start, end, protected):
    """So many looks a second from `start` until before `end`."""
    return [(start + n / fps, protected) for n in range(round((end - start) * fps))]


def turned_at(fps, held_s=60.0, before=BARE, after=MASKED, quality=1.0):
    """How long after the first look at the mask the verdict turns, when she was bare for long; seconds."""
    verdict = Verdict(0.5)
    for at, protected in looks(fps, 0.0, held_s, before):
        verdict.add(at, protected, quality)
    old = verdict.label
    for at, protected in looks(fps, held_s, held_s + 20, after):
        verdict.add(at, protected, quality)
        if verdict.label is not old:
            return at - held_s
    return None


def test_nobody_is_judged_before_a_look():
    verdict = Verdict(0.5)
    assert (verdict.label, verdict.protected) == (Label.UNKNOWN, None)


@pytest.mark.parametrize(
    ("seen", "label"),
    [
        ([(0.0, MASKED)], Label.PROTECTED),
        ([(0.0, BARE)], Label.UNPROTECTED),
        ([(0.0, MASKED, 0.5)], Label.UNKNOWN),  # a poor look is not enough,
        ([(0.0, MASKED, 0.5), (1.0, MASKED, 0.5)], Label.PROTECTED),  # two of them are
        ([(0.0, MASKED, 0.0), (1.0, MASKED, 0.0)], Label.UNKNOWN),
        ([(0.0, 0.6)], Label.UNKNOWN),
        ([(0.0, MASKED), (0.2, BARE)], Label.PROTECTED),  # held until the other is clear
        ([(0.0, MASKED, 0.5), (1.0, BARE, 0.5)], Label.UNKNOWN),
    ],
)
def test_a_verdict_needs_enough(seen, label):
    assert judged(seen)[0].label is label


@pytest.mark.parametrize(
    ("share", "turns"), [(-0.01, False), (0.01, True)], ids=["just not enough", "just enough"]
)
def test_a_verdict_turns_at_the_same_distance_on_either_side(share, turns):
    """The edges of the hysteresis: from the bound on one side to that on the other."""
    for first, second, label in ((BARE, MASKED, Label.PROTECTED), (MASKED, BARE, Label.UNPROTECTED)):
        enough = TURNS_AT / SURE_LOOK
        verdict, (before,) = judged([(0.0, first, enough)])
        verdict.add(10.0, second, enough)  # in the middle: the old label stands
        assert verdict.label is before
        assert verdict.protected == pytest.approx(0.5)
        verdict.add(20.0, second, enough + share)
        assert (verdict.label is label) == turns


@pytest.mark.parametrize("fps", [1, 2, 3, 5, 8, 12, 25])
def test_one_wrong_look_turns_no_verdict(fps):
    held = looks(fps, 0.0, 10.0, BARE)
    _, labels = judged([*held, (10.0, MASKED), *looks(fps, 10.0 + 1 / fps, 20.0, BARE)])
    assert set(labels) == {Label.UNPROTECTED}


@pytest.mark.parametrize("fps", [3, 5, 8, 12, 25])
@pytest.mark.parametrize("held_s", [2.0, 60.0, 3600.0])
def test_who_puts_a_mask_on_is_protected_within_a_second(fps, held_s):
    assert 0.3 <= turned_at(fps, held_s) <= 0.8


def test_few_frames_a_second_take_three_looks():
    assert turned_at(1) == 2.0


def test_a_face_that_is_hard_to_judge_takes_longer_to_turn():
    assert turned_at(5, quality=0.5) > 1.5 * turned_at(5)


def test_frames_close_together_are_no_independent_looks():
    """As much is known after a second of 25 frames as of 5, and not five times as much."""
    known = {}
    for fps in (5, 25):
        verdict, _ = judged([(n / fps, 0.6, 0.3) for n in range(fps)])
        known[fps] = log_odds(verdict.protected)
    assert known[5] < known[25] < 1.5 * known[5]


def test_the_verdict_stands_while_nobody_looks():
    verdict, _ = judged([*looks(5, 0.0, 3.0, MASKED), (1000.0, MASKED)])
    assert verdict.label is Label.PROTECTED
    assert log_odds(verdict.protected) == pytest.approx(FURTHEST)


@pytest.mark.parametrize(("protected_at", "label"), [(0.5, Label.PROTECTED), (0.9, Label.UNPROTECTED)])
def test_the_bound_is_the_cameras(protected_at, label):
    assert judged(looks(5, 0.0, 10.0, 0.7), protected_at)[0].label is label


@pytest.mark.parametrize("protected_at", [0.001, 0.5, 0.999])
def test_either_verdict_can_be_reached_whatever_the_bound(protected_at):
    assert judged(looks(5, 0.0, 5.0, 0.0), protected_at)[0].label is Label.UNPROTECTED
    assert judged(looks(5, 0.0, 5.0, 1.0), protected_at)[0].label is Label.PROTECTED


def test_looks_at_one_moment_are_one_look():
    assert judged([(5.0, MASKED, 0.5)] * 50)[0].label is Label.UNKNOWN


probabilities = st.floats(0, 1)
qualities = st.floats(0, 1)


@given(st.lists(st.tuples(st.floats(0, 1e6), probabilities, qualities), max_size=40), st.floats(0.01, 0.99))
def test_the_probability_is_one_and_fits_a_verdict_that_just_turned(seen, protected_at):
    verdict = Verdict(protected_at)
    for at, protected, quality in seen:
        before = verdict.label
        verdict.add(at, protected, quality)
        assert 0 < verdict.protected < 1
        if verdict.label is not before:
            assert (verdict.protected >= protected_at) == (verdict.label is Label.PROTECTED)


@given(
    st.lists(st.tuples(st.floats(0, 100), probabilities, qualities), min_size=1, max_size=20),
    st.floats(0.01, 0.99),
)
def test_looks_that_tell_nothing_change_nothing(seen, protected_at):
    verdict, _ = judged(seen, protected_at)
    label, known = verdict.label, verdict.protected
    for at in range(50):
        verdict.add(100.0 + at, protected_at, 1.0)
        verdict.add(100.5 + at, MASKED, 0.0)
    assert verdict.label is label
    assert verdict.protected == pytest.approx(known, abs=1e-6)


@given(
    st.lists(st.tuples(st.sampled_from([1.6, 2.4, 4.0]), st.sampled_from([0.02, 0.98])), max_size=12),
    st.sampled_from([3, 5, 8, 12, 25]),
    st.sampled_from([3, 5, 8, 12, 25]),
)
def test_the_verdict_is_the_same_at_any_frame_rate(stretches, one_fps, other_fps):
    """But for 0.5 s after the truth changed, when one of the two may have noticed before the other."""
    truth, start = [], 0.0
    for length_s, protected in stretches:
        truth.append((start, start + length_s, protected))
        start += length_s
    ends = {}
    for fps in (one_fps, other_fps):
        verdict = Verdict(0.5)
        ends[fps] = []
        for begin, end, protected in truth:
            for at, p in looks(fps, begin, end, protected):
                verdict.add(at, p, 1.0)
            ends[fps].append(verdict.label)
    assert ends[one_fps] == ends[other_fps]
    assert ends[one_fps] == [Label.PROTECTED if p > 0.5 else Label.UNPROTECTED for *_, p in truth]
