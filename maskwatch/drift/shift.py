"""When the distribution of confidences has shifted: the population stability index."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from maskwatch.drift.confidences import BINS, MODELS, Counts, Day

CHI_SQUARED = 27.88  # of 9 degrees of freedom, exceeded by chance once in a thousand


@dataclass(frozen=True, slots=True)
class Bounds:
    """`psi`: above it a shift is one. `reference_days`: the first ones with these models. `least`: faces on either side."""

    psi: float
    reference_days: int
    least: int


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """Of one camera and model: the first days' counts against the last ones', None where there are too few faces.

    `by_day` is each later day's index.
    """

    camera: str
    model: str
    reference: Counts
    now: Counts
    psi: float | None
    bound: float
    by_day: tuple[tuple[date, float], ...]

    @property
    def is_due(self) -> bool:
        """Whether the index exceeds its bound; False where there are too few faces."""
        return self.psi is not None and self.psi > self.bound


def psi(reference: Counts, now: Counts) -> float:
    """The population stability index of two histograms; an empty bin counts as half a face.

    N. Siddiqi, Credit Risk Scorecards, 2006: under 0.1 nothing changed, above 0.25 much did.
    """
    p, q = (np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum() for counts in (reference, now))
    return float(((q - p) * np.log(q / p)).sum())


def chance(reference: Counts, now: Counts) -> float:
    """What the index of equal distributions exceeds once in a thousand, for so many faces.

    It is (1/N + 1/M) times chi squared of one degree less than bins: B. Yurdakul and J. Naranjo, Statistical properties of
    the population stability index, Journal of Risk Model Validation 14(4), 2020.
    """
    return float((1 / max(1, int(reference.sum())) + 1 / max(1, int(now.sum()))) * CHI_SQUARED)


def shifts(days: Sequence[Day], versions: dict[str, str], bounds: Bounds) -> list[Shift]:
    """For each camera and model; only days with the camera's present `versions`, as others see otherwise."""
    result = []
    for camera, version in sorted(versions.items()):
        mine = sorted((d for d in days if d.camera == camera and d.versions == version), key=lambda d: d.day)
        result += [_shift(camera, model, mine, bounds) for model in MODELS]
    return result


def _shift(camera: str, model: str, days: Sequence[Day], bounds: Bounds) -> Shift:
    early, late = days[: bounds.reference_days], days[bounds.reference_days :]
    reference = total(day.counts[model] for day in early)
    now = np.zeros(BINS, np.int64)
    for day in reversed(late):  # back from today until there are enough
        if now.sum() >= bounds.least:
            break
        now = now + day.counts[model]
    enough = min(reference.sum(), now.sum()) >= bounds.least
    return Shift(
        camera,
        model,
        reference,
        now,
        psi(reference, now) if enough else None,
        max(bounds.psi, chance(reference, now)),
        tuple((day.day, psi(reference, day.counts[model])) for day in late if day.counts[model].sum()),
    )


def total(counts: Iterable[Counts]) -> Counts:
    """The counts of several days together, `(BINS,)`."""
    result = np.zeros(BINS, np.int64)
    for each in counts:
        result = result + each
    return result
