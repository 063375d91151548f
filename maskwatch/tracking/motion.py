"""How a face moves: a Kalman filter of its place and size.

The model is that of SORT (Bewley et al. 2016, arXiv:1602.00763), constant velocity, here in continuous time with an
acceleration that is white noise (Bar-Shalom, Li and Kirubarajan 2001, *Estimation with Applications to Tracking and
Navigation*, 6.2.2), so that it works alike at 3 and at 25 frames a second. Noise is in sides of the face: a face near the
camera moves and jitters by more pixels than one far away. The values were chosen on the simulated scenes of the tests.
"""

import math
from dataclasses import dataclass
from typing import Self

from maskwatch.core.records import Box

PLACE_NOISE = 0.06  # standard deviation of a found box's centre, in sides,
PLACE_NOISE_PX = 1.0  # and what rounding to pixels adds for small faces
SIZE_NOISE = 0.08  # standard deviation of the logarithms of its width and height
# standard deviation of an unknown speed, sides a second; also the largest that is assumed later
SPEED_STD = 2.5
GROWTH_STD = 0.4  # standard deviation of an unknown growth, as a share of the face's size a second
# spectral density of the acceleration, sides^2/s^3: within 1 s a speed changes by about 1 side/s
ACCEL_DENSITY = 1.0
GROWTH_ACCEL_DENSITY = 0.15
GROWS_S = 0.5  # a hidden face is expected to grow for no longer


@dataclass(slots=True)
class Pair:
    """Two quantities with the same uncertainty, such as x and y: each is a Kalman filter of a value and its rate.

    Attributes:
        values: the two estimates.
        var: the variance of each value.
        accel_density: the spectral density of the acceleration.
        max_rate_var: the bound of `rate_var`.
        rate_var: the variance of each rate.
        rates: the changes of the values a second.
        cov: the covariance of a value and its rate.

    """

    values: tuple[float, float]
    var: float
    accel_density: float
    max_rate_var: float
    rate_var: float
    rates: tuple[float, float] = (0.0, 0.0)
    cov: float = 0.0

    @classmethod
    def starting(cls, values: tuple[float, float], noise: float, rate: float, accel_density: float) -> Self:
        """Of a first measurement, whose variance is `noise`; `rate` is the standard deviation of an unknown rate."""
        return cls(values, noise, accel_density, rate**2, rate**2)

    def ahead(self, dt_s: float) -> tuple[tuple[float, float], float]:
        """The values expected `dt_s` later, and their variance."""
        (a, b), (u, v) = self.values, self.rates
        var = self.var + 2 * dt_s * self.cov + dt_s**2 * self.rate_var + self.accel_density * dt_s**3 / 3
        return (a + u * dt_s, b + v * dt_s), var

    def advance(self, dt_s: float) -> None:
        """Let time pass."""
        self.values, self.var = self.ahead(dt_s)
        self.cov += dt_s * self.rate_var + self.accel_density * dt_s**2 / 2
        self.rate_var = min(self.rate_var + self.accel_density * dt_s, self.max_rate_var)
        self.cov = min(self.cov, math.sqrt(self.var * self.rate_var))

    def correct(self, seen: tuple[float, float], noise: float) -> None:
        """Update by a measurement, whose variance is `noise`."""
        total = self.var + noise
        gain, rate_gain = self.var / total, self.cov / total
        (a, b), (u, v) = self.values, self.rates
        da, db = seen[0] - a, seen[1] - b
        self.values = a + gain * da, b + gain * db
        self.rates = u + rate_gain * da, v + rate_gain * db
        self.rate_var -= rate_gain * self.cov
        self.cov *= 1 - gain
        self.var *= 1 - gain


@dataclass(slots=True)
class Motion:
    """Where a face is and how large: `place` is its centre in pixels, `size` the logarithms of its width and height.

    Variances of `place` are in squared sides of the face, not in squared pixels.
    """

    place: Pair
    size: Pair

    @classmethod
    def starting(cls, box: Box) -> Self:
        """Of a face that was found once."""
        place = Pair.starting(box.centre, _place_noise(_side(box)), SPEED_STD, ACCEL_DENSITY)
        return cls(place, Pair.starting(_logs(box), SIZE_NOISE**2, GROWTH_STD, GROWTH_ACCEL_DENSITY))

    def ahead(self, dt_s: float) -> tuple[Box, float, float]:
        """The box expected `dt_s` later, the variance of its centre in squared sides, and of its size's logarithm."""
        centre, var = self.place.ahead(dt_s)
        (across, down), size_var = self.size.ahead(min(dt_s, GROWS_S))
        x, y = centre
        half = math.exp(across) / 2, math.exp(down) / 2
        return Box(x - half[0], y - half[1], x + half[0], y + half[1]), var, size_var

    def advance(self, dt_s: float) -> None:
        """Let time pass."""
        self.place.advance(dt_s)
        self.size.advance(min(dt_s, GROWS_S))

    def correct(self, box: Box, noise_scale: float) -> None:
        """Update by a found box; `noise_scale` multiplies the standard deviations of its place and size."""
        self.place.correct(box.centre, _place_noise(_side(box)) * noise_scale**2)
        self.size.correct(_logs(box), (SIZE_NOISE * noise_scale) ** 2)

    def noise(self, noise_scale: float) -> tuple[float, float]:
        """The variances of a box found now: of place (squared sides) and log size; `noise_scale` as in `correct`."""
        side = math.exp(max(self.size.values))
        return _place_noise(side) * noise_scale**2, (SIZE_NOISE * noise_scale) ** 2


def _side(box: Box) -> float:
    return max(box.width, box.height, 1.0)


def _place_noise(side_px: float) -> float:
    return PLACE_NOISE**2 + (PLACE_NOISE_PX / side_px) ** 2


def _logs(box: Box) -> tuple[float, float]:
    return math.log(max(box.width, 1.0)), math.log(max(box.height, 1.0))
