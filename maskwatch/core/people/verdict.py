"""The verdict on one person: what the classifier said of her face over time, combined."""

import math

from maskwatch.core.records import Label

HALF_LIFE_S = 3.0  # what was seen so long ago counts half: people put masks on, and take them off
ENOUGH = 1.0  # weight of what was seen, from which on there is a verdict
MARGIN = 0.15  # the combined probability must be so far beyond the bound to turn a verdict over
SUREST = 0.98  # one face says no more than this


class Verdict:
    """Weighted mean of log-odds, with forgetting and hysteresis. Time is the frames' own, in seconds."""

    def __init__(self, protected_at: float) -> None:
        self._bound = protected_at
        self._sum = self._weight = 0.0
        self._at: float | None = None
        self.label = Label.UNKNOWN

    @property
    def protected(self) -> float | None:
        """The combined probability (0..1), None before anything was seen."""
        return 1 / (1 + math.exp(-self._sum / self._weight)) if self._weight else None

    def add(self, at: float, protected: float, weight: float) -> None:
        """One more look at the face: the classifier's probability, and how well the face can be judged (0..1)."""
        if self._at is not None and at > self._at:
            kept = 0.5 ** ((at - self._at) / HALF_LIFE_S)
            self._sum, self._weight = self._sum * kept, self._weight * kept
        self._at = at
        probability = min(max(protected, 1 - SUREST), SUREST)
        self._sum += weight * math.log(probability / (1 - probability))
        self._weight += weight
        combined = self.protected
        if combined is None or (self.label is Label.UNKNOWN and self._weight < ENOUGH):
            return
        margin = 0.0 if self.label is Label.UNKNOWN else MARGIN
        if combined >= self._bound + (margin if self.label is Label.UNPROTECTED else 0):
            self.label = Label.PROTECTED
        elif combined < self._bound - (margin if self.label is Label.PROTECTED else 0):
            self.label = Label.UNPROTECTED
