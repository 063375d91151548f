"""Why a frame is queued: the reasons by name, those that tell of missed faces first, and a sentence for people."""

from collections.abc import Iterable

NEAR_MISS, GAP, MOVED_UNSEEN, SECOND_LOOK = "near_miss", "gap", "moved_unseen", "second_look"
CLASSIFIER, DETECTOR, FLICKER, AUDIT = "classifier", "detector", "flicker", "audit"

MISSES = (GAP, SECOND_LOOK, NEAR_MISS, MOVED_UNSEEN)
"""Where the detector may have missed a face, the surest first."""

WHY = {
    GAP: "A face was seen just before and just after this image, but not in it.",
    SECOND_LOOK: "A slower, more thorough look found a face that was missed.",
    NEAR_MISS: "Something here is almost enough like a face to be counted as one.",
    MOVED_UNSEEN: "Something as large as a person moved for longer than a second, and no face was seen.",
    CLASSIFIER: "It is unsure whether a face wears a mask.",
    DETECTOR: "It is unsure whether a box holds a face.",
    FLICKER: "A face was seen in this image alone, though nothing moved there.",
    AUDIT: "It was drawn at random, to tell how often the models err.",
}
"""One sentence for each reason, in the order in which they are told."""

LIMITED = tuple(reason for reason in WHY if reason != AUDIT)
"""Those that `max_per_hour` bounds, in the order in which a frame with several is counted."""


def is_miss(reasons: Iterable[str]) -> bool:
    """Whether one of them says that a face may have been missed."""
    return not set(MISSES).isdisjoint(reasons)


def sentences(reasons: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each known reason; one that another release or a person gave is passed over."""
    given = set(reasons)
    return tuple(text for reason, text in WHY.items() if reason in given)
