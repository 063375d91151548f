"""How good a classifier is: counts on faces that no training saw."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.core.records import Face
from maskwatch.learn.faces import LabelledFace


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of faces; positive means protected. The shares are None where nothing was to be counted."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def total(self) -> int:
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float | None:
        return (self.tp + self.tn) / self.total if self.total else None

    @property
    def precision(self) -> float | None:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    def as_dict(self) -> dict[str, float | int | None]:
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


def evaluate(classifier: MaskClassifier, faces: Sequence[LabelledFace], *, protected_at: float) -> Confusion:
    """Judge the faces, cut as they are live, and count."""
    asked = [(f.patch, Face(f.box, score=1.0)) for f in faces]
    judged = [p >= protected_at for p in classifier.classify(asked)]
    pairs = list(zip(judged, (f.protected for f in faces), strict=True))
    return Confusion(
        tp=pairs.count((True, True)),
        fp=pairs.count((True, False)),
        tn=pairs.count((False, False)),
        fn=pairs.count((False, True)),
    )
