"""The verdict on one person: the classifier's probabilities over time, combined as a sequential test."""

import math

from maskwatch.core.records import Label

SUREST = 0.975
"""The largest probability that one look counts for: the share of found faces in held-out pictures that are judged right
(docs/training-and-measuring.md)."""

VERDICT_AT = 0.95
"""The combined probability of a label from which on it is the verdict (Wald's sequential test, 1945)."""

LIMIT = 0.998
"""The bound of the combined probability, so that what is seen now counts: two and a half sure looks at a good face change
even an old verdict, in 0.6 s from 5 frames a second on; one wrong look never does."""

CORRELATION_S = 0.11
"""Two looks at a face soon after each other are correlated: after this time the correlation of the classifier's log-odds is
1/e. Measured on 27 faces whose label did not change, in four clips with 12 to 25 frames a second: 0.56 after 0.04 s, 0.31
after 0.12 s, 0.18 after 0.2 s, and none after 0.5 s."""


def log_odds(probability: float) -> float:
    """The log-odds of a probability (0..1), finite at both ends."""
    within = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(within / (1 - within))


SURE_LOOK, TURNS_AT, FURTHEST = log_odds(SUREST), log_odds(VERDICT_AT), log_odds(LIMIT)


class Verdict:
    """The sum of the log-odds of all looks, within limits. Time is the frames' own, in seconds.

    A look weighs as much as it adds to the one before, by the time between them: (1 - r) / (1 + r) for an AR(1) process with
    the correlation r (Bayley and Hammersley, 1946). So 25 frames a second change a verdict no sooner than 5 do, and time
    without looks changes nothing. `label` changes only when the sum is clearly on the other side.
    """

    def __init__(self, protected_at: float) -> None:
        self._bound = log_odds(protected_at)
        self._sum = 0.0  # above 0: protected
        self._at: float | None = None
        self.label = Label.UNKNOWN

    @property
    def protected(self) -> float | None:
        """The combined probability (0..1) that she is protected; None before the first look."""
        return None if self._at is None else 1 / (1 + math.exp(-self._sum - self._bound))

    def add(self, at: float, protected: float, quality: float) -> None:
        """Add a look: the classifier's probability (0..1), and how well the face can be judged (`quality`, 0..1)."""
        news = 1.0 if self._at is None else math.tanh(max(0.0, at - self._at) / (2 * CORRELATION_S))
        self._at = at
        look = min(max(log_odds(protected) - self._bound, -SURE_LOOK), SURE_LOOK)
        self._sum = min(max(self._sum + news * quality * look, -FURTHEST), FURTHEST)
        if self._sum >= TURNS_AT:
            self.label = Label.PROTECTED
        elif self._sum <= -TURNS_AT:
            self.label = Label.UNPROTECTED
