"""Which labelled faces the detector finds, and its false alarms."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import clip_faces
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Face, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.datasets.sets import Progress
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.bootstrap import Figures, share
from maskwatch.evaluation.curve import ROWS, Curve, average_precision, curve, scores_at_precision
from maskwatch.evaluation.images import EvaluationImages, opened
from maskwatch.evaluation.matching import BUCKETS, Bucket, Matching, match, side_px

Floats = NDArray[np.float64]

SWEEP_FROM = 0.05  # the lowest score that the curve is drawn from
PRECISION = 0.93  # at which detectors are compared, whatever their thresholds
BARE_MINUS_MASKED = f"{FaceLabel.UNPROTECTED} minus {FaceLabel.PROTECTED}"


@dataclass(frozen=True, slots=True)
class Searched:
    """A picture and the faces found in it, including those below the threshold."""

    image: LabelledImage
    matching: Matching


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of labelled faces, of those that were found, and of detections that match none."""

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

    Recall is also reported at the fixed `precision` (0..1), by the threshold that gives it on the same pictures.
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
    precision: float = PRECISION

    @property
    def images(self) -> int:
        """How many images were searched, those without a face included."""
        return len(self.searched)

    def figures(self, weights: Floats) -> Figures:
        """All sizes first, then recall by label, recall at the fixed precision, then everything by size."""
        everything = np.ones(len(self.scores), np.bool_), np.ones(len(self.truth_scores), np.bool_)
        result = self._figures(weights, *everything, "")
        result |= self._recalls(weights, np.full(len(weights), np.nextafter(self.threshold, 2)), "recall")
        result |= self._recalls(weights, self._bounds(weights), self.at_precision)
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

    @property
    def at_precision(self) -> str:
        """The name of recall at the fixed precision, of all faces; of a label's, it and the label follow."""
        return f"recall at precision {self.precision:g}"

    def score_at_precision(self) -> float | None:
        """The lowest score that keeps the fixed precision; None where none does."""
        bound = float(self._bounds(np.ones((1, self.images)))[0])
        return None if np.isinf(bound) else bound

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

    def _bounds(self, weights: Floats) -> Floats:
        return scores_at_precision(self.scores, self.hits, weights[:, self.places], self.precision)

    def _recalls(self, weights: Floats, bounds: Floats, name: str) -> Figures:
        """Of true faces found with a score of at least a row's bound: all, by label, and bare minus masked."""
        sets = {name: np.ones(len(self.truth_labels), np.bool_)}
        sets |= {f"{name}, {label}": self.truth_labels == label for label in FaceLabel}
        sets = {own: chosen for own, chosen in sets.items() if chosen.any() or own == name}
        result = {own: np.full(len(weights), np.nan) for own in sets}
        for start in range(0, len(weights), ROWS):
            rows = slice(start, start + ROWS)
            counts = weights[rows][:, self.truth_places]
            found = counts * (self.truth_scores >= bounds[rows, None])
            for own, chosen in sets.items():
                result[own][rows] = share(found[:, chosen].sum(axis=1), counts[:, chosen].sum(axis=1))
        bare, masked = (
            result.get(f"{name}, {label}") for label in (FaceLabel.UNPROTECTED, FaceLabel.PROTECTED)
        )
        if bare is not None and masked is not None:
            result[f"{name}, {BARE_MINUS_MASKED}"] = bare - masked
        return result


def search(
    detector: Detector, images: Iterable[tuple[int, LabelledImage, Rgb]], threshold: float
) -> Detection:
    """Run the detector, with its last threshold lowered, on labelled pictures."""
    return tally(tuple(searched(image, rgb, detector) for _, image, rgb in images), threshold)


def searched(image: LabelledImage, rgb: Rgb, detector: Detector) -> Searched:
    """The faces found in a picture, matched with the labelled ones."""
    return Searched(image, match(found_in(rgb, detector), boxes(image), image.unclear))


class HasThresholds(Detector, Protocol):
    """A cascade, which has three thresholds."""

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
    own = detector(settings).thresholds
    images = opened(material.images, progress, material.condition)
    return search(detector(lowered(settings, own)), images, own[-1])


def lowered(settings: Settings, thresholds: tuple[float, float, float]) -> Settings:
    """The cascade's settings with these thresholds, the last one lowered so that a curve can be drawn."""
    to_p, to_r, to_o = thresholds
    return settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})


def found_in(rgb: Rgb, detector: Detector) -> list[Face]:
    """The faces of a picture as reports show them: cut at the picture's edges, like the boxes that people draw."""
    height, width = rgb.shape[:2]
    return clip_faces(detector.detect([rgb])[0], width, height)


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
