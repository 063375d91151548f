"""Whether a candidate may serve."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskwatch.evaluation.bootstrap import Difference


@dataclass(frozen=True, slots=True)
class Margins:
    """How far below 0 the 95 % interval of candidate - serving may reach: on the cameras' holdout, and on the base data's."""

    camera: float
    base: float


@dataclass(frozen=True, slots=True)
class GateDecision:
    """Whether the candidate is promoted, and the reasons, one line each."""

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
    """Decide by the differences of one figure (higher is better) over all cameras, for each of them, and on the base data.

    `images` is the number of held-out pictures of all cameras.

    Over all cameras the candidate's measured figure must be better, and the loss that its interval leaves possible
    must be small. An interval wholly above 0 is not required: with the few dozen pictures that a holdout has at
    first, that would need a gain of ten points, and smaller gains would never be used. What a lucky candidate
    can cost is bounded by the margin, and the next one is measured on a larger holdout. The base data, which is
    larger and the same for all candidates, must not be lost: there only the interval counts. A camera that
    clearly loses is not sacrificed for the others.
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
    """Why a version that was found better elsewhere may not serve here, by the same figures; None where nothing speaks against it.

    It need not be better here, where it was not trained. But its measured figure must not be worse where the loss may exceed
    `margin`, nor clearly worse for any camera. With too few `images` the result is None.
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
