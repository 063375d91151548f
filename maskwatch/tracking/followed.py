"""One face that is followed: what is remembered of it, and how well a box continues it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from maskwatch.core.geometry import iou
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Face
from maskwatch.tracking.motion import Motion

# seconds from a track's first face to the one that confirms it: false ones lasted 0.08 s on footage

CONFIRM_S = 0.15
CONFIRM_LOOKS = 2  # at least so many looks must have found it
TENTATIVE_S = 0.7  # a face found by one look only, and then hidden for longer, was a false one
LOST_S = 3.0  # a track whose face is hidden for longer is over; the motion gate looks everywhere every 3 s
NEAR_S = 5.0  # and so is one that only near misses continued for longer
STOPPED_COST = 4.0  # of assuming that somebody hidden stopped instead of walking on
HIDDEN_COST_PER_S = 2.0  # the longer somebody was hidden, the less likely she is the one that appears
REACH, REACH_PER_S, MAX_REACH = (
    1.0,
    6.0,
    2.0,
)  # sides: the largest distance from the expected place, by the time since
MAX_LOG_RATIO = math.log(2.0)  # of sizes

Place = tuple[float, float, float]
"""A box's centre in pixels, and the logarithm of its longer side."""


def place_of(box: Box) -> Place:
    """The place of a box."""
    return *box.centre, math.log(max(box.width, box.height, 1.0))


@dataclass(slots=True, eq=False)
class Followed:
    """A track with its memory. Times are the frames' own, in seconds.

    Attributes:
        last: the box that was last found.
        since: when the first face was found.
        at: the time of `motion`.
        seen_at: when the last face or near miss was found.
        found_at: when the last face was found.
        carried: the very object (face or near miss) that was last found, which the motion gate may carry on.
        face: the index of its face among the faces of this frame; None when hidden.
        looks: how many faces were found anew, not carried on.

    """

    number: int
    motion: Motion
    last: Box
    since: float
    at: float
    seen_at: float
    found_at: float
    confirmed: bool
    carried: Face
    face: int | None
    looks: int = 1

    @classmethod
    def starting(cls, number: int, at: float, face: Face, place: int, *, confirmed: bool) -> Self:
        """A track that a face begins."""
        motion = Motion.starting(face.box)
        return cls(number, motion, face.box, at, at, at, at, confirmed, face, place)

    def is_over(self, at: float, before: float) -> bool:
        """Whether it was hidden for too long. `before` is the last frame's time: a face seen in it was not hidden yet."""
        is_somebody = self.confirmed and self.looks >= CONFIRM_LOOKS
        life_s = LOST_S if is_somebody or self.seen_at >= before else TENTATIVE_S
        return at - self.seen_at > life_s or at - self.found_at > NEAR_S

    def shift(self, by_s: float) -> None:
        """Move all times by `by_s`, as the clock was set."""
        self.since += by_s
        self.at += by_s
        self.seen_at += by_s
        self.found_at += by_s

    def expected(self, at: float) -> Box:
        """Where the face is, found or not."""
        return self.motion.ahead(at - self.at)[0]

    def see(self, at: float, face: Face, place: int | None, noise_scale: float) -> None:
        """Continue it by a face with that index, or by a near miss (`place` None); `noise_scale` as in `Motion.correct`."""
        self.motion.advance(at - self.at)
        self.motion.correct(face.box, noise_scale)
        self.at = self.seen_at = at
        self.last, self.carried, self.face = face.box, face, place
        if place is not None:
            self.found_at = at

    def count_look(self, at: float) -> None:
        """Note that the face of this frame was found anew, not carried on: evidence that it is one."""
        self.looks += 1
        self.confirmed |= self.looks >= CONFIRM_LOOKS and at - self.since >= CONFIRM_S

    def overlap(self, box: Box, expected: Box) -> float:
        """IoU with where it is expected or was last found, whichever is larger."""
        return max(iou(expected, box), iou(self.last, box))

    def costs(self, places: Mapping[int, Place], at: float, noise_scale: float) -> dict[int, float]:
        """For each box that can continue it, by its index: minus twice the log-likelihood, up to a constant.

        Somebody hidden may have walked on or stopped: the distance is to the expected place, or, at the extra cost
        `STOPPED_COST`, to the way there from where she was last seen.
        """
        expected, var, size_var = self.motion.ahead(at - self.at)
        (u, v), (p, q) = expected.centre, self.last.centre
        side = max(expected.width, expected.height)
        reach = min(REACH + REACH_PER_S * (at - self.at), MAX_REACH)
        way = (p - u) / side, (q - v) / side
        length = way[0] ** 2 + way[1] ** 2
        furthest, log_expected = reach + math.sqrt(length), math.log(side)
        noise, size_noise = self.motion.noise(noise_scale)
        total, size_total = var + noise, size_var + size_noise
        constant = 2 * math.log(total) + HIDDEN_COST_PER_S * (at - self.seen_at)
        result = {}
        for number, (x, y, log_side) in places.items():
            dx, dy = (x - u) / side, (y - v) / side
            if abs(dx) > furthest or abs(dy) > furthest:
                continue
            ratio = log_side - log_expected
            along = min(max((dx * way[0] + dy * way[1]) / length, 0.0), 1.0) if length else 0.0
            off = (dx - along * way[0]) ** 2 + (dy - along * way[1]) ** 2
            if off > reach * reach or abs(ratio) > MAX_LOG_RATIO:
                continue
            distance = min((dx * dx + dy * dy) / total, off / total + STOPPED_COST)
            result[number] = distance + ratio * ratio / size_total + constant
        return result

    def track(self, at: float) -> Track:
        """The track as the port `Track`."""
        return Track(self.number, self.expected(at), self.since, self.seen_at, self.face, self.confirmed)
