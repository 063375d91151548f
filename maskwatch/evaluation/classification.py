"""How the classifier judges the faces that the detector finds. Positive means protected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Face, Rgb
from maskwatch.datasets.faces import LabelledFace, found_faces
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.evaluation.bootstrap import Figures, share

Floats = NDArray[np.float64]

BINS = 10


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of faces; positive means protected. The shares are None where nothing was to be counted."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def total(self) -> int:
        """All faces that were counted."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float | None:
        """(TP + TN) / all faces, 0..1."""
        return (self.tp + self.tn) / self.total if self.total else None

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP), 0..1."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN), 0..1."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: the counts, with their sum as `faces`, and the shares."""
        return {
            "faces": self.total,
            "tp": self.tp,
            "fp": self.fp,
            "tn": self.tn,
            "fn": self.fn,
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
        }


def evaluate(classifier: Classifier, faces: Sequence[LabelledFace], *, protected_at: float) -> Confusion:
    """Classify the faces, cropped as in live use, and count."""
    judged = [p >= protected_at for p in _asked(classifier, faces)]
    return _confusion(zip(judged, (f.protected for f in faces), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class JudgedFace:
    """A found face, its true label and its predicted probability of being protected; `face` is kept where the verdict is wrong.

    `class_name` is what its data set calls its class.
    """

    key: str
    label: FaceLabel
    probability: float
    face: LabelledFace | None
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Bin:
    """One of ten bins of the predicted probability: the number of faces, their mean probability, and how many were protected."""

    faces: int
    predicted: float | None
    protected: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """How a classifier judged faces; `places` are the indices of their pictures, of which there are `images`."""

    judged: tuple[JudgedFace, ...]
    places: NDArray[np.int64]
    images: int
    protected_at: float

    @property
    def probabilities(self) -> Floats:
        """`(faces,)` float64: each face's probability of being protected, 0..1, in the order of `judged`."""
        return np.array([face.probability for face in self.judged], np.float64)

    @property
    def labels(self) -> NDArray[np.str_]:
        """`(faces,)`: the true `FaceLabel` of each face as a string, in the order of `judged`."""
        return np.array([face.label for face in self.judged], np.str_)

    @property
    def confusion(self) -> Confusion:
        """The counts with a face judged protected from a probability of `protected_at` on."""
        return _confusion((j.probability >= self.protected_at, j.label.protected) for j in self.judged)

    @property
    def slices(self) -> dict[str, FaceLabel]:
        """The class names of data sets that have more classes than there are labels, and the label that each means."""
        named = {(face.class_name, face.label) for face in self.judged if face.class_name}
        return dict(sorted(named))

    def slice(self, class_name: str) -> NDArray[np.bool_]:
        """`(faces,)`: which faces are of that class."""
        return np.array([face.class_name == class_name for face in self.judged], np.bool_)

    def count(self, label: FaceLabel, *, protected: bool) -> int:
        """The number of faces of a label that were judged protected, or not."""
        said = (j.probability >= self.protected_at for j in self.judged if j.label is label)
        return sum(each is protected for each in said)

    def wrong(self) -> list[JudgedFace]:
        """The wrongly judged faces, the most confident first."""
        wrong = [j for j in self.judged if (j.probability >= self.protected_at) is not j.label.protected]
        return sorted(wrong, key=lambda j: abs(j.probability - self.protected_at), reverse=True)

    def reliability(self) -> list[Bin]:
        """Ten bins of the probability, from 0 to 1."""
        probabilities, true = self.probabilities, self.labels == FaceLabel.PROTECTED
        bins = _bins(probabilities)
        return [
            Bin(int(mine.sum()), _mean(probabilities[mine]), _mean(true[mine].astype(np.float64)))
            for mine in (bins == number for number in range(BINS))
        ]

    def figures(self, weights: Floats) -> Figures:
        """The expected calibration error is the mean distance, over faces, of a bin's two means (see `Bin`).

        M. Pakdaman Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
        """
        counts = weights[:, self.places]
        probabilities, labels = self.probabilities, self.labels
        said, true = probabilities >= self.protected_at, labels == FaceLabel.PROTECTED
        total, hits = counts.sum(axis=1), counts[:, said & true].sum(axis=1)
        result = {
            "accuracy": share(counts[:, said == true].sum(axis=1), total),
            "precision": share(hits, counts[:, said].sum(axis=1)),
            "recall": share(hits, counts[:, true].sum(axis=1)),
            "F1": share(2 * hits, counts[:, said].sum(axis=1) + counts[:, true].sum(axis=1)),
        }
        for label in FaceLabel:
            mine = labels == label
            if mine.any():
                right = mine & (said == label.protected)
                result[f"accuracy, {label}"] = share(
                    counts[:, right].sum(axis=1), counts[:, mine].sum(axis=1)
                )
        right_at_all = said == true
        for name in self.slices:
            mine = self.slice(name)
            result[f"accuracy, class {name}"] = share(
                counts[:, mine & right_at_all].sum(axis=1), counts[:, mine].sum(axis=1)
            )
        bins, gap = _bins(probabilities), probabilities - true
        gaps = [
            np.abs((counts[:, mine] * gap[mine]).sum(axis=1)) for mine in (bins == n for n in range(BINS))
        ]
        result["expected calibration error"] = share(np.sum(gaps, axis=0), total)
        return result


def judged(
    image: LabelledImage,
    rgb: Rgb,
    detector: Detector,
    classifiers: Sequence[Classifier],
    *,
    protected_at: float,
) -> list[list[JudgedFace]]:
    """How each classifier judges the same faces of a picture: the labelled ones that the detector finds."""
    faces = found_faces(rgb, image, detector)
    return [
        [
            _judged(face, probability, protected_at)
            for face, probability in zip(faces, _asked(classifier, faces), strict=True)
        ]
        for classifier in classifiers
    ]


def gathered(images: Iterable[Sequence[JudgedFace]], *, protected_at: float) -> Classification:
    """How one classifier judged the faces of each picture, together."""
    faces: list[JudgedFace] = []
    places: list[int] = []
    seen = 0
    for own in images:
        faces += own
        places += [seen] * len(own)
        seen += 1
    return Classification(tuple(faces), np.array(places, np.int64), seen, protected_at)


def _judged(face: LabelledFace, probability: float, protected_at: float) -> JudgedFace:
    wrong = (probability >= protected_at) is not face.protected
    kept = face if wrong else None
    return JudgedFace(face.key, face.label, probability, kept, face.class_name)


def _asked(classifier: Classifier, faces: Sequence[LabelledFace]) -> list[float]:
    return classifier.classify([(f.patch, Face(f.box, score=1.0)) for f in faces])


def _confusion(pairs: Iterable[tuple[bool, bool]]) -> Confusion:
    """The confusion matrix of verdicts against true labels."""
    counted = list(pairs)
    return Confusion(
        tp=counted.count((True, True)),
        fp=counted.count((True, False)),
        tn=counted.count((False, False)),
        fn=counted.count((False, True)),
    )


def _bins(probabilities: Floats) -> NDArray[np.int64]:
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
