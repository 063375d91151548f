"""Whether a candidate may serve."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskwatch.evaluation.bootstrap import Difference


@dataclass(frozen=True, slots=True)
class Margins:
    """How far down the 95 % interval of candidate - serving may reach: on the cameras' holdout, and on the base's."""

    camera: float
    base: float


@dataclass(frozen=True, slots=True)
class GateDecision:
    """Whether the candidate is to serve, and why or why not, a line for people each."""

    promoted: bool
    reasons: tuple[str, ...]


MIN_IMAGES = 8  # held out of the cameras: the intervals of fewer are no intervals


def decide(
    cameras: Difference | None,
    each: Mapping[str, Difference],
    base: Difference | None,
    margins: Margins,
    *,
    images: int,
) -> GateDecision:
    """By the differences of one figure, of which more is better, over all cameras, for each of them, and on the base.

    `images` is how many pictures of the cameras are held out in all.

    Over the cameras the candidate must be better in what was measured, and what its interval leaves open as a loss
    must be small. An interval wholly above 0 is not asked for: with the few dozen pictures that a holdout has at
    first it would take a gain of ten points, and smaller ones would never be served. What a lucky candidate
    can cost is bounded by the margin, and the next one is measured on a larger holdout. The base, which is
    larger and changes for no candidate, must not be lost: there only the interval counts. A camera that
    clearly loses is not given up for the others.
    """
    against: list[str] = []
    if images < MIN_IMAGES or cameras is None or cameras.difference is None or cameras.low is None:
        against.append(f"{images} pictures are held out of the cameras, {MIN_IMAGES} are needed")
    elif cameras.difference <= 0:
        against.append(f"it is not better on the cameras ({cameras.difference:+.3f})")
    elif cameras.low <= -margins.camera:
        against.append(f"on the cameras it may be worse by more than {margins.camera:g} ({_told(cameras)})")
    against += [
        f"it is worse for camera {name} ({_told(own)})"
        for name, own in each.items()
        if own.high is not None and own.high < 0
    ]
    if base is not None and (base.low is None or base.low <= -margins.base):
        against.append(f"on the base data it may be worse by more than {margins.base:g} ({_told(base)})")
    if against:
        return GateDecision(promoted=False, reasons=tuple(against))
    assert cameras is not None
    reasons = [f"it is better on the cameras ({_told(cameras)})"]
    reasons.append(
        "no base data is given, so nothing was held against what was known before"
        if base is None
        else f"the base data is kept ({_told(base)})"
    )
    return GateDecision(promoted=True, reasons=tuple(reasons))


def why_worse(
    cameras: Difference | None, each: Mapping[str, Difference], margin: float, *, images: int
) -> str | None:
    """Why a version that others found to be better may not serve here, by the same figures; None: nothing speaks against it.

    It need not be better here: it is not of here. But it must not be worse in what was measured where that may be by more
    than `margin`, nor clearly for a camera. Of too few `images` nothing is said.
    """
    if images < MIN_IMAGES:
        return None
    low = None if cameras is None else cameras.low
    if cameras is not None and low is not None and low <= -margin and (cameras.difference or 0) < 0:
        return f"it is worse on the cameras' holdout ({_told(cameras)})"
    worse = [f"{name} ({_told(own)})" for name, own in each.items() if own.high is not None and own.high < 0]
    return f"it is worse for camera {', '.join(worse)}" if worse else None


def _told(difference: Difference) -> str:
    if difference.difference is None or difference.low is None or difference.high is None:
        return "cannot be told"
    return f"{difference.difference:+.3f}, 95 % interval {difference.low:+.3f} to {difference.high:+.3f}"
