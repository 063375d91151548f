"""Selects the frames of one camera that are worth a person's look. Each reason has a module of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from maskwatch.core.geometry import iou
from maskwatch.core.records import Face, Frame, FrameReport, ShadowJudgement
from maskwatch.core.selection.flicker import Flicker
from maskwatch.core.selection.gap import Gap, suggesting
from maskwatch.core.selection.known_faces import KnownFace, KnownFaces
from maskwatch.core.selection.movement import Movement, Movements
from maskwatch.core.selection.quotas import BackOff, Quota
from maskwatch.core.selection.random_sampling import is_sampled
from maskwatch.core.selection.reasons import (
    AUDIT,
    CLASSIFIER,
    DETECTOR,
    FLICKER,
    GAP,
    LIMITED,
    MOVED_UNSEEN,
    NEAR_MISS,
    REASONS,
    SECOND_LOOK,
    SHADOW,
)
from maskwatch.core.selection.scene import APART_IOU, Grid, grid, is_steady
from maskwatch.core.selection.shadow import FaceDifference

# seconds between two frames with near misses: several of one passer-by teach little more than one

NEAR_MISS_S = 2.0

Band = tuple[float, float]

EQUAL_SHARES: Mapping[str, float] = MappingProxyType(dict.fromkeys(LIMITED, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A frame for the queue, and why: see `reasons.REASONS`."""

    frame: Frame
    report: FrameReport
    reasons: tuple[str, ...]


