"""Detector and classifier together: the decision on a frame, the faces found and judged right, and the error of its ratio."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Face, FrameReport, Label, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage
from maskwatch.evaluation.bootstrap import Figures, share
from maskwatch.evaluation.detection import boxes
from maskwatch.evaluation.matching import Matching, match

Floats = NDArray[np.float64]
Analyse = Callable[[Rgb], FrameReport]

MISSED = "missed"
UNNOTICED, ACCUSED, BIAS = "unnoticed", "accused", "bias of the protected ratio"
DECISION = (UNNOTICED, ACCUSED, BIAS)


@dataclass(frozen=True, slots=True)
class AnalysedImage:
    """A picture, what the system said of it, unclear places left out, and which found face is which true one."""

    image: LabelledImage
    report: FrameReport
    matching: Matching

    @property
    def true_ratio(self) -> float | None:
        """Of the labelled faces, protected / all; None when there is nobody."""
        truths = self.image.truths
        return sum(t.label.protected for t in truths) / len(truths) if truths else None

    @property
    def ratio_bias(self) -> float | None:
        """The reported protected ratio minus the true one; None where there is no labelled face or no judged one."""
        said, true = self.report.protected_ratio, self.true_ratio
        return None if said is None or true is None else said - true

    @property
    def ratio_error(self) -> float | None:
        """The absolute error of the protected ratio; None where there is no labelled face or no judged one."""
        return None if self.ratio_bias is None else abs(self.ratio_bias)

    def reports_under(self, bound: float) -> bool:
        """Whether the reported ratio is strictly under the bound (0..1), as an alert asks; nobody judged is not."""
        said = self.report.protected_ratio
        return said is not None and said < bound

    def outcomes(self) -> list[tuple[GroundTruth, Face | None, str]]:
        """Each true face, what was found of it, and what was said: a `Label`, or missed."""
        found = [self.matching.of(place) for place in range(len(self.image.truths))]
        return [
            (truth, face, MISSED if face is None else str(face.label))
            for truth, face in zip(self.image.truths, found, strict=True)
        ]

    @property
    def false_alarms(self) -> tuple[Face, ...]:
        """Faces found and judged that match no labelled one."""
        pairs = zip(self.matching.found, self.matching.truths, strict=True)
        return tuple(f for f, truth in pairs if truth is None and f.label is not Label.UNKNOWN)


@dataclass(frozen=True, slots=True)
class EmptyFrames:
    """Counts of pictures whose ratio cannot be compared: without labelled faces, and without judged ones."""

    in_truth: int
    in_truth_and_ours: int
    in_ours: int


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """Pictures with labelled faces: those truly under the ratio with the unnoticed of them, and the others with the accused."""

    under: int
    unnoticed: int
    others: int
    accused: int


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The results of detector and classifier together on labelled pictures, one record for each picture.

    `bound` (0..1) is the protected ratio below which an alert is due.
    """

    watched: tuple[AnalysedImage, ...]
    bound: float

    @property
    def images(self) -> int:
        """How many images were analysed, those without a face included."""
        return len(self.watched)

    def figures(self, weights: Floats) -> Figures:
        """The decision, then end to end, then how found and judged faces are labelled, both by label too, then the ratio.

        Of the pictures with labelled faces: `unnoticed` is the share of those truly under the bound that are not
        reported to be, and `accused` the share of the others that are.
        """
        truths, right = weights @ self._table(_every), weights @ self._table(_right)
        found, judged = weights @ self._table(_found), weights @ self._table(_judged)
        alarms = weights @ np.array([len(w.false_alarms) for w in self.watched], np.float64)
        biases = [w.ratio_bias for w in self.watched]
        comparable = weights @ np.array([b is not None for b in biases], np.float64)
        bias = np.array([b or 0.0 for b in biases], np.float64)
        under, others, reported = self._decisions()
        result = {
            UNNOTICED: share(weights @ (under & ~reported), weights @ under),
            ACCUSED: share(weights @ (others & reported), weights @ others),
            BIAS: share(weights @ bias, comparable),
            "end-to-end recall": share(right.sum(axis=1), truths.sum(axis=1)),
            "end-to-end precision": share(right.sum(axis=1), judged.sum(axis=1) + alarms),
            "label accuracy of found faces": share(right.sum(axis=1), judged.sum(axis=1)),
        }
        for place, label in enumerate(FaceLabel):
            if truths[:, place].any():
                result[f"found, {label}"] = share(found[:, place], truths[:, place])
                result[f"end-to-end recall, {label}"] = share(right[:, place], truths[:, place])
                result[f"label accuracy of found faces, {label}"] = share(right[:, place], judged[:, place])
        result["error of the protected ratio"] = share(weights @ np.abs(bias), comparable)
        result["false alarms a picture"] = share(alarms, weights.sum(axis=1))
        return result

    def count(self, label: FaceLabel, outcome: str) -> int:
        """Labelled faces of this label that met with this outcome: a `Label` as a string, or `MISSED`."""
        return sum(
            truth.label is label and said == outcome
            for watched in self.watched
            for truth, _, said in watched.outcomes()
        )

    @property
    def nobody(self) -> EmptyFrames:
        """The images of which the protected ratio cannot be compared."""
        pairs = [(w.true_ratio is None, w.report.protected_ratio is None) for w in self.watched]
        return EmptyFrames(
            in_truth=pairs.count((True, False)),
            in_truth_and_ours=pairs.count((True, True)),
            in_ours=pairs.count((False, True)),
        )

    @property
    def decisions(self) -> DecisionCounts:
        """The pictures that `unnoticed` and `accused` are shares of, counted."""
        under, others, reported = self._decisions()
        return DecisionCounts(
            int(under.sum()),
            int((under & ~reported).sum()),
            int(others.sum()),
            int((others & reported).sum()),
        )

    def _decisions(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each picture: truly under the bound, truly not, and whether it is reported to be."""
        ratios = [w.true_ratio for w in self.watched]
        return (
            np.array([r is not None and r < self.bound for r in ratios], np.bool_),
            np.array([r is not None and r >= self.bound for r in ratios], np.bool_),
            np.array([w.reports_under(self.bound) for w in self.watched], np.bool_),
        )

    def _table(self, counts: Callable[[GroundTruth, Face | None, str], bool]) -> Floats:
        """`(pictures, labels)`: how many true faces, of those that count."""
        order = list(FaceLabel)
        table = np.zeros((self.images, len(order)))
        for place, watched in enumerate(self.watched):
            for truth, face, said in watched.outcomes():
                table[place, order.index(truth.label)] += counts(truth, face, said)
        return table


def _every(_truth: GroundTruth, _face: Face | None, _said: str) -> bool:
    return True


def _found(_truth: GroundTruth, face: Face | None, _said: str) -> bool:
    return face is not None


def _judged(_truth: GroundTruth, face: Face | None, _said: str) -> bool:
    return face is not None and face.label is not Label.UNKNOWN


def _right(truth: GroundTruth, _face: Face | None, said: str) -> bool:
    return is_right(truth, said)


def is_right(truth: GroundTruth, said: str) -> bool:
    """A mask worn wrong is to be judged unprotected."""
    return said == (Label.PROTECTED if truth.label.protected else Label.UNPROTECTED)


def analyse_images(
    analyse: Analyse, images: Iterable[tuple[int, LabelledImage, Rgb]], *, bound: float
) -> System:
    """What the system says of labelled pictures; `bound` (0..1) is the protected ratio that decides."""
    return System(tuple(analysed(image, rgb, analyse) for _, image, rgb in images), bound)


def analysed(image: LabelledImage, rgb: Rgb, analyse: Analyse) -> AnalysedImage:
    """What the system says of a picture, and which of its faces is which labelled one."""
    report = analyse(rgb)
    matching = match(report.faces, boxes(image), image.unclear)
    return AnalysedImage(image, replace(report, faces=matching.found), matching)
