"""The faces in a camera's view now, and whether `detect.min_face_px` suits them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from maskwatch.config.sections import CameraConfig
from maskwatch.core.face_size import FACE_M, face_px, found_from_px, reach_m
from maskwatch.core.geometry import iou
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Face, Frame, FrameReport, Rgb
from maskwatch.core.text import pluralize
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.models.loading import Models, smallest_face_px
from maskwatch.pipeline.camera import AnalysisConfig
from maskwatch.pipeline.engine import Engine

TRIES = 3  # that are timed
SIZES = (12.0, 16.0, 20.0, 24.0, 32.0)  # px, of the smallest face, that are compared
FINE_PX = SIZES[0]
DISTANCES_M = (2.0, 5.0, 10.0)
SAME = 0.3  # IoU: two detections of one face
SURE = 0.8  # of a face that only the finer look finds: less may be none
ROOM = 2.5  # times `min_face_px`: when all faces are wider, it may be larger, too


@dataclass(frozen=True, slots=True)
class FacesSeen:
    """The faces in the picture `frame`: `report` has those of at least `least_px`, `smaller` those missed because they are smaller.

    `least_px` is None for a detector without a smallest face; `find_ms` is the detection time for such a frame.
    """

    frame: Frame
    report: FrameReport
    smaller: tuple[Face, ...]
    least_px: float | None
    find_ms: float

    @property
    def widths(self) -> list[float]:
        """Of all faces in pixels, the smallest first."""
        return sorted(face.box.width for face in (*self.report.faces, *self.smaller))


@dataclass(frozen=True, slots=True)
class SizeTrial:
    """A smallest face in pixels, with the detection time and the number of faces found."""

    least_px: float
    find_ms: float
    faces: int


def look(frames: Sequence[Frame], camera: CameraConfig, models: Models) -> FacesSeen:
    """The faces in the frame that shows most of them. Raises `ModelError`, or `ConfigError` without its backend."""
    least = smallest_face_px(camera.detect)
    reports = [_analysed(frame, camera, models) for frame in frames]
    best = max(range(len(frames)), key=lambda place: len(reports[place].faces))
    frame, report = frames[best], reports[best]
    smaller: tuple[Face, ...] = ()
    if isinstance(camera.detect, DetectSettings) and camera.detect.min_face_px > FINE_PX:
        fine = _analysed(frame, _with_least(camera, camera.detect, FINE_PX), models)
        smaller = tuple(face for face in fine.faces if face.score >= SURE and _is_new(face, report.faces))
    return FacesSeen(frame, report, smaller, least, _ms(frame.rgb, camera, models))


def compare(frame: Frame, camera: CameraConfig, models: Models) -> list[SizeTrial]:
    """The time and the number of faces for each smallest face; empty for a detector that has no such setting."""
    detect = camera.detect
    if not isinstance(detect, DetectSettings):
        return []
    cameras = [(size, _with_least(camera, detect, size)) for size in SIZES]
    for _, each in cameras:
        _analysed(frame, each, models)  # the first look at a size compiles
    return [
        SizeTrial(size, _ms(frame.rgb, each, models), len(_analysed(frame, each, models).faces))
        for size, each in cameras
    ]


def told(seen: FacesSeen, view_deg: float) -> str:
    """The faces there are, whether `min_face_px` suits them, and the sizes that faces can have in this view."""
    width, widths = seen.frame.size[0], seen.widths
    who = "nobody in view now"
    if widths:
        span = f"{widths[0]:.0f}" + (f" to {widths[-1]:.0f}" if len(widths) > 1 else "")
        who = f"{pluralize(len(widths), 'face')} in view, {span} px wide"
    sizes = ", ".join(f"{face_px(far, width, view_deg):.0f}" for far in DISTANCES_M)
    far = ", ".join(f"{each:g}" for each in DISTANCES_M)
    held = f"a face ({100 * FACE_M:.0f} cm, in a view {view_deg:g}° wide) has {sizes} px at {far} m"
    if seen.least_px is not None:
        reach = reach_m(found_from_px(seen.least_px), width, view_deg)
        held += f" and is found up to {reach:.1f} m"
    return f"{who}{_verdict(seen)}; {held}"


def compared(tried: Sequence[SizeTrial]) -> str:
    """In one line."""
    return "smallest face: " + "; ".join(
        f"{each.least_px:g} px {each.find_ms:.0f} ms, {pluralize(each.faces, 'face')}" for each in tried
    )


def _verdict(seen: FacesSeen) -> str:
    least, widths = seen.least_px, seen.widths
    if least is None or not widths:
        return ""
    if seen.smaller:
        is_are = "is" if len(seen.smaller) == 1 else "are"
        return (
            f": detect.min_face_px {least:g} is too large, {len(seen.smaller)} of them {is_are} missed for it;"
            f" {max(8, min(int(widths[0]), int(least) - 1))} would find them"
        )
    if widths[0] > ROOM * least and least < SIZES[-1]:
        enough = min(int(widths[0]), int(SIZES[-1]))
        return f": detect.min_face_px {least:g} finds them; where nobody is further away, {enough} costs less"
    return f": detect.min_face_px {least:g} fits (faces from about {found_from_px(least):.0f} px are found)"


def _analysed(frame: Frame, camera: CameraConfig, models: Models) -> FrameReport:
    """As the engine sees it, with what is nearly a face where that must not be shown."""
    analysis = AnalysisConfig(
        frame.camera,
        models.detector(camera.detect),
        models.classifier(camera.classify),
        camera.classify.protected_at,
        camera.classify.min_face_px,
        camera.ignore,
        near_miss_from=camera.queue.near_miss_from if camera.privacy is Privacy.BLUR else None,
    )
    (report,) = Engine({frame.camera: analysis}).analyse([frame])
    return report


def _with_least(camera: CameraConfig, detect: DetectSettings, px: float) -> CameraConfig:
    return camera.model_copy(update={"detect": detect.model_copy(update={"min_face_px": px})})


def _is_new(face: Face, known: Sequence[Face]) -> bool:
    return all(iou(face.box, each.box) < SAME for each in known)


def _ms(rgb: Rgb, camera: CameraConfig, models: Models) -> float:
    """The median of some tries; before them, what such a frame needs is made ready."""
    detector = models.detector(camera.detect)
    detector.detect([rgb])
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        detector.detect([rgb])
        times.append(1000 * (time.perf_counter() - started))
    return median(times)
