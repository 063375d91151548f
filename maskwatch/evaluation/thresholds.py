"""How well other thresholds would judge labelled samples, from the models' outputs recorded when they were stored.

The queue is a biased sample: frames that the models were unsure of. So these figures say which of two thresholds suits the
labelled samples better, not how often the models err in live use.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from maskwatch.core.geometry import in_any
from maskwatch.core.people.shares import share
from maskwatch.core.records import Estimate, Label
from maskwatch.core.what_if import Bounds, judged
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation.matching import match
from maskwatch.samples.sample import Sample

JUDGED = (Label.UNPROTECTED, Label.PROTECTED)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """Counts for one label: precision is `right` / `said`, recall is `right` / `are`.

    The intervals (95 %) treat the faces of one frame as a cluster.
    """

    right: int
    said: int
    are: int
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True, slots=True)
class LabelledFigures:
    """Of so many labelled `samples`: bare faces, a mask worn wrong among them, and masked ones."""

    samples: int
    bare: LabelFigures
    masked: LabelFigures


def labelled_figures(
    samples: Iterable[Sample], bounds: Bounds, recorded_at: float | None = None
) -> LabelledFigures:
    """Of the samples with labels. A face that is not found is not said to be anything, a found one that is none is wrong.

    `recorded_at` is as in `judged`.
    """
    labelled = [sample for sample in samples if sample.labels is not None]
    outcomes = [_outcomes(sample, bounds, recorded_at) for sample in labelled]
    bare, masked = (_figures(outcomes, label) for label in JUDGED)
    return LabelledFigures(len(labelled), bare, masked)


Outcomes = list[tuple[Label | None, Label | None]]
"""Of each face in one sample: what it is, None for a false alarm, and what is said of it, None for nothing."""


def _outcomes(sample: Sample, bounds: Bounds, recorded_at: float | None) -> Outcomes:
    assert sample.labels is not None
    size = sample.report.size
    seen = [each for each in sample.labels.faces if not in_any(bounds.ignore, each.box, size)]
    known = [(label, each.box) for each in seen if (label := each.label.known) is not None]
    unclear = [each.box for each in seen if each.label.known is None]
    found = judged(sample.report, bounds, recorded_at).faces
    matching = match(found, [box for _, box in known], unclear)
    said = dict(zip(matching.truths, matching.found, strict=True))
    truths = [
        (_is(label), _said(said[place].label) if place in said else None)
        for place, (label, _) in enumerate(known)
    ]
    pairs = zip(matching.truths, matching.found, strict=True)
    alarms: Outcomes = [(None, _said(face.label)) for place, face in pairs if place is None]
    return [*truths, *alarms]


def _is(label: FaceLabel) -> Label:
    return Label.PROTECTED if label.protected else Label.UNPROTECTED


def _said(label: Label) -> Label | None:
    return None if label is Label.UNKNOWN else label


def _figures(outcomes: list[Outcomes], label: Label) -> LabelFigures:
    precision: Counter[tuple[int, int]] = Counter()
    recall: Counter[tuple[int, int]] = Counter()
    right = said = are = 0
    for faces in outcomes:
        both = faces.count((label, label))
        of_said, of_true = sum(s is label for _, s in faces), sum(t is label for t, _ in faces)
        precision[of_said, both] += 1
        recall[of_true, both] += 1
        right, said, are = right + both, said + of_said, are + of_true
    return LabelFigures(right, said, are, share(precision), share(recall))
