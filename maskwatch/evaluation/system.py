"""Detector and classifier together: who is found and judged right, and how far off a frame's ratio is."""

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
    def ratio_error(self) -> float | None:
        """How far the protected ratio is off; None where the truth or we have nobody."""
        said, true = self.report.protected_ratio, self.true_ratio
        return None if said is None or true is None else abs(said - true)

    def outcomes(self) -> list[tuple[GroundTruth, Face | None, str]]:
        """Each true face, what was found of it, and what was said: a `Label`, or missed."""
        found = [self.matching.of(place) for place in range(len(self.image.truths))]
        return [
            (truth, face, MISSED if face is None else str(face.label))
            for truth, face in zip(self.image.truths, found, strict=True)
        ]

    @property
    def false_alarms(self) -> tuple[Face, ...]:
        """Found and judged, but nobody's labelled face."""
        pairs = zip(self.matching.found, self.matching.truths, strict=True)
        return tuple(f for f, truth in pairs if truth is None and f.label is not Label.UNKNOWN)


@dataclass(frozen=True, slots=True)
class EmptyFrames:
    """Pictures whose ratios cannot be compared: where nobody is labelled, and where we judged nobody."""

    in_truth: int
    in_truth_and_ours: int
    in_ours: int


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """What detector and classifier together said of labelled images, one record an image."""

    watched: tuple[AnalysedImage, ...]

    @property
    def images(self) -> int:
        """How many images were analysed, those without a face included."""
        return len(self.watched)

    def figures(self, weights: Floats) -> Figures:
        """End to end, then how found and judged faces are labelled, both by label too, then the ratio."""
        truths, right = weights @ self._table(), weights @ self._table(right=True)
        judged = weights @ self._table(judged=True)
        alarms = weights @ np.array([len(w.false_alarms) for w in self.watched], np.float64)
        errors = [w.ratio_error for w in self.watched]
        comparable = weights @ np.array([e is not None for e in errors], np.float64)
        result = {
            "end-to-end recall": share(right.sum(axis=1), truths.sum(axis=1)),
            "end-to-end precision": share(right.sum(axis=1), judged.sum(axis=1) + alarms),
            "label accuracy of found faces": share(right.sum(axis=1), judged.sum(axis=1)),
        }
        for place, label in enumerate(FaceLabel):
            if truths[:, place].any():
                result[f"end-to-end recall, {label}"] = share(right[:, place], truths[:, place])
                result[f"label accuracy of found faces, {label}"] = share(right[:, place], judged[:, place])
        result["error of the protected ratio"] = share(
            weights @ np.array([e or 0.0 for e in errors], np.float64), comparable
        )
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

    def _table(self, *, right: bool = False, judged: bool = False) -> Floats:
        """`(pictures, labels)`: how many true faces, or only those judged, or those judged right."""
        order = list(FaceLabel)
        table = np.zeros((self.images, len(order)))
        for place, watched in enumerate(self.watched):
            for truth, face, said in watched.outcomes():
                known = face is not None and face.label is not Label.UNKNOWN
                if (known or not (judged or right)) and (not right or is_right(truth, said)):
                    table[place, order.index(truth.label)] += 1
        return table


def is_right(truth: GroundTruth, said: str) -> bool:
    """A mask worn wrong is to be judged unprotected."""
    return said == (Label.PROTECTED if truth.label.protected else Label.UNPROTECTED)


def analyse_images(analyse: Analyse, images: Iterable[tuple[int, LabelledImage, Rgb]]) -> System:
    """What the system says of labelled pictures."""
    watched = []
    for _, image, rgb in images:
        report = analyse(rgb)
        matching = match(report.faces, boxes(image), image.unclear)
        watched.append(AnalysedImage(image, replace(report, faces=matching.found), matching))
    return System(tuple(watched))
