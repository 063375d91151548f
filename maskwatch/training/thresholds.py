"""Choosing where a cascade draws its lines, on pictures that it was not trained on.

Recall is the mean of those of the groups: faces of one data set and one label. A crowd of masked faces in one of the
sets must not decide alone. For precision likewise every data set weighs the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch

from maskwatch.core.evenly import evenly
from maskwatch.core.records import Face
from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import OperatingPoint, Weights
from maskwatch.evaluation.curve import Curve, weighted_curve
from maskwatch.evaluation.detection import found_in
from maskwatch.evaluation.matching import match

POWERS = (
    (0.0, 0.0, 1.0),
    (0.25, 0.25, 1.0),
    (0.25, 0.5, 1.0),
    (0.5, 0.5, 1.0),
    (0.5, 1.0, 1.0),
    (1.0, 1.0, 1.0),
)
TO_RNET, TO_ONET = (0.25, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3, 0.5)
MAX_OF_A_SET = 150  # pictures
LOWEST = 0.02  # scores below are of no interest
WORTH = 0.003  # of recall: for less, the point that gives the later stages less work is taken

Runs = Callable[[Iterable[OperatingPoint]], Iterable[OperatingPoint]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The point, and its recall and precision on the pictures that it was chosen on, by the file's first lines."""

    point: OperatingPoint
    recall: float
    precision: float


def choose_point(
    weights: Weights,
    images: Sequence[SeenImage],
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
    images = _some_of_each(images)
    backend = choose("auto", weights, device)
    settings = Settings(min_face_px=min_face_px)
    about = (precision - 0.02, precision, precision + 0.02)
    points = [OperatingPoint((TO_RNET[1], TO_ONET[2], LOWEST), powers, mirrored=True) for powers in POWERS]
    curves: dict[OperatingPoint, Curve] = {}

    def worth(point: OperatingPoint) -> float:
        detector = Mtcnn(backend, settings, weights.version, point)
        curves[point] = _curve([found_in(p.rgb, detector) for p in images], images)
        return float(np.mean([_at(curves[point], wanted)[1] for wanted in about]))

    powers = max(((worth(point), point) for point in through(points)), key=lambda pair: pair[0])[1].powers
    grid = [OperatingPoint((p, r, LOWEST), powers, mirrored=True) for p, r in product(TO_RNET, TO_ONET)]
    known = [(worth(point), point) for point in through(grid)]
    best = max(value for value, _ in known)
    point = max((p for value, p in known if value >= best - WORTH), key=lambda p: p.thresholds[:2])
    bound, recall, reached = _at(curves[point], precision)
    return Choice(replace(point, thresholds=(*point.thresholds[:2], bound)), recall, reached)


def _some_of_each(images: Sequence[SeenImage]) -> list[SeenImage]:
    """The pictures, of a large data set an even choice: they are all gone through for every point."""
    own: dict[str, list[SeenImage]] = defaultdict(list)
    for image in images:
        own[image.source].append(image)
    return [image for each in own.values() for image in evenly(each, MAX_OF_A_SET)]


def _curve(found: Sequence[Sequence[Face]], images: Sequence[SeenImage]) -> Curve:
    """Of the found faces of each picture, every group of true faces and every source weighing the same."""
    groups = Counter(group for image in images for group in _groups(image))
    sources = Counter(image.source for image in images for _ in image.faces)
    scores, recalled, hits, weights = [], [], [], []
    for faces, image in zip(found, images, strict=True):
        matching, own = match(faces, image.faces, image.unclear), _groups(image)
        for face, truth in zip(matching.found, matching.truths, strict=True):
            scores.append(face.score)
            hits.append(truth is not None)
            recalled.append(0.0 if truth is None else 1 / len(groups) / groups[own[truth]])
            weights.append(1 / max(1, sources[image.source]))
    numbers = (np.array(each, np.float64) for each in (weights, recalled))
    return weighted_curve(np.array(scores, np.float64), np.array(hits, np.bool_), *numbers)


def _groups(image: SeenImage) -> list[tuple[str, bool | None]]:
    """Of each face: its data set, and whether it is protected, if that is known."""
    return [(image.source, None if label is None else label.protected) for label in image.face_labels]


def _at(points: Curve, precision: float) -> tuple[float, float, float]:
    """The lowest bound that keeps this precision, or the most precise one: bound, recall, precision."""
    if not len(points.scores):
        return 1.0, 0.0, 0.0
    good = np.flatnonzero(points.precision >= precision)
    place = good[-1] if len(good) else int(points.precision.argmax())
    # between this score and the next, so that rounding decides nothing
    below = points.scores[place + 1] if place + 1 < len(points.scores) else 0.0
    bound = float((points.scores[place] + below) / 2)
    return round(bound, 4), float(points.recall[place]), float(points.precision[place])
