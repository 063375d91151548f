"""The verdict on one person: what the classifier said of her face over time, combined as a sequential test."""

import math

from maskwatch.core.records import Label

SUREST = 0.975
"""One look says no more than this: so many of the faces that were found in pictures held out from training were judged
right (docs/training-and-measuring.md)."""

VERDICT_AT = 0.95
"""The combined probability of either label from which on it is the verdict; Wald's sequential test, 1945."""

LIMIT = 0.998
"""The combined probability goes no further, so that what is seen now counts: two and a half sure looks at a good face
turn the longest-held verdict, in 0.6 s from 5 frames a second on; one wrong look never does."""

CORRELATION_S = 0.11
"""Looks so soon after each other tell much the same: after this time the correlation of the classifier's log-odds on a
face whose truth did not change is 1/e. Measured on 27 faces in four clips with 12 to 25 frames a second: 0.56 after
0.04 s, 0.31 after 0.12 s, 0.18 after 0.2 s, and none after 0.5 s."""


def log_odds(probability: float) -> float:
    """Of a probability (0..1), finite at both ends."""
    within = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(within / (1 - within))


SURE_LOOK, TURNS_AT, FURTHEST = log_odds(SUREST), log_odds(VERDICT_AT), log_odds(LIMIT)


class Verdict:
    """Log-odds added up from look to look, within limits. Time is the frames' own, in seconds.

    A look weighs as much as it tells beyond the one before, by their distance in time: of an AR(1) process with the
    correlation r that is (1 - r) / (1 + r) (Bayley and Hammersley, 1946). So 25 frames a second turn a verdict no sooner
    than 5 do, and time in which nobody looks changes nothing. `label` turns only where the sum is clearly on
    the other side.
    """

    def __init__(self, protected_at: float) -> None:
        self._bound = log_odds(protected_at)
        self._sum = 0.0  # above 0: protected
        self._at: float | None = None
        self.label = Label.UNKNOWN

    @property
    def protected(self) -> float | None:
        """The combined probability (0..1), None before anything was seen."""
        return None if self._at is None else 1 / (1 + math.exp(-self._sum - self._bound))

    def add(self, at: float, protected: float, quality: float) -> None:
        """One more look at the face: the classifier's probability, and how well the face can be judged (0..1)."""
        news = 1.0 if self._at is None else math.tanh(max(0.0, at - self._at) / (2 * CORRELATION_S))
        self._at = at
        look = min(max(log_odds(protected) - self._bound, -SURE_LOOK), SURE_LOOK)
        self._sum = min(max(self._sum + news * quality * look, -FURTHEST), FURTHEST)
        if self._sum >= TURNS_AT:
            self.label = Label.PROTECTED
        elif self._sum <= -TURNS_AT:
            self.label = Label.UNPROTECTED
