"""Limits on queued frames: how many an hour in all and for each reason, and how long the same place waits."""

from collections import deque
from collections.abc import Mapping
from math import ceil

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box

HOUR_S = 3600.0
SPREAD = 6  # the hour's quota is given out in so many parts

SAME_PLACE_IOU = 0.4
FIRST_WAIT_S, LONGER, LONGEST_WAIT_S = 60.0, 4, 6 * HOUR_S
MAX_PLACES = 200


class Quota:
    """At most `per_hour` in any hour, and no more than a sixth of it, rounded up, in any sixth of one.

    Each limit is divided by `shares` (0..1 each, relative to each other) among the reasons that asked
    within the last hour: one that asks alone has all of it, and none can use up the others' part. A reason without a
    share, or with 0, gets nothing.
    """

    def __init__(self, per_hour: int, shares: Mapping[str, float]) -> None:
        self._bounds = ((HOUR_S, per_hour), (HOUR_S / SPREAD, ceil(per_hour / SPREAD)))
        self._shares = shares
        self._taken: deque[tuple[float, str]] = deque()
        self._asked: dict[str, float] = {}

    def take(self, at: float, reasons: tuple[str, ...]) -> bool:
        """Whether one of the reasons may queue one more frame; the first that may is charged for it."""
        while self._taken and not 0 <= at - self._taken[0][0] < HOUR_S:
            self._taken.popleft()
        wanted = [reason for reason in reasons if self._shares.get(reason, 0) > 0]
        self._asked |= dict.fromkeys(wanted, at)
        self._asked = {each: then for each, then in self._asked.items() if 0 <= at - then < HOUR_S}
        payer = next((reason for reason in wanted if self._has_room(at, reason)), None)
        if payer is None:
            return False
        self._taken.append((at, payer))
        return True

    def _has_room(self, at: float, reason: str) -> bool:
        part = self._shares[reason] / sum(self._shares[each] for each in self._asked)
        for span_s, most in self._bounds:
            within = [by for then, by in self._taken if 0 <= at - then < span_s]
            if len(within) >= most or within.count(reason) >= ceil(part * most):
                return False
        return True


class BackOff:
    """Places that were queued. The same place waits a minute, then four times longer each time, up to six hours.

    So a poster, a fan or a door that is repeatedly taken for a face costs only a few samples a day. A place that was not
    queued for a day is forgotten.
    """

    def __init__(self) -> None:
        self._places: list[tuple[Box, float, float]] = []  # the place, when it was queued, how long it waits

    def allows(self, box: Box, at: float) -> bool:
        """Whether the place may be queued now."""
        return not any(0 <= at - then < wait_s for place, then, wait_s in self._same(box))

    def note(self, box: Box, at: float) -> None:
        """It was queued."""
        before = self._same(box)
        wait_s = max((min(LONGER * wait_s, LONGEST_WAIT_S) for _, _, wait_s in before), default=FIRST_WAIT_S)
        self._places = [
            each for each in self._places if each not in before and 0 <= at - each[1] < 24 * HOUR_S
        ][-MAX_PLACES:]
        self._places.append((box, at, wait_s))

    def _same(self, box: Box) -> list[tuple[Box, float, float]]:
        return [each for each in self._places if iou(each[0], box) >= SAME_PLACE_IOU]
