"""All cameras at once, and the notice that labelling is due."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maskwatch.drift.audit import Audit, audits
from maskwatch.drift.confidences import Confidences, days
from maskwatch.drift.settings import DriftSettings
from maskwatch.drift.shift import Bounds, Shift, shifts
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform.background import BackgroundThread
from maskwatch.samples.store import Queue

log = logging.getLogger(__name__)

SAVE_S = 60.0
LOOK_EVERY = 30  # saves: a look at all days each half an hour


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of all cameras; `least_right` (0..1) is the share of audited faces that should be right."""

    shifts: tuple[Shift, ...]
    audits: tuple[Audit, ...]
    least_right: float

    def due(self) -> dict[str, str]:
        """For each camera at which labelling is due, why."""
        reasons: dict[str, list[str]] = {}
        for shift in self.shifts:
            if shift.is_due:
                text = f"how sure its {shift.model} is has shifted (PSI {shift.psi:.2f}, bound {shift.bound:.2f})"
                reasons.setdefault(shift.camera, []).append(text)
        for audit in self.audits:
            interval = audit.interval
            if interval is not None and interval[1] < self.least_right:
                text = f"{audit.right} of {audit.faces} faces of the audit were right, under {self.least_right:.0%}"
                reasons.setdefault(audit.camera, []).append(text)
        return {camera: " and ".join(texts) for camera, texts in reasons.items()}


def measured(settings: DriftSettings, archive: Path, queue: Path, versions: dict[str, str]) -> Drift:
    """`versions` are the present models of each camera (see `confidences.named`)."""
    bounds = Bounds(settings.psi, settings.reference_days, settings.least_faces)
    samples = [sample for folder in (archive / "samples", queue) for sample in Queue(folder).samples()]
    found = shifts(list(days(settings.dir)), versions, bounds)
    return Drift(tuple(found), tuple(audits(samples, versions)), settings.least_right)


class DriftWatch(BackgroundThread):
    """While the block runs, a thread saves the counts, looks at them, and says on board and log where labelling is due."""

    def __init__(self, confidences: Confidences, look: Callable[[], Drift], pipeline: Pipeline) -> None:
        super().__init__("drift", pipeline.fail)
        self._confidences = confidences
        self._look = look
        self._pipeline = pipeline
        self._told: dict[str, str] = {}
        self._fails = False

    def body(self) -> None:
        """Save each minute and look each half an hour; save at the end."""
        self.look()
        rounds = 0
        while not self.pause(SAVE_S):
            self.save()
            rounds += 1
            if rounds % LOOK_EVERY == 0:
                self.look()
        self.save()

    def save(self) -> None:
        """What cannot be written is said once, and tried again."""
        try:
            self._confidences.save()
        except OSError as e:
            if not self._fails:
                log.error("drift: %s: %s; counted on in memory", e.filename or "", e.strerror or e)
            self._fails = True
        else:
            self._fails = False

    def look(self) -> None:
        """Measure, log where labelling has newly come due, and set or clear the board's notices."""
        due = self._look().due()
        for camera in self._told.keys() - due.keys():
            self._pipeline.board.set_notice(f"drift {camera}", None)
        for camera, reason in due.items():
            if camera not in self._told:
                log.warning("labelling is due for %s: %s", camera, reason)
            self._pipeline.board.set_notice(f"drift {camera}", f"labelling is due for {camera}")
        self._told = due
