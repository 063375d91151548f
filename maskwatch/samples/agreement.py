"""How far two people who saw the same picture, neither knowing what the other said, agree.

Cohen's kappa of the labels, over the boxes that both drew: 1 all the same, 0 as chance would have it. J. Cohen, A
coefficient of agreement for nominal scales, 1960. Its 95 % interval is a bootstrap over pictures, as faces of one
picture are not independent. And the share of boxes that both found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskwatch.core.interval import wilson
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import Annotation, Revision
from maskwatch.samples.opinions import matched
from maskwatch.samples.sample import Sample

LABELS = tuple(AnnotationLabel)
RESAMPLES = 1000
MIN_FACES = 5  # of fewer there is no kappa worth telling
Interval = tuple[float, float]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A picture that two labelled: `counts[i, j]` boxes that the first gave `LABELS[i]` and the second `LABELS[j]`.

    `alone` boxes were found by one of them only.
    """

    sample_id: str
    first: str
    second: str
    counts: Matrix
    alone: int

    @property
    def people(self) -> tuple[str, str]:
        """Both names, sorted."""
        return (self.first, self.second) if self.first <= self.second else (self.second, self.first)


@dataclass(frozen=True, slots=True)
class Figure:
    """Agreement over some pictures; `kappa` is None where too few faces, or only one label, were given."""

    pictures: int
    faces: int
    kappa: float | None
    kappa_interval: Interval | None
    found_by_both: float | None
    found_interval: Interval | None

    def to_json(self) -> dict[str, object]:
        """With numbers to three digits."""
        return {
            "pictures": self.pictures,
            "faces": self.faces,
            "kappa": _rounded(self.kappa),
            "kappa_interval": _both_rounded(self.kappa_interval),
            "found_by_both": _rounded(self.found_by_both),
            "found_interval": _both_rounded(self.found_interval),
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of all, by label (that label against all others), by pair of names, and by person with all others."""

    total: Figure
    labels: Mapping[AnnotationLabel, Figure]
    pairs: Mapping[tuple[str, str], Figure]
    people: Mapping[str, Figure]

    def to_json(self) -> dict[str, object]:
        """Ready for JSON."""
        return {
            "all": self.total.to_json(),
            "labels": {label.value: figure.to_json() for label, figure in self.labels.items()},
            "pairs": [{"people": list(people), **figure.to_json()} for people, figure in self.pairs.items()],
            "people": {name: figure.to_json() for name, figure in self.people.items()},
        }


def comparisons(samples: Iterable[Sample]) -> list[Comparison]:
    """Each opinion against the labels beside which it was given, whatever a reviewer said later."""
    found = []
    for sample in samples:
        for opinion in sample.opinions:
            first = _labels_at(sample, opinion.revision)
            if first is not None and first.faces is not None and first.by != opinion.by:
                found.append(_compared(sample.id, first.by, first.faces, opinion.by, opinion.faces))
    return found


def agreement(compared: Sequence[Comparison]) -> Agreement:
    """Sum it up."""
    pairs = sorted({each.people for each in compared})
    names = sorted({name for pair in pairs for name in pair})
    return Agreement(
        _figure(compared),
        {label: _figure(compared, _against_others(place)) for place, label in enumerate(LABELS)},
        {pair: _figure([each for each in compared if each.people == pair]) for pair in pairs},
        {name: _figure([each for each in compared if name in each.people]) for name in names},
    )


def kappa(counts: Matrix) -> npt.NDArray[np.float64]:
    """Cohen's kappa of confusion matrices `(…, k, k)`; not a number where chance alone would agree on everything."""
    whole = counts.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.trace(counts, axis1=-2, axis2=-1) / whole
        chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / whole**2
        return np.asarray(np.where(chance < 1, (seen - chance) / (1 - chance), np.nan), np.float64)


def _labels_at(sample: Sample, revision: int) -> Revision | None:
    return next((each for each in sample.history if each.revision == revision), None)


def _compared(
    sample_id: str, first: str, mine: Sequence[Annotation], second: str, theirs: Sequence[Annotation]
) -> Comparison:
    counts = np.zeros((len(LABELS), len(LABELS)))
    pairs = matched(mine, theirs)
    for i, j in pairs:
        counts[LABELS.index(mine[i].label), LABELS.index(theirs[j].label)] += 1
    return Comparison(sample_id, first, second, counts, len(mine) + len(theirs) - 2 * len(pairs))


def _against_others(place: int) -> Callable[[Matrix], Matrix]:
    """Matrices `(n, k, k)` as `(n, 2, 2)`: this label, or another."""

    def folded(counts: Matrix) -> Matrix:
        both = counts[:, place, place]
        first, second = counts[:, place].sum(axis=-1) - both, counts[:, :, place].sum(axis=-1) - both
        neither = counts.sum(axis=(-2, -1)) - both - first - second
        return np.stack([both, first, second, neither], axis=-1).reshape(-1, 2, 2)

    return folded


def _figure(compared: Sequence[Comparison], folded: Callable[[Matrix], Matrix] | None = None) -> Figure:
    """`folded` to one label; that a box was found says nothing of labels."""
    if not compared:
        return Figure(0, 0, None, None, None, None)
    counts = np.stack([each.counts for each in compared])
    faces, alone = int(counts.sum()), sum(each.alone for each in compared)
    found = faces + alone
    matrices = folded(counts) if folded else counts
    value, interval = _bootstrapped(matrices) if faces >= MIN_FACES else (None, None)
    if folded:
        return Figure(len(compared), faces, value, interval, None, None)
    share = faces / found if found else None
    return Figure(len(compared), faces, value, interval, share, wilson(faces, found))


def _bootstrapped(counts: Matrix) -> tuple[float | None, Interval | None]:
    """Kappa and its 95 % interval over pictures drawn anew, always the same ones."""
    value = float(kappa(counts.sum(axis=0)))
    if np.isnan(value):
        return None, None
    drawn = np.random.default_rng(0).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES
    )
    again = kappa(np.tensordot(drawn, counts, axes=1))
    again = again[~np.isnan(again)]
    if len(counts) < 2 or not len(again):
        return value, None
    low, high = np.percentile(again, (2.5, 97.5))
    return value, (float(low), float(high))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _both_rounded(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(value, 3) for value in interval]
