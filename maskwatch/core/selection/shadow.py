"""`shadow`: the models that serve and a candidate judge one frame differently."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, FrameReport, ShadowCounts
from maskwatch.core.selection.scene import APART_IOU


@dataclass(frozen=True, slots=True)
class FaceDifference:
    """A face that one of the two did not find (its side is None), or that both found and label differently."""

    serving: Face | None
    candidate: Face | None

    @property
    def box(self) -> Box:
        """Where it is, by the models that serve if they found it."""
        face = self.serving or self.candidate
        assert face is not None
        return face.box


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs in a frame. `decision_differs`: its protected ratio is under the alert's bound for one of the two alone."""

    faces: tuple[FaceDifference, ...]
    decision_differs: bool

    @property
    def differs(self) -> bool:
        """Whether anything does; another decision comes of another face or label."""
        return bool(self.faces)

    def counts(self, serving_s: float, candidate_s: float) -> ShadowCounts:
        """Of this one frame, which took each of the two so many seconds."""
        return ShadowCounts(
            frames=1,
            differing=int(self.differs),
            serving_only=sum(each.candidate is None for each in self.faces),
            candidate_only=sum(each.serving is None for each in self.faces),
            relabelled=sum(None not in (each.serving, each.candidate) for each in self.faces),
            decisions=int(self.decision_differs),
            serving_s=serving_s,
            candidate_s=candidate_s,
        )


def compare(serving: FrameReport, candidate: FrameReport, alert_below: float) -> Comparison:
    """What differs between two reports of one frame; `alert_below` is the protected ratio (0..1) under which people are told.

    Ratios are those of the frame's faces alone: a candidate follows nobody.
    """
    under = [each.raw_ratio is not None and each.raw_ratio < alert_below for each in (serving, candidate)]
    return Comparison(face_differences(serving.faces, candidate.faces), under[0] is not under[1])


def face_differences(serving: Sequence[Face], candidate: Sequence[Face]) -> tuple[FaceDifference, ...]:
    """Faces found by one alone, or labelled differently; boxes that overlap most are of one face, the best pair first."""
    pairs = sorted(
        (
            (overlap, s, c)
            for s, one in enumerate(serving)
            for c, other in enumerate(candidate)
            if (overlap := iou(one.box, other.box)) >= APART_IOU
        ),
        reverse=True,
    )
    same: dict[int, int] = {}
    for _, s, c in pairs:
        if s not in same and c not in same.values():
            same[s] = c
    relabelled = (
        FaceDifference(serving[s], candidate[c])
        for s, c in same.items()
        if serving[s].label is not candidate[c].label
    )
    lost = (FaceDifference(face, None) for s, face in enumerate(serving) if s not in same)
    new = (FaceDifference(None, face) for c, face in enumerate(candidate) if c not in same.values())
    return (*relabelled, *lost, *new)
