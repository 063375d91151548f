"""Which of a candidate and the serving version was right where they differed, by people's labels."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from maskwatch.core.geometry import iou
from maskwatch.core.people.shares import share
from maskwatch.core.records import Estimate, Face, Label
from maskwatch.core.selection.reasons import SHADOW
from maskwatch.core.selection.shadow import FaceDifference, face_differences
from maskwatch.samples.annotations import SAME_FACE_IOU, Annotation
from maskwatch.samples.sample import Sample

EVEN = 0.5  # the share where neither is better
FEWEST = 7  # differences, each in a sample of its own, that leave it out of the interval, if all speak for one of the two


@dataclass(frozen=True, slots=True)
class ShadowVerdict:
    """Counts over `samples` labelled samples: in `differences` cases one of the two was right, the candidate in `right` of them.

    `share` is right / differences (0..1), with an interval that treats those of one frame as a cluster.
    """

    samples: int
    differences: int
    right: int
    share: Estimate

    @property
    def better(self) -> Literal["candidate", "serving"] | None:
        """Which was right more often; None where the interval allows both."""
        low, high = self.share.low, self.share.high
        if low is None or high is None or low <= EVEN <= high:
            return None
        return "candidate" if low > EVEN else "serving"

    @property
    def needed(self) -> int | None:
        """About how many differences would decide it, at the present share; None where both were right equally often.

        The interval narrows with the square root of their number.
        """
        value, low, high = self.share.value, self.share.low, self.share.high
        if value is None or low is None or high is None:
            return FEWEST
        if value == EVEN:
            return None
        reach = value - low if value > EVEN else high - value
        return max(FEWEST, math.ceil(self.differences * (reach / (value - EVEN)) ** 2))


def verdict(samples: Iterable[Sample], version: str, serving: str) -> ShadowVerdict:
    """Of those that were queued while `version` was in the shadow of `serving`, and that are labelled."""
    clusters: Counter[tuple[int, int]] = Counter()
    for sample in samples:
        judged, labels = sample.report.shadow, sample.labels
        if judged is None or labels is None or SHADOW not in sample.reasons:
            continue
        if (judged.version, judged.serving) != (version, serving):
            continue
        differences = face_differences(sample.report.faces, judged.faces)
        said = [who for each in differences if (who := is_candidate_right(each, labels.faces)) is not None]
        clusters[len(said), sum(said)] += 1
    return ShadowVerdict(
        sum(clusters.values()),
        sum(number * count for (number, _), count in clusters.items()),
        sum(right * count for (_, right), count in clusters.items()),
        share(clusters),
    )


def is_candidate_right(difference: FaceDifference, annotations: Sequence[Annotation]) -> bool | None:
    """Whether the candidate was right of a face, and those that serve wrong; None where neither or nobody knows."""
    truth = _annotation_of(difference, annotations)
    if truth is not None and truth.label.known is None:
        return None
    if difference.serving is None or difference.candidate is None:
        return (truth is not None) is (difference.candidate is not None)
    if truth is None or truth.label.known is None:
        return None
    wanted = Label.PROTECTED if truth.label.known.protected else Label.UNPROTECTED
    candidate, serving = difference.candidate.label is wanted, difference.serving.label is wanted
    return candidate if candidate is not serving else None


def _annotation_of(difference: FaceDifference, annotations: Sequence[Annotation]) -> Annotation | None:
    """The person's label of the face, by the box that fits best."""
    found: list[Face] = [face for face in (difference.serving, difference.candidate) if face is not None]
    fits = [(max(iou(face.box, each.box) for face in found), each) for each in annotations]
    best = max(fits, key=lambda each: each[0], default=None)
    return best[1] if best is not None and best[0] >= SAME_FACE_IOU else None
