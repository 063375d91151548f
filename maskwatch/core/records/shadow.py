"""What a candidate in the shadow says of frames, beside the models that serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from maskwatch.core.records.faces import Face, Versions


@dataclass(frozen=True, slots=True)
class ShadowJudgement:
    """The faces that a candidate found in a frame and how it judged them; `version` and `serving` are the registry's names."""

    version: str
    serving: str
    models: Versions
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """Of frames that both judged.

    `frames` were looked at, `differing` of them were judged differently. Faces: `serving_only` and `candidate_only` were
    found by one alone, `relabelled` by both, with another label. `decisions` are frames whose protected ratio is under
    the bound of the alert for one of them alone. `serving_s` and `candidate_s` are how long each took for all of them.
    """

    frames: int = 0
    differing: int = 0
    serving_only: int = 0
    candidate_only: int = 0
    relabelled: int = 0
    decisions: int = 0
    serving_s: float = 0.0
    candidate_s: float = 0.0

    def __add__(self, other: "ShadowCounts") -> "ShadowCounts":
        return ShadowCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def mean_serving_s(self) -> float | None:
        """What a frame took those that serve, in seconds; None where none was looked at."""
        return self.serving_s / self.frames if self.frames else None

    @property
    def mean_candidate_s(self) -> float | None:
        """What it took the candidate, at the lowest priority."""
        return self.candidate_s / self.frames if self.frames else None


@dataclass(frozen=True, slots=True)
class ShadowStatus:
    """The version in the shadow, `since` when, the one that serves beside it, and the counts by camera.

    `problem` is why its run has ended although the registry wants it, None while it goes on.
    """

    version: str
    serving: str
    since: datetime
    cameras: Mapping[str, ShadowCounts] = field(default_factory=dict)
    problem: str | None = None
