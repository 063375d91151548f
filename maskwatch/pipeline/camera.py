"""What the pipeline is given for one camera."""

from dataclasses import dataclass, field

from maskwatch.core.ports import AlertSink, Classifier, Detector, Gate, Source
from maskwatch.core.records import Polygon
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the engine finds and judges one camera's faces with. Cameras may share a detector and a classifier.

    A face is judged when the longer side of its box is at least `judge_from_px` pixels, and is protected from
    the probability `protected_at` (0..1) on. A face whose centre lies in an `ignore` polygon is none. `gate` is
    each camera's own, None where all of every frame is to be looked at.
    """

    name: str
    detector: Detector
    classifier: Classifier
    protected_at: float
    judge_from_px: float
    ignore: tuple[Polygon, ...]
    gate: Gate | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Camera(Analysis):
    """One camera from its frames to its alerts. Cameras may share sinks; rule and selection are each one's own.

    `sentences` is all that its alerts may say. `selection` is None where nothing is to be queued, `offline_rule`
    where nobody is told of a camera without frames.
    """

    source: Source
    rule: Rule
    sinks: tuple[AlertSink, ...]
    selection: Selection | None = None
    offline_rule: CameraOffline | None = None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraModels:
    """What a camera's frames are judged by from now on; a new gate, so that everything is looked at anew."""

    detector: Detector
    classifier: Classifier
    gate: Gate | None
