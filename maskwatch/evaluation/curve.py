"""The precision-recall curve and the area under it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROWS = 50  # weightings at once: bounds the memory


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One point for each distinct score, highest first: precision and recall at a threshold just below it."""

    scores: Floats
    recall: Floats
    precision: Floats


def curve(scores: Floats, hits: NDArray[np.bool_], truths: int) -> Curve:
    """Of found faces, each a hit or a false alarm, among so many true ones (at least one)."""
    points = weighted_curve(scores, hits, np.ones(len(scores)), hits.astype(np.float64))
    return replace(points, recall=points.recall / truths)


def weighted_curve(scores: Floats, hits: NDArray[np.bool_], weights: Floats, gains: Floats) -> Curve:
    """As `curve`, each found face counting `weights` times for precision, and adding its part of `gains` to recall."""
    order = np.argsort(-scores, kind="stable")
    last = _last_of_equals(scores[order])
    right, asked = (np.cumsum(each[order])[last] for each in (weights * hits, weights))
    return Curve(scores[order][last], np.cumsum(gains[order])[last], right / asked)


def scores_at_precision(
    scores: Floats, hits: NDArray[np.bool_], weights: Floats, precision: float
) -> NDArray[np.float64]:
    """The lowest score at which the found faces down to it have that precision (0..1), for each row of `weights`.

    `weights` is `(rows, faces)`, how often each found face counts. Infinity where no score has it.
    """
    order = np.argsort(-scores, kind="stable")
    last = _last_of_equals(scores[order])
    result = np.full(len(weights), np.inf)
    for start in range(0, len(weights), ROWS):
        chosen = weights[start : start + ROWS][:, order]
        found = np.cumsum(chosen * hits[order], axis=1)[:, last]
        asked = np.cumsum(chosen, axis=1)[:, last]
        for row, good in enumerate((asked > 0) & (found >= precision * asked - 1e-9)):
            if good.any():
                result[start + row] = scores[order][last][np.flatnonzero(good)[-1]]
    return result


def average_precision(
    scores: Floats, hits: NDArray[np.bool_], weights: Floats, truths: Floats
) -> NDArray[np.float64]:
    """The area under the interpolated curve, for each row of `weights`; NaN where there is no true face.

    `weights` is `(rows, faces)`, how often each found face counts; `truths` `(rows,)`, how many true
    faces there are. At each recall, from 0 up to the highest reached, stands the highest precision at
    that recall or a higher one: PASCAL VOC's average precision since 2010, at all points (M. Everingham
    et al., The PASCAL Visual Object Classes Challenge: A Retrospective, IJCV 111, 2015, 98-136).
    """
    order = np.argsort(-scores, kind="stable")
    last = _last_of_equals(scores[order])
    result = np.full(len(truths), np.nan)
    for start in range(0, len(truths), ROWS):
        rows = slice(start, start + ROWS)
        chosen = weights[rows][:, order]
        found = np.cumsum(chosen * hits[order], axis=1)[:, last]
        asked = np.cumsum(chosen, axis=1)[:, last]
        precision = np.divide(found, asked, out=np.zeros_like(found), where=asked > 0)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        gained = np.diff(found, axis=1, prepend=0)
        area = (gained * envelope).sum(axis=1)
        result[rows] = np.divide(area, truths[rows], out=np.full(len(area), np.nan), where=truths[rows] > 0)
    return result


def _last_of_equals(ordered: Floats) -> NDArray[np.intp]:
    """The index of the last of each run of equal scores, as a threshold passes all of them or none."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], [True] * (len(ordered) > 0)))
