"""The detector: which of the labelled faces it finds, and what else it takes for one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import in_view
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Face, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.bootstrap import Figures, share
from maskwatch.evaluation.curve import Curve, average_precision, curve
from maskwatch.evaluation.images import EvaluationImages, Progress, opened
from maskwatch.evaluation.matching import BUCKETS, Bucket, Matching, match, side_px

Floats = NDArray[np.float64]

SWEEP_FROM = 0.05  # the lowest score that the curve is drawn from


@dataclass(frozen=True, slots=True)
class Searched:
    """A picture and what was found in it, also under the threshold."""

    image: LabelledImage
    matching: Matching


@dataclass(frozen=True, slots=True)
class Counts:
    """Labelled faces, those of them that were found, and detections that match none."""

    truths: int
    found: int
    false_alarms: int

    @property
    def recall(self) -> float | None:
        """Found / labelled faces, 0..1; None where no face is labelled."""
        return self.found / self.truths if self.truths else None


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """What a detector found in pictures; a face counts as found when its score is above `threshold`.

    Flat arrays: of every found face its `scores`, whether it is a `hits`, its `sides` (that of the true face
    for a hit, its own for a false alarm) and the place of its picture; of every true face its
    side, label and picture, and the score with which it was found (0 when it was not).
    """

    searched: tuple[Searched, ...]
    threshold: float
    scores: Floats
    hits: NDArray[np.bool_]
    sides: Floats
    places: NDArray[np.int64]
    truth_sides: Floats
    truth_labels: NDArray[np.str_]
    truth_places: NDArray[np.int64]
    truth_scores: Floats

    @property
    def images(self) -> int:
        """How many images were searched, those without a face included."""
        return len(self.searched)

    def figures(self, weights: Floats) -> Figures:
        """All sizes first, then recall by label, then everything by size."""
        everything = np.ones(len(self.scores), np.bool_), np.ones(len(self.truth_scores), np.bool_)
        result = self._figures(weights, *everything, "")
        for label in FaceLabel:
            of_label = self.truth_labels == label
            if of_label.any():
                result[f"recall, {label}"] = self._recall(weights, of_label)
        for bucket in BUCKETS:
            result |= self._figures(weights, *self._of(bucket), f", {bucket.name}")
        return result

    def counts(self, bucket: Bucket | None = None, label: FaceLabel | None = None) -> Counts:
        """At the threshold; false alarms have no label, so they are 0 where one is given."""
        found, truths = np.ones(len(self.scores), np.bool_), np.ones(len(self.truth_scores), np.bool_)
        if bucket is not None:
            found, truths = self._of(bucket)
        if label is not None:
            found, truths = found & self.hits, truths & (self.truth_labels == label)
        return Counts(
            int(truths.sum()),
            int((truths & (self.truth_scores > self.threshold)).sum()),
            int((found & ~self.hits & (self.scores > self.threshold)).sum()),
        )

    def curve(self) -> Curve:
        """The precision-recall curve over all sizes; at least one face must be labelled."""
        return curve(self.scores, self.hits, len(self.truth_scores))

    def _of(self, bucket: Bucket) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return (
            (self.sides > bucket.above_px) & (self.sides <= bucket.to_px),
            (self.truth_sides > bucket.above_px) & (self.truth_sides <= bucket.to_px),
        )

    def _figures(
        self, weights: Floats, found: NDArray[np.bool_], truths: NDArray[np.bool_], of: str
    ) -> Figures:
        per_image = partial(_per_image, images=self.images)
        kept = found & (self.scores > self.threshold)
        true = weights @ per_image(self.truth_places[truths])
        answers = weights @ per_image(self.places[kept])
        hits = weights @ per_image(self.places[kept & self.hits])
        area = average_precision(self.scores[found], self.hits[found], weights[:, self.places[found]], true)
        return {
            f"recall{of}": share(hits, true),
            f"precision{of}": share(hits, answers),
            f"F1{of}": share(2 * hits, true + answers),
            f"average precision{of}": area,
        }

    def _recall(self, weights: Floats, truths: NDArray[np.bool_]) -> Floats:
        found = truths & (self.truth_scores > self.threshold)
        return share(
            weights @ _per_image(self.truth_places[found], self.images),
            weights @ _per_image(self.truth_places[truths], self.images),
        )


def search(
    detector: Detector, images: Iterable[tuple[int, LabelledImage, Rgb]], threshold: float
) -> Detection:
    """Ask the detector, whose own last threshold should be lower, for the faces of labelled pictures."""
    return tally(
        tuple(
            Searched(image, match(found_in(rgb, detector), boxes(image), image.unclear))
            for _, image, rgb in images
        ),
        threshold,
    )


class HasThresholds(Detector, Protocol):
    """A cascade, which draws its lines at three probabilities."""

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """The probabilities (0..1) above which P-Net, R-Net and O-Net each keep a box."""
        ...


def search_lowered(
    detector: Callable[[Settings], HasThresholds],
    settings: Settings,
    material: EvaluationImages,
    progress: Progress,
) -> Detection:
    """Search with the last threshold lowered, so that a curve can be drawn; the detector's own one counts.

    `detector` makes one of settings.
    """
    to_p, to_r, to_o = detector(settings).thresholds
    lowered = settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})
    return search(detector(lowered), opened(material.images, progress), to_o)


def found_in(rgb: Rgb, detector: Detector) -> list[Face]:
    """The faces of a picture as reports show them, which end with it as the boxes that people draw do."""
    height, width = rgb.shape[:2]
    return in_view(detector.detect([rgb])[0], width, height)


def boxes(image: LabelledImage) -> list[Box]:
    """The ground-truth boxes of an image, in pixels, in their order; labels without a box are left out."""
    return [truth.box for truth in image.truths if truth.box is not None]


def tally(searched: tuple[Searched, ...], threshold: float) -> Detection:
    """The flat arrays of what was found."""
    found, truths = [], []
    for place, each in enumerate(searched):
        true = each.image.truths
        of = dict(zip(each.matching.truths, each.matching.found, strict=True))
        for face, truth in zip(each.matching.found, each.matching.truths, strict=True):
            box = face.box if truth is None else (true[truth].box or face.box)
            found.append((face.score, truth is not None, side_px(box), place))
        for number, (box, truth_) in enumerate(zip(boxes(each.image), true, strict=True)):
            truths.append((side_px(box), truth_.label, place, of[number].score if number in of else 0.0))
    scores, hits, sides, places = zip(*found, strict=True) if found else ((), (), (), ())
    truth_sides, labels, truth_places, truth_scores = (
        zip(*truths, strict=True) if truths else ((), (), (), ())
    )
    return Detection(
        searched,
        threshold,
        np.array(scores, np.float64),
        np.array(hits, np.bool_),
        np.array(sides, np.float64),
        np.array(places, np.int64),
        np.array(truth_sides, np.float64),
        np.array(labels, np.str_),
        np.array(truth_places, np.int64),
        np.array(truth_scores, np.float64),
    )


def _per_image(places: NDArray[np.int64], images: int) -> Floats:
    return np.bincount(places, minlength=images).astype(np.float64)
