"""Choosing where a cascade draws its lines, on pictures that it was not trained on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import OperatingPoint, Weights
from maskwatch.learn.faces import FOUND_IOU, SeenPicture

POWERS = (
    (0.0, 0.0, 1.0),
    (0.25, 0.25, 1.0),
    (0.25, 0.5, 1.0),
    (0.5, 0.5, 1.0),
    (0.5, 1.0, 1.0),
    (1.0, 1.0, 1.0),
)
TO_RNET, TO_ONET = (0.3, 0.4, 0.5, 0.6), (0.2, 0.3, 0.5, 0.7)
LOWEST = 0.02  # scores below are of no interest
WORTH = 0.003  # of recall: for less, the point that gives the later stages less work is taken

Runs = Callable[[Iterable[OperatingPoint]], Iterable[OperatingPoint]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The point, and its recall and precision on the pictures that it was chosen on."""

    point: OperatingPoint
    recall: float
    precision: float


def choose_point(
    weights: Weights,
    pictures: Sequence[SeenPicture],
    *,
    precision: float,
    min_face_px: float,
    device: torch.device,
    through: Runs = iter,
) -> Choice:
    """The point of the highest recall at that precision; `through` may show a bar.

    The powers and the first two thresholds are compared by the recall at precisions about the wanted one,
    because at a single one few pictures decide by chance.
    """
    backend = choose("auto", weights, device)
    settings = Settings(min_face_px=min_face_px, scout=False)
    about = (precision - 0.02, precision, precision + 0.02)
    points = [OperatingPoint((TO_RNET[1], TO_ONET[1], LOWEST), powers) for powers in POWERS]
    curves: dict[OperatingPoint, Curve] = {}

    def worth(point: OperatingPoint) -> float:
        detector = Mtcnn(backend, settings, weights.version, point)
        curves[point] = curve([detector.detect([p.rgb])[0] for p in pictures], [p.faces for p in pictures])
        return float(np.mean([curves[point].at(wanted)[1] for wanted in about]))

    powers = max(((worth(point), point) for point in through(points)), key=lambda pair: pair[0])[1].powers
    grid = [OperatingPoint((p, r, LOWEST), powers) for p, r in product(TO_RNET, TO_ONET)]
    known = [(worth(point), point) for point in through(grid)]
    best = max(value for value, _ in known)
    point = max((p for value, p in known if value >= best - WORTH), key=lambda p: p.thresholds[:2])
    bound, recall, reached = curves[point].at(precision)
    return Choice(replace(point, thresholds=(*point.thresholds[:2], bound)), recall, reached)


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall from the highest score down; `scores` are what a bound would be."""

    scores: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def at(self, precision: float) -> tuple[float, float, float]:
        """The lowest bound that keeps this precision, or the most precise one: bound, recall, precision."""
        good = np.flatnonzero(self.precision >= precision)
        if not len(self.scores):
            return 1.0, 0.0, 0.0
        place = good[-1] if len(good) else int(self.precision.argmax())
        # between this score and the next, so that rounding decides nothing
        below = self.scores[place + 1] if place + 1 < len(self.scores) else 0.0
        bound = float((self.scores[place] + below) / 2)
        return round(bound, 4), float(self.recall[place]), float(self.precision[place])


def curve(found: Sequence[Sequence[Face]], truths: Sequence[Sequence[Box]]) -> Curve:
    """Faces are matched with the true boxes of their picture, the highest score first, each truth once."""
    scores, hits = [], []
    for faces, boxes in zip(found, truths, strict=True):
        free = list(boxes)
        for face in sorted(faces, key=lambda f: -f.score):
            best = max(free, key=lambda box: iou(face.box, box), default=None)
            hit = best is not None and iou(face.box, best) >= FOUND_IOU
            if hit:
                free.remove(best)  # type: ignore[arg-type]
            scores.append(face.score)
            hits.append(hit)
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    right = np.cumsum(np.array(hits, bool)[order]) if len(order) else np.zeros(0)
    total = max(1, sum(len(boxes) for boxes in truths))
    ranks = np.arange(1, len(order) + 1)
    return Curve(np.array(scores, np.float64)[order], right / ranks, right / total)
