"""Which frames are worth a person's look: those in which a model was unsure of a face."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.geometry import iou
from maskwatch.core.records import Face, FrameReport, Rgb

HOUR_S = 3600.0
SAME_FACE_IOU = 0.4
SAME_VERDICT = 0.2  # two probabilities this near say the same
SAME_SCENE = 12.0  # grey levels (0..255): a larger mean difference of the thumbnails is another scene
FORGET_S = 60.0  # after this long, the same unsure face may be queued again

Band = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Queued:
    at: float
    unsure: tuple[Face, ...]
    scene: NDArray[np.float32]


class Selection:
    """Selects for one camera. Time is the frames' own (`report.at`), in seconds.

    A frame is selected when a face's classifier or detector probability lies within its band
    (both ends included), at most `max_per_hour` times in any hour, and not again while it shows
    the same unsure faces as the frame selected before.
    """

    def __init__(self, *, classifier_band: Band, detector_band: Band, max_per_hour: int) -> None:
        self._classifier_band = classifier_band
        self._detector_band = detector_band
        self._max_per_hour = max_per_hour
        self._times: deque[float] = deque()
        self._last: _Queued | None = None

    def update(self, report: FrameReport, rgb: Rgb) -> tuple[str, ...]:
        """The names of the models that were unsure, when the frame is to be queued; else nothing."""
        by_classifier = [f for f in report.faces if _within(f.protected, self._classifier_band)]
        by_detector = [f for f in report.faces if _within(f.score, self._detector_band)]
        unsure = (*by_classifier, *(f for f in by_detector if f not in by_classifier))
        if not unsure:
            return ()
        candidate = _Queued(report.at, unsure, _thumbnail(rgb))
        if self._is_repeat(candidate) or not self._has_room(report.at):
            return ()
        self._last = candidate
        self._times.append(report.at)
        return ("classifier",) * bool(by_classifier) + ("detector",) * bool(by_detector)

    def _is_repeat(self, new: _Queued) -> bool:
        last = self._last
        if last is None or not 0 <= new.at - last.at < FORGET_S:
            return False
        if np.abs(new.scene - last.scene).mean() > SAME_SCENE:
            return False
        return all(any(_is_same(face, before) for before in last.unsure) for face in new.unsure)

    def _has_room(self, at: float) -> bool:
        while self._times and not 0 <= at - self._times[0] < HOUR_S:
            self._times.popleft()
        return len(self._times) < self._max_per_hour


def _within(probability: float | None, band: Band) -> bool:
    return probability is not None and band[0] <= probability <= band[1]


def _is_same(face: Face, before: Face) -> bool:
    if iou(face.box, before.box) < SAME_FACE_IOU or abs(face.score - before.score) > SAME_VERDICT:
        return False
    if face.protected is None or before.protected is None:
        return face.protected is before.protected
    return abs(face.protected - before.protected) <= SAME_VERDICT


def _thumbnail(rgb: Rgb) -> NDArray[np.float32]:
    """The green channel at 16 x 16 points: enough to tell a scene from another."""
    height, width = rgb.shape[:2]
    rows, columns = np.linspace(0, height - 1, 16).astype(int), np.linspace(0, width - 1, 16).astype(int)
    return np.asarray(rgb[np.ix_(rows, columns)][..., 1], np.float32)