class Selection:
    """Selects for one camera, from its analysed frames. Time is the frames' own, in seconds.

    - `classifier`, `detector`: that model's probability for a face lies within its band, both ends included.
    - `near_miss`: the report has a near miss that was not queued before; at most one such frame every `NEAR_MISS_S`.
    - `gap`: a face that was followed was missing in a frame, and was seen again near by.
    - `moved_unseen`: something of a person's size moved for longer than a second without a face. That size follows from
      `min_face_px`, the smallest face that the detector looks for; None: movement is ignored.
    - `second_look`: a share `second_look_share` of the frames is looked at again, at most `second_looks_per_hour`, and
      some face was missed (see `wants_second_look` and `looked_again`).
    - `shadow`: a candidate judges the frame differently (see `judged_differently`).
    - `flicker`: a face was detected in one analysed frame, not in the frame before or after, pixels unchanged.
    - `audit`: a random sample of all frames, of the share `audit_share`, whatever the models say of them. Only these tell
      how often the models err. Sampling depends on `seed` and on the frame's number and time, so that a replay samples
      the same frames.

    A face that stays in view is queued once for each prediction. All reasons but the audit together queue at most
    `max_per_hour` frames in any hour, divided by `shares` (see `Quota`).
    """

    def __init__(
        self,
        *,
        classifier_band: Band,
        detector_band: Band,
        max_per_hour: int,
        shares: Mapping[str, float] = EQUAL_SHARES,
        audit_share: float = 0.0,
        second_look_share: float = 0.0,
        second_looks_per_hour: int = 0,
        min_face_px: float | None = None,
        seed: int = 0,
    ) -> None:
        self._classifier_band = classifier_band
        self._detector_band = detector_band
        self._quota = Quota(max_per_hour, shares)
        self._looks = Quota(second_looks_per_hour, {SECOND_LOOK: shares.get(SECOND_LOOK, 0.0)})
        self._audit_share = audit_share
        self._second_look_share = second_look_share
        self._seed = seed
        self._known = KnownFaces()
        self._flicker = Flicker()
        self._gap = Gap()
        self._movements = None if min_face_px is None else Movements(min_face_px)
        self._places = BackOff()
        self._scene: Grid | None = None
        self._near_miss_at: float | None = None

    def update(self, frame: Frame, report: FrameReport) -> tuple[Pick, ...]:
        """What is to be queued now: this frame, or an earlier one whose flicker or gap only this frame shows."""
        now = grid(frame)
        if self._scene is not None and not is_steady(self._scene, now):
            self._reset()
        self._scene = now
        picks = self._flickered(report, now)
        known = self._known.update(report.at, (*report.faces, *report.near_misses))
        of_faces, of_others = known[: len(report.faces)], known[len(report.faces) :]
        picks += self._gapped(report, of_faces)
        reasons = self._reasons(report, of_faces, of_others)
        if reasons:
            picks += (Pick(frame, report, reasons),)
        self._flicker.remember(frame, report, now, of_faces, queued=bool(reasons))
        self._gap.remember(frame, report, of_faces, queued=bool(reasons))
        return picks

    def wants_second_look(self, report: FrameReport) -> bool:
        """Whether this frame, which is not queued, is sampled for a second look; to be asked once a frame."""
        sampled = is_sampled(self._second_look_share, f"{self._seed}:second look", report)
        return sampled and self._looks.take(report.at, (SECOND_LOOK,))

    def looked_again(self, frame: Frame, report: FrameReport, faces: Sequence[Face]) -> tuple[Pick, ...]:
        """The frame, if the `report` lacks some of the `faces` that the second look found for sure."""
        missed = [
            face
            for face in faces
            if all(iou(face.box, seen.box) < APART_IOU for seen in report.faces)
            and self._places.allows(face.box, report.at)
        ]
        if not missed or not self._quota.take(report.at, (SECOND_LOOK,)):
            return ()
        for face in missed:
            self._places.note(face.box, report.at)
        return (Pick(frame, suggesting(report, missed), (SECOND_LOOK,)),)

    def judged_differently(
        self,
        frame: Frame,
        report: FrameReport,
        judgement: ShadowJudgement,
        differences: Sequence[FaceDifference],
    ) -> tuple[Pick, ...]:
        """The frame with the candidate's judgement, if it differs at a place that was not queued lately."""
        new = [each for each in differences if self._places.allows(each.box, report.at)]
        if not new or not self._quota.take(report.at, (SHADOW,)):
            return ()
        for each in new:
            self._places.note(each.box, report.at)
        found = [each.candidate for each in differences if each.candidate and not each.serving]
        judged = replace(suggesting(report, found), shadow=judgement)
        return (Pick(frame, judged, (SHADOW,)),)

    def _reset(self) -> None:
        """Start again, for another view; quotas and places that were queued stay."""
        self._known.reset()
        self._flicker.reset()
        self._gap.reset()
        self._near_miss_at = None
        if self._movements is not None:
            self._movements.reset()

    def _flickered(self, report: FrameReport, now: Grid) -> tuple[Pick, ...]:
        found = self._flicker.found(report, now)
        if found is None or not self._quota.take(report.at, (FLICKER,)):
            return ()
        found.note_queued()
        return (Pick(found.frame, found.report, (FLICKER,)),)

    def _gapped(self, report: FrameReport, known: Sequence[KnownFace]) -> tuple[Pick, ...]:
        found = self._gap.update(report, known)
        if found is None or not self._quota.take(report.at, (GAP,)):
            return ()
        found.note_queued()
        return (Pick(found.frame, found.report, (GAP,)),)

    def _reasons(
        self, report: FrameReport, of_faces: Sequence[KnownFace], of_others: Sequence[KnownFace]
    ) -> tuple[str, ...]:
        """Why this frame is queued: nothing where the quota is used up. What speaks for it is noted as queued."""
        faces = list(zip(report.faces, of_faces, strict=True))
        near = [
            (miss, known)
            for miss, known in zip(report.near_misses, of_others, strict=True)
            if self._is_rested(report.at)
            and not known.already_queued(miss)
            and self._places.allows(miss.box, report.at)
        ]
        moved = [
            movement
            for movement in (self._movements.update(report) if self._movements is not None else ())
            if self._places.allows(movement.box, report.at)
        ]
        found = self._unsure(faces) | ({NEAR_MISS} if near else set()) | ({MOVED_UNSEEN} if moved else set())
        reasons = tuple(reason for reason in REASONS if reason in found)
        if reasons and self._quota.take(report.at, reasons):
            self._note(report, faces, near, moved)
        else:
            reasons = ()
        is_audited = is_sampled(self._audit_share, str(self._seed), report)
        return (*reasons, AUDIT) if is_audited else reasons

    def _note(
        self,
        report: FrameReport,
        faces: Sequence[tuple[Face, KnownFace]],
        near: Sequence[tuple[Face, KnownFace]],
        moved: Sequence[Movement],
    ) -> None:
        """Remember what is queued with this frame, so that it is not queued again."""
        for face, known in (*((f, k) for f, k in faces if self._is_unsure(f)), *near):
            known.queued_predictions.append(face)
        if near:
            self._near_miss_at = report.at
        for movement in moved:
            movement.queued = True
        for box in (*(miss.box for miss, _ in near), *(movement.box for movement in moved)):
            self._places.note(box, report.at)

    def _is_rested(self, at: float) -> bool:
        """Whether no near miss was queued in the last `NEAR_MISS_S`."""
        return self._near_miss_at is None or not 0 <= at - self._near_miss_at < NEAR_MISS_S

    def _unsure(self, faces: Sequence[tuple[Face, KnownFace]]) -> set[str]:
        """The models that are unsure of a face, if one of these faces was not queued with this prediction before."""
        if all(known.already_queued(face) or not self._is_unsure(face) for face, known in faces):
            return set()
        by = {
            CLASSIFIER: any(_within(face.protected, self._classifier_band) for face, _ in faces),
            DETECTOR: any(_within(face.score, self._detector_band) for face, _ in faces),
        }
        return {model for model, is_unsure in by.items() if is_unsure}

    def _is_unsure(self, face: Face) -> bool:
        return _within(face.protected, self._classifier_band) or _within(face.score, self._detector_band)


def _within(probability: float | None, band: Band) -> bool:
    return probability is not None and band[0] <= probability <= band[1]
