"""How a face moves: a Kalman filter of its place and size.

The model is that of SORT (Bewley et al. 2016, arXiv:1602.00763), constant velocity, here in continuous time with an
acceleration that is white noise (Bar-Shalom, Li and Kirubarajan 2001, *Estimation with Applications to Tracking and
Navigation*, 6.2.2), so that three frames a second and twenty-five are told alike. Noise is in sides of the face, as a
face near the camera moves and trembles by more pixels than one far away. The values were chosen on the simulated scenes
of the tests.
"""

import math
from dataclasses import dataclass
from typing import Self

from maskwatch.core.records import Box

PLACE_NOISE = 0.06  # standard deviation of a found box's centre, in sides,
PLACE_NOISE_PX = 1.0  # and what whole pixels add for small faces
SIZE_NOISE = 0.08  # of the logarithm of its width and height
SPEED = 2.5  # standard deviation of a speed that nobody knows yet, and ever after at most, sides a second
GROWTH = 0.4  # and of how fast a face grows, as a share of itself a second
PUSH = 1.0  # spectral density of the acceleration, sides^2/s^3: after a second a speed is another by a side a second
GROWTH_PUSH = 0.15
GROWS_S = 0.5  # a hidden face is expected to go on growing for so long


@dataclass(slots=True)
class Pair:
    """Two quantities that move alike, under one covariance: x and y, or width and height.

    `rates` are their changes a second, `spread` the variance of each value, `rate_var` of each rate, at most
    `max_rate_var`, `both` the covariance of a value and its rate. `push` is the spectral density of the acceleration.
    """

    values: tuple[float, float]
    spread: float
    push: float
    max_rate_var: float
    rate_var: float
    rates: tuple[float, float] = (0.0, 0.0)
    both: float = 0.0

    @classmethod
    def starting(cls, values: tuple[float, float], noise: float, rate: float, push: float) -> Self:
        """Seen once, with that variance; `rate` is the standard deviation of a rate that nobody knows."""
        return cls(values, noise, push, rate**2, rate**2)

    def ahead(self, dt_s: float) -> tuple[tuple[float, float], float]:
        """The values expected so much later, and their variance."""
        (a, b), (u, v) = self.values, self.rates
        spread = self.spread + 2 * dt_s * self.both + dt_s**2 * self.rate_var + self.push * dt_s**3 / 3
        return (a + u * dt_s, b + v * dt_s), spread

    def advance(self, dt_s: float) -> None:
        """Let time pass."""
        self.values, self.spread = self.ahead(dt_s)
        self.both += dt_s * self.rate_var + self.push * dt_s**2 / 2
        self.rate_var = min(self.rate_var + self.push * dt_s, self.max_rate_var)
        self.both = min(self.both, math.sqrt(self.spread * self.rate_var))

    def correct(self, seen: tuple[float, float], noise: float) -> None:
        """Take in what was seen, of that variance."""
        total = self.spread + noise
        gain, rate_gain = self.spread / total, self.both / total
        (a, b), (u, v) = self.values, self.rates
        da, db = seen[0] - a, seen[1] - b
        self.values = a + gain * da, b + gain * db
        self.rates = u + rate_gain * da, v + rate_gain * db
        self.rate_var -= rate_gain * self.both
        self.both *= 1 - gain
        self.spread *= 1 - gain


@dataclass(slots=True)
class Motion:
    """Where a face is and how large, with their rates: `place` is its centre in pixels, `size` the logarithms of its sides.

    Variances of `place` are in squared sides.
    """

    place: Pair
    size: Pair

    @classmethod
    def starting(cls, box: Box) -> Self:
        """Of a face that was seen once."""
        place = Pair.starting(box.centre, _place_noise(_side(box)), SPEED, PUSH)
        return cls(place, Pair.starting(_logs(box), SIZE_NOISE**2, GROWTH, GROWTH_PUSH))

    def ahead(self, dt_s: float) -> tuple[Box, float, float]:
        """The box expected so much later, the variance of its centre in squared sides, and of its size's logarithm."""
        centre, spread = self.place.ahead(dt_s)
        (across, down), size_spread = self.size.ahead(min(dt_s, GROWS_S))
        x, y = centre
        half = math.exp(across) / 2, math.exp(down) / 2
        return Box(x - half[0], y - half[1], x + half[0], y + half[1]), spread, size_spread

    def advance(self, dt_s: float) -> None:
        """Let time pass."""
        self.place.advance(dt_s)
        self.size.advance(min(dt_s, GROWS_S))

    def correct(self, box: Box, doubt: float) -> None:
        """Take in a found box, with the noise of its place and size times `doubt`."""
        self.place.correct(box.centre, _place_noise(_side(box)) * doubt**2)
        self.size.correct(_logs(box), (SIZE_NOISE * doubt) ** 2)

    def noise(self, doubt: float) -> tuple[float, float]:
        """Variances of a box found now, of place (squared sides) and log size, with the noise times `doubt`."""
        side = math.exp(max(self.size.values))
        return _place_noise(side) * doubt**2, (SIZE_NOISE * doubt) ** 2


def _side(box: Box) -> float:
    return max(box.width, box.height, 1.0)


def _place_noise(side_px: float) -> float:
    return PLACE_NOISE**2 + (PLACE_NOISE_PX / side_px) ** 2


def _logs(box: Box) -> tuple[float, float]:
    return math.log(max(box.width, 1.0)), math.log(max(box.height, 1.0))
