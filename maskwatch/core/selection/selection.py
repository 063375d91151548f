"""Selects for one camera. What each reason goes by stands in a module of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from maskwatch.core.geometry import iou
from maskwatch.core.records import Face, Frame, FrameReport, ShadowJudgement
from maskwatch.core.selection.flicker import Flicker
from maskwatch.core.selection.gap import Gap, suggesting
from maskwatch.core.selection.known_faces import KnownFace, KnownFaces
from maskwatch.core.selection.lots import is_sampled
from maskwatch.core.selection.movement import Movement, Movements
from maskwatch.core.selection.quotas import BackOff, Quota
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

NEAR_MISS_S = 2.0  # between two frames with near misses: of somebody who walks by, moments apart teach little

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
    - `near_miss`: the report has a near miss that is news; not more often than every `NEAR_MISS_S`.
    - `gap`: a face that was followed was missing in a frame, and was seen again near by.
    - `moved_unseen`: a person's size moved for longer than a second, and no face was seen there. `min_face_px`, the
      smallest face that the detector looks for, tells that size; None: movement is not gone by.
    - `second_look`: a share `second_look_share` of the frames is looked at again, at most `second_looks_per_hour`, and
      some face was missed (see `wants_second_look` and `looked_again`).
    - `shadow`: a candidate judges the frame differently (see `judged_differently`).
    - `flicker`: a face was detected in one analysed frame, not in the frame before or after, pixels unchanged.
    - `audit`: chosen at random, a share `audit_share` of all frames, whatever the models say of them: from these,
      and these alone, one can tell how often the models err. The lot depends on `seed` and the frame's own
      number and time, so a replay draws the same frames again.

    A face that stays in view is queued once for each prediction. All but the audit are at most `max_per_hour` in any
    hour, by `shares` of each reason (see `Quota`).
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
        self._tracks = KnownFaces()
        self._flicker = Flicker()
        self._gap = Gap()
        self._movements = None if min_face_px is None else Movements(min_face_px)
        self._places = BackOff()
        self._scene: Grid | None = None
        self._near_miss_at: float | None = None

    def update(self, frame: Frame, report: FrameReport) -> tuple[Pick, ...]:
        """What is to be queued now: this frame, or one before of which only now it is known."""
        now = grid(frame)
        if self._scene is not None and not is_steady(self._scene, now):
            self._forget()
        self._scene = now
        picks = self._flickered(report, now)
        tracks = self._tracks.update(report.at, (*report.faces, *report.near_misses))
        of_faces, of_others = tracks[: len(report.faces)], tracks[len(report.faces) :]
        picks += self._gapped(report, of_faces)
        reasons = self._reasons(report, of_faces, of_others)
        if reasons:
            picks += (Pick(frame, report, reasons),)
        self._flicker.remember(frame, report, now, of_faces, queued=bool(reasons))
        self._gap.remember(frame, report, of_faces, queued=bool(reasons))
        return picks

    def wants_second_look(self, report: FrameReport) -> bool:
        """Whether this frame, which is not queued, is drawn for a second look; to be asked once."""
        drawn = is_sampled(self._second_look_share, f"{self._seed}:second look", report)
        return drawn and self._looks.take(report.at, (SECOND_LOOK,))

    def looked_again(self, frame: Frame, report: FrameReport, faces: Sequence[Face]) -> tuple[Pick, ...]:
        """The frame, if `faces`, which the second look found for sure, has some that the `report` lacks."""
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
        """The frame with what a candidate said of it, if a difference is where none was queued lately."""
        news = [each for each in differences if self._places.allows(each.box, report.at)]
        if not news or not self._quota.take(report.at, (SHADOW,)):
            return ()
        for each in news:
            self._places.note(each.box, report.at)
        found = [each.candidate for each in differences if each.candidate and not each.serving]
        judged = replace(suggesting(report, found), shadow=judgement)
        return (Pick(frame, judged, (SHADOW,)),)

    def _forget(self) -> None:
        """The view is another."""
        self._tracks.clear()
        self._flicker.forget()
        self._gap.forget()
        self._near_miss_at = None
        if self._movements is not None:
            self._movements.forget()

    def _flickered(self, report: FrameReport, now: Grid) -> tuple[Pick, ...]:
        found = self._flicker.found(report, now)
        if found is None or not self._quota.take(report.at, (FLICKER,)):
            return ()
        found.note_queued()
        return (Pick(found.frame, found.report, (FLICKER,)),)

    def _gapped(self, report: FrameReport, tracks: Sequence[KnownFace]) -> tuple[Pick, ...]:
        found = self._gap.update(report, tracks)
        if found is None or not self._quota.take(report.at, (GAP,)):
            return ()
        found.note_queued()
        return (Pick(found.frame, found.report, (GAP,)),)

    def _reasons(
        self, report: FrameReport, of_faces: Sequence[KnownFace], of_others: Sequence[KnownFace]
    ) -> tuple[str, ...]:
        """Why this frame is queued; if there is room, all that speak for it are noted as queued."""
        faces = list(zip(report.faces, of_faces, strict=True))
        near = [
            (miss, track)
            for miss, track in zip(report.near_misses, of_others, strict=True)
            if self._is_rested(report.at)
            and not track.already_queued(miss)
            and self._places.allows(miss.box, report.at)
        ]
        moved = [
            movement
            for movement in (self._movements.update(report) if self._movements is not None else ())
            if self._places.allows(movement.box, report.at)
        ]
        found = self._unsure(faces) | ({NEAR_MISS} if near else set()) | ({MOVED_UNSEEN} if moved else set())
        told = tuple(reason for reason in REASONS if reason in found)
        if told and self._quota.take(report.at, told):
            self._note(report, faces, near, moved)
        else:
            told = ()
        drawn = is_sampled(self._audit_share, str(self._seed), report)
        return told + (AUDIT,) * drawn

    def _note(
        self,
        report: FrameReport,
        faces: Sequence[tuple[Face, KnownFace]],
        near: Sequence[tuple[Face, KnownFace]],
        moved: Sequence[Movement],
    ) -> None:
        """What is queued with this frame is no news any more."""
        for face, track in (*((f, t) for f, t in faces if self._is_unsure(f)), *near):
            track.queued_predictions.append(face)
        if near:
            self._near_miss_at = report.at
        for movement in moved:
            movement.queued = True
        for box in (*(miss.box for miss, _ in near), *(movement.box for movement in moved)):
            self._places.note(box, report.at)

    def _is_rested(self, at: float) -> bool:
        return self._near_miss_at is None or not 0 <= at - self._near_miss_at < NEAR_MISS_S

    def _unsure(self, faces: Sequence[tuple[Face, KnownFace]]) -> set[str]:
        """The models that are unsure of a face, if one of these faces is news."""
        if all(track.already_queued(face) or not self._is_unsure(face) for face, track in faces):
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
