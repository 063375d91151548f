"""Why a frame is queued: the reasons by name, those that tell of missed faces first."""

from collections.abc import Iterable

NEAR_MISS, GAP, MOVED_UNSEEN, SECOND_LOOK = "near_miss", "gap", "moved_unseen", "second_look"
CLASSIFIER, DETECTOR, FLICKER, SHADOW = "classifier", "detector", "flicker", "shadow"
AUDIT = "audit"

MISSES = (GAP, SECOND_LOOK, NEAR_MISS, MOVED_UNSEEN)
"""Where the detector may have missed a face, the surest first."""

REASONS = (*MISSES, CLASSIFIER, DETECTOR, SHADOW, FLICKER, AUDIT)
"""All of them, in the order in which they are told."""

LIMITED = tuple(reason for reason in REASONS if reason != AUDIT)
"""Those that `max_per_hour` bounds, in the order in which a frame with several is counted."""


def is_miss(reasons: Iterable[str]) -> bool:
    """Whether one of them says that a face may have been missed."""
    return not set(MISSES).isdisjoint(reasons)
