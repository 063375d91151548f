"""Confidence intervals of figures, and whether two models differ: the bootstrap over pictures.

Pictures are drawn with replacement, not faces, because the faces of one picture share its light, its
distance and its crowd. A draw is a weighting of the pictures, so that every figure of all draws is
computed at once (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, percentile intervals).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Estimate

RESAMPLES = 1000
PERCENTILES = (2.5, 97.5)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Figures = dict[str, Floats]


class Measured(Protocol):
    """Figures over `images` pictures that can be computed for any weighting of these pictures."""

    @property
    def images(self) -> int:
        """The number of pictures: the columns of `weights`."""
        ...

    def figures(self, weights: Floats) -> Figures:
        """Each figure by name, a value for each row of `weights` `(rows, images)`; NaN where undefined."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """The figures of some of the pictures only: those at the indices `places`."""

    whole: Measured
    places: Ints

    @property
    def images(self) -> int:
        """How many of them there are."""
        return len(self.places)

    def figures(self, weights: Floats) -> Figures:
        """The figures with every picture counted once."""
        spread = np.zeros((len(weights), self.whole.images))
        spread[:, self.places] = weights
        return self.whole.figures(spread)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two models on the same pictures; the interval is that of b - a, drawn in pairs.

    `higher_is_better` is None for a figure whose height is neither good nor bad, such as a bias.
    """

    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    higher_is_better: bool | None = True

    @property
    def is_clear(self) -> bool:
        """Whether the difference is significant: its interval lies on one side of 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """What the data says of model B."""
        if self.difference is None or self.low is None or self.high is None:
            return "cannot be told"
        if not self.is_clear:
            return "no difference that this data can show"
        if self.higher_is_better is None:
            return "higher" if self.difference > 0 else "lower"
        return "better" if (self.difference > 0) is self.higher_is_better else "worse"

    def as_dict(self) -> dict[str, object]:
        """For JSON: the fields by their names, and `verdict`."""
        return {**asdict(self), "verdict": self.verdict}


def estimates(measured: Measured, *, seed: int = 0) -> dict[str, Estimate]:
    """Every figure with its interval."""
    values = measured.figures(np.ones((1, measured.images)))
    drawn = measured.figures(draws(measured.images, seed))
    return {name: Estimate(_number(values[name][0]), *interval(drawn[name])) for name in values}


def differences(
    a: Measured, b: Measured, better_low: Callable[[str], bool | None], *, seed: int = 0
) -> dict[str, Difference]:
    """Every figure that both models have on the same pictures; each bootstrap draw is used for both.

    `better_low` gives, for a figure's name, whether lower is better; None where neither is.
    """
    assert a.images == b.images
    weights = draws(a.images, seed)
    once = np.ones((1, a.images))
    values_a, values_b = a.figures(once), b.figures(once)
    drawn_a, drawn_b = a.figures(weights), b.figures(weights)
    return {
        name: Difference(
            _number(values_a[name][0]),
            _number(values_b[name][0]),
            _number(values_b[name][0] - values_a[name][0]),
            *interval(drawn_b[name] - drawn_a[name]),
            higher_is_better=None if (low := better_low(name)) is None else not low,
        )
        for name in values_a
        if name in values_b
    }


def draws(images: int, seed: int) -> Floats:
    """`(RESAMPLES, images)`: how often each image was drawn."""
    random = np.random.default_rng(seed)
    return random.multinomial(images, np.full(images, 1 / images), size=RESAMPLES).astype(np.float64)


def interval(values: Floats) -> tuple[float | None, float | None]:
    """The middle 95 % of the values that are defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None, None
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)


def share(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, NaN where `whole` is 0."""
    result = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
