from datetime import UTC, datetime

import pytest

from maskwatch.core.records import Box, Face, FrameReport
from maskwatch.core.what_if import Bounds
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.evaluation.thresholds import labelled_figures
from maskwatch.samples.annotations import Annotation, with_revision
from maskwatch.samples.sample import Sample

AT = datetime(2026, 1, 1, tzinfo=UTC)
P, U, W, X = (
    AnnotationLabel.PROTECTED,
    AnnotationLabel.UNPROTECTED,
    AnnotationLabel.WORN_WRONG,
    AnnotationLabel.UNKNOWN,
)


def box(place):
    return Box(100 * place, 10, 100 * place + 60, 80)


def sample(faces, labels, *, near=()):
    """`faces` and `near`: place, score and probability; `labels`: place and label, None for a sample without any."""
    found, missed = (tuple(Face(box(p), score, said) for p, score, said in each) for each in (faces, near))
    report = FrameReport("door", "clip.mp4", 1, 0.0, (1000, 100), found, near_misses=missed)
    made = Sample("1", report, ("classifier",), AT, {})
    annotations = None if labels is None else [Annotation(box(p), label) for p, label in labels]
    return made if labels is None else made.with_history(with_revision((), annotations, "kim", AT))


SAMPLES = [
    sample([(0, 0.9, 0.6), (1, 0.9, 0.9)], [(0, U), (1, P)]),
    sample([(0, 0.9, 0.4), (2, 0.9, 0.2), (5, 0.9, 0.1)], [(0, W), (5, X)]),  # one false alarm, one unclear
    sample([(0, 0.9, 0.7)], [(0, P), (1, U)], near=[(1, 0.5, None)]),  # one that is missed
    sample([(0, 0.9, 0.7)], None),
]


@pytest.mark.parametrize(
    ("at", "bare", "masked"),
    [(0.5, (1, 2, 3), (2, 3, 2)), (0.65, (2, 3, 3), (2, 2, 2)), (0.8, (2, 4, 3), (1, 1, 2))],
)
def test_precision_and_recall_follow_the_bound(at, bare, masked):
    told = labelled_figures(SAMPLES, Bounds(at))
    assert told.samples == 3
    assert (told.bare.right, told.bare.said, told.bare.are) == bare
    assert (told.masked.right, told.masked.said, told.masked.are) == masked
    assert told.bare.precision.value == pytest.approx(bare[0] / bare[1])
    assert told.masked.recall.value == pytest.approx(masked[0] / masked[2])
    assert told.bare.recall.low < told.bare.recall.value < told.bare.recall.high


def test_a_near_miss_that_becomes_a_face_is_found_and_judged_by_nobody():
    told = labelled_figures(SAMPLES, Bounds(0.5, found_at=0.4), recorded_at=0.8)
    assert (told.bare.right, told.bare.said, told.bare.are) == (1, 2, 3)


def test_faces_in_an_ignored_place_count_nowhere():
    ignore = ((0.0, 0.0), (0.09, 0.0), (0.09, 1.0), (0.0, 1.0))
    told = labelled_figures(SAMPLES, Bounds(0.5, ignore=(ignore,)))
    assert (told.bare.are, told.masked.are) == (1, 1)


def test_without_labels_there_is_nothing_to_tell():
    told = labelled_figures(SAMPLES[3:], Bounds(0.5))
    assert (told.samples, told.bare.precision.value, told.masked.recall.value) == (0, None, None)
