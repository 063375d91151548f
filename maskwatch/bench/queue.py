"""Of the faces that the live detection misses, how many are in images that the queue would take?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwatch.app.cameras import camera_selection, configured_models
from maskwatch.config.load import Config
from maskwatch.core.geometry import iou
from maskwatch.core.progress import Bar
from maskwatch.core.records import Box, Frame, FrameReport
from maskwatch.datasets.formats.registry import read
from maskwatch.evaluation.images import choose, need_boxes, opened
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.pipeline.camera import AnalysisConfig
from maskwatch.pipeline.engine import Engine

SUGGESTED_IOU = 0.3  # a suggested box that overlaps a missed face so much spares somebody the drawing
CAMERA = "bench"


@dataclass(frozen=True, slots=True)
class QueueCoverage:
    """`missed` of `faces` were not found; `queued` of these are in one of the `taken` images, `suggested` by a box of their own.

    `reasons` counts the taken images by each of their reasons.
    """

    images: int
    taken: int
    faces: int
    missed: int
    queued: int
    suggested: int
    reasons: dict[str, int]

    @property
    def share(self) -> float | None:
        """Queued / missed, 0..1; None where nothing was missed."""
        return self.queued / self.missed if self.missed else None


def measure(config: Config, faces: Path, part: SplitChoice, bar: Bar) -> QueueCoverage:
    """Each image of the set is a camera's first frame, seen with the configuration's defaults; second looks are left out.

    Raises `DataError` when the set has no boxes, or no image of that part.
    """
    material = choose(str(faces), read(faces), part, bar("opening pictures"))
    images = [image for image in material.images if not image.faults]
    need_boxes(str(faces), images)
    settings, models = config.defaults, configured_models(config)
    camera = AnalysisConfig(
        CAMERA,
        models.detector(settings.detect),
        models.classifier(settings.classify),
        settings.classify.protected_at,
        settings.classify.min_face_px,
        (),
        near_miss_from=config.queue.near_miss_from,
    )
    reasons: Counter[str] = Counter()
    taken = missed = queued = suggested = 0
    for number, image, rgb in opened(images, bar("looking")):
        frame = Frame(CAMERA, image.key, number, 0.0, rgb)
        (report,) = Engine({CAMERA: camera}).analyse([frame])
        picks = camera_selection(config.queue, settings).update(frame, report)
        boxes = [truth.box for truth in image.truths if truth.box is not None]
        lost = _missed(report, boxes, image.unclear)
        why = picks[0].reasons if picks else ()
        reasons.update(why)
        taken += bool(why)
        missed += len(lost)
        queued += len(lost) * bool(why)
        suggested += sum(_is_suggested(box, report) for box in lost) * bool(why)
    total = sum(len(image.truths) for image in images)
    return QueueCoverage(len(images), taken, total, missed, queued, suggested, dict(reasons))


def _missed(report: FrameReport, boxes: Sequence[Box], unclear: Sequence[Box]) -> list[Box]:
    found = {place for place in match(report.faces, boxes, unclear).truths if place is not None}
    return [box for place, box in enumerate(boxes) if place not in found]


def _is_suggested(box: Box, report: FrameReport) -> bool:
    return any(iou(box, miss.box) >= SUGGESTED_IOU for miss in report.near_misses)
