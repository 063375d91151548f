"""Two judgements of a frame compared, and which differences are queued."""

from dataclasses import replace

import numpy as np
import pytest

from maskwatch.core.records import Box, Label, ShadowCounts, ShadowJudgement, Versions
from maskwatch.core.selection import Selection
from maskwatch.core.selection.shadow import compare, face_differences

HERE, THERE, FAR = Box(100, 100, 150, 170), Box(400, 100, 450, 170), Box(250, 300, 300, 370)
STEADY = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
CANDIDATE = Versions("detector@new", "classifier@new")


@pytest.fixture
def judged(report):
    """A report of faces by their boxes and probabilities of being protected."""

    def make(at=0.0, **faces):
        boxes = {"here": HERE, "there": THERE, "far": FAR, "near_here": HERE.moved(10, 5)}
        return report(at, *faces.values(), boxes=[boxes[name] for name in faces])

    return make


def described(serving, candidate):
    return [
        tuple(face and (face.box, face.label.value) for face in (each.serving, each.candidate))
        for each in face_differences(serving.faces, candidate.faces)
    ]


def test_faces_of_one_alone_and_other_labels_are_told_apart(judged):
    serving, candidate = judged(here=0.9, there=0.9), judged(near_here=0.1, far=0.9)
    assert described(serving, candidate) == [
        ((HERE, "protected"), (HERE.moved(10, 5), "unprotected")),
        ((THERE, "protected"), None),
        (None, (FAR, "protected")),
    ]
    assert described(serving, serving) == []


def test_two_boxes_on_one_face_are_a_face_and_one_more_and_the_better_fit_is_the_same(judged):
    ((serving, candidate),) = described(judged(here=0.9), judged(near_here=0.9, here=0.9))
    assert (serving, candidate) == (None, (HERE.moved(10, 5), "protected"))


def test_a_frame_counts_what_differs_and_how_long_each_took(judged):
    serving, candidate = judged(here=0.9, there=0.9), judged(near_here=0.1, far=0.9)
    counts = compare(serving, candidate, 0.75).counts(0.5, 0.25)
    assert counts == ShadowCounts(1, 1, 1, 1, 1, 1, 0.5, 0.25)
    both = counts + compare(serving, serving, 0.75).counts(0.1, 0.05)
    assert both == ShadowCounts(2, 1, 1, 1, 1, 1, pytest.approx(0.6), pytest.approx(0.3))
    assert (both.mean_serving_s, both.mean_candidate_s) == (pytest.approx(0.3), pytest.approx(0.15))
    assert ShadowCounts().mean_serving_s is None


@pytest.mark.parametrize(
    ("serving", "candidate", "differs"),
    [
        ({"here": 0.9}, {"here": 0.1}, True),
        ({"here": 0.9, "there": 0.1}, {"here": 0.1, "there": 0.1}, False),  # a half and none: under 0.75 both
        ({"here": 0.1}, {}, True),  # nobody: nobody is told
        ({"here": 0.9}, {}, False),
        ({"here": 0.9, "there": 0.9, "far": 0.9}, {"here": 0.9, "there": 0.9, "far": None}, False),
    ],
    ids=str,
)
def test_a_decision_differs_where_the_ratio_is_under_the_bound_for_one_alone(
    judged, serving, candidate, differs
):
    assert compare(judged(**serving), judged(**candidate), 0.75).decision_differs is differs


def test_a_difference_is_queued_with_both_judgements_and_the_place_then_waits(frame, judged):
    selection = Selection(classifier_band=(0, 0), detector_band=(0, 0), max_per_hour=600)
    seen, serving, candidate = frame(0.0, rgb=STEADY), judged(here=0.9), judged(here=0.1, far=0.9)
    said = ShadowJudgement("new", "shipped", CANDIDATE, candidate.faces)
    found = face_differences(serving.faces, candidate.faces)
    (pick,) = selection.judged_differently(seen, serving, said, found)
    assert pick.frame is seen
    assert pick.reasons == ("shadow",)
    assert pick.report.faces == serving.faces
    assert pick.report.shadow == said
    assert [face.box for face in pick.report.near_misses] == [FAR]  # a person is asked about it
    assert pick.report.faces[0].label is Label.PROTECTED
    assert selection.judged_differently(seen, replace(serving, at=30.0), said, found) == ()
    elsewhere = face_differences(serving.faces, (*judged(here=0.9, there=0.9).faces,))
    assert len(selection.judged_differently(seen, replace(serving, at=31.0), said, elsewhere)) == 1
    assert len(selection.judged_differently(seen, replace(serving, at=61.0), said, found)) == 1


def test_no_difference_and_no_share_queue_nothing(frame, judged):
    seen, serving = frame(0.0, rgb=STEADY), judged(here=0.9)
    said = ShadowJudgement("new", "shipped", CANDIDATE, ())
    found = face_differences(serving.faces, ())
    for shares, differences in (({"shadow": 1.0}, ()), ({"shadow": 0.0, "gap": 1.0}, found)):
        selection = Selection(classifier_band=(0, 0), detector_band=(0, 0), max_per_hour=600, shares=shares)
        assert selection.judged_differently(seen, serving, said, differences) == ()
