"""Which frames are worth a person's look: where a model was unsure, where a face flickered, and a few at random.

Unlike the motion gate (`detect.motion`), a lighting change counts as a new scene, because the models may judge it
otherwise. So each compares frames in its own way: here by the mean difference over the frame or a face's place; in the
gate by single cells that moved since each was last inspected, which takes OpenCV, and the core has none.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Frame, FrameReport, Rgb
from maskwatch.core.tracks import Track, Tracks

HOUR_S = 3600.0
SPREAD = 6  # the hour's quota is given out in so many parts
SAME_SCENE = 12.0  # grey levels (0..255): a larger mean difference is another scene
GRID = 160  # points across the longer side, by which scenes are compared
APART_IOU = 0.2  # faces that overlap less are two
FLICKER_S = 8.0  # three analysed frames within so long tell a flicker; a still view is fully analysed every few seconds

Band = tuple[float, float]
Grid = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A frame for the queue. The reasons: `classifier`, `detector`, `flicker`, `audit`."""

    frame: Frame
    report: FrameReport
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Transient:
    """A face that nothing led up to, though the picture did not change there; `since` is when it was not yet seen."""

    face: Face
    track: Track
    since: float


@dataclass(frozen=True, slots=True, eq=False)
class _Observation:
    """An analysed frame; the frame itself is kept only when it has transient faces."""

    report: FrameReport
    grid: Grid
    transient: tuple[_Transient, ...] = ()
    frame: Frame | None = None


class Selection:
    """Selects for one camera, from its analysed frames. Time is the frames' own, in seconds.

    - `classifier`, `detector`: that model's probability for a face lies within its band, both ends included.
    - `flicker`: a face was detected in one analysed frame, not in the frame before or after, pixels unchanged.
    - `audit`: chosen at random, a share `audit_share` of all frames, whatever the models say of them: from these,
      and these alone, one can tell how often the models err. The lot depends on `seed` and the frame's own
      number and time, so a replay draws the same frames again.

    A face that stays in view is queued once for each prediction. All but the audit are at most
    `max_per_hour` in any hour, and no more than their part of it in any sixth of an hour.
    """

    def __init__(
        self,
        *,
        classifier_band: Band,
        detector_band: Band,
        max_per_hour: int,
        audit_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._classifier_band = classifier_band
        self._detector_band = detector_band
        self._quota = _Quota(max_per_hour)
        self._audit_share = audit_share
        self._seed = seed
        self._tracks = Tracks()
        self._last: _Observation | None = None

    def update(self, frame: Frame, report: FrameReport) -> tuple[Pick, ...]:
        """What is to be queued now: this frame, or the one before, which only now is known to have flickered."""
        grid = _grid(frame.rgb)
        if self._last is not None and not _is_steady(self._last.grid, grid):
            self._tracks.clear()
            self._last = None
        picks = self._flickered(report, grid)
        tracks = self._tracks.update(report.at, report.faces)
        reasons = self._unsure(report, tracks) + ("audit",) * self._is_sampled(report)
        if reasons:
            for face, track in zip(report.faces, tracks, strict=True):
                if self._is_unsure(face):
                    track.queued_predictions.append(face)
            picks += (Pick(frame, report, reasons),)
        transient = () if reasons else self._transient(report, grid, tracks)
        self._last = _Observation(report, grid, transient, frame if transient else None)
        return picks

    def _unsure(self, report: FrameReport, tracks: Sequence[Track]) -> tuple[str, ...]:
        """The models that are unsure of a face, if one of these faces is news and there is room."""
        if all(
            t.already_queued(f) or not self._is_unsure(f) for f, t in zip(report.faces, tracks, strict=True)
        ):
            return ()
        if not self._quota.take(report.at):
            return ()
        by_classifier = any(_within(face.protected, self._classifier_band) for face in report.faces)
        by_detector = any(_within(face.score, self._detector_band) for face in report.faces)
        return ("classifier",) * by_classifier + ("detector",) * by_detector

    def _is_unsure(self, face: Face) -> bool:
        return _within(face.protected, self._classifier_band) or _within(face.score, self._detector_band)

    def _is_sampled(self, report: FrameReport) -> bool:
        lot = f"{self._seed}:{report.camera}:{report.seq}:{report.at!r}".encode()
        drawn = int.from_bytes(blake2b(lot, digest_size=8).digest(), "big") / 2**64
        return drawn < self._audit_share

    def _transient(self, report: FrameReport, grid: Grid, tracks: Sequence[Track]) -> tuple[_Transient, ...]:
        before = self._last
        if before is None:
            return ()
        return tuple(
            _Transient(face, track, before.report.at)
            for face, track in zip(report.faces, tracks, strict=True)
            if not track.already_queued(face)
            and _is_missing(face, report.size, before.report, before.grid, grid)
        )

    def _flickered(self, report: FrameReport, grid: Grid) -> tuple[Pick, ...]:
        """The previous frame, when a face that only it had is gone again and its pixels are unchanged."""
        last = self._last
        if last is None or last.frame is None:
            return ()
        gone = [
            each
            for each in last.transient
            if 0 <= report.at - each.since <= FLICKER_S
            and _is_missing(each.face, report.size, report, last.grid, grid)
        ]
        if not gone or not self._quota.take(report.at):
            return ()
        for each in gone:
            each.track.queued_predictions.append(each.face)
        return (Pick(last.frame, last.report, ("flicker",)),)


class _Quota:
    """At most `per_hour` in any hour, and no more than a sixth of it, rounded up, in any sixth of one."""

    def __init__(self, per_hour: int) -> None:
        self._bounds = ((HOUR_S, per_hour), (HOUR_S / SPREAD, ceil(per_hour / SPREAD)))
        self._times: deque[float] = deque()

    def take(self, at: float) -> bool:
        """Whether there is room for one more, which then is taken."""
        while self._times and not 0 <= at - self._times[0] < HOUR_S:
            self._times.popleft()
        if any(sum(0 <= at - t < span_s for t in self._times) >= most for span_s, most in self._bounds):
            return False
        self._times.append(at)
        return True


def _within(probability: float | None, band: Band) -> bool:
    return probability is not None and band[0] <= probability <= band[1]


def _is_missing(face: Face, size: tuple[int, int], report: FrameReport, before: Grid, after: Grid) -> bool:
    """Whether a report has no such face although the picture is the same before and after where it was."""
    if any(iou(face.box, other.box) >= APART_IOU for other in report.faces):
        return False
    place = _place(face.box, size, before.shape[:2])
    return float(np.abs(after[place] - before[place]).mean()) <= SAME_SCENE


def _place(box: Box, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where a box lies in a grid, and a point around it."""
    per_x, per_y = shape[1] / size[0], shape[0] / size[1]
    x1, x2 = (min(max(0, int(v * per_x)), shape[1] - 1) for v in (box.x1, box.x2))
    y1, y2 = (min(max(0, int(v * per_y)), shape[0] - 1) for v in (box.y1, box.y2))
    return slice(max(0, y1 - 1), y2 + 2), slice(max(0, x1 - 1), x2 + 2)


def _is_steady(before: Grid, after: Grid) -> bool:
    return before.shape == after.shape and float(np.abs(after - before).mean()) <= SAME_SCENE


def _grid(rgb: Rgb) -> Grid:
    """The green channel at points as far apart in both directions: enough to tell a scene from another."""
    step = max(1, ceil(max(rgb.shape[:2]) / GRID))
    return np.asarray(rgb[::step, ::step, 1], np.int16)
