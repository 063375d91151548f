"""Faces, as the models found and judged them."""

from dataclasses import dataclass
from enum import StrEnum

from maskwatch.core.records.images import Box


class Label(StrEnum):
    """What is known of a face. `UNKNOWN`: it cannot be assessed, and counts neither way."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Face:
    """A face that the detector found.

    `score` is the detector's probability (0..1) that it is one; `protected` the classifier's
    probability (0..1) that a mask covers nose and mouth, None where it was not assessed.
    """

    box: Box
    score: float
    protected: float | None = None
    label: Label = Label.UNKNOWN


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one picture: its faces, and what nearly was one; each the best first."""

    faces: tuple[Face, ...]
    near_misses: tuple[Face, ...] = ()


class Coverage(StrEnum):
    """How much of a frame was analysed: all of it, the areas that changed, or nothing, as nothing changed.

    Where nothing changed, faces are copied from the previous frame; with `CARRIED`, all of them.
    """

    FULL = "full"
    PART = "part"
    CARRIED = "carried"


@dataclass(frozen=True, slots=True)
class Versions:
    """The models that judge a camera's frames."""

    detector: str
    classifier: str
