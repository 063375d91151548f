"""What the pipeline is given for one camera."""

from dataclasses import dataclass

from maskwatch.core.ports import AlertSink, Classifier, Detector, Gate, Source
from maskwatch.core.records import Polygon
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection


@dataclass(frozen=True, slots=True)
class Camera:
    """Cameras may share a detector, a classifier and sinks; rule and selection are each one's own.

    A face is judged when the longer side of its box is at least `judge_from_px`, and is protected from
    the probability `protected_at` on. `sentences` is all that its alerts may say. `selection` is None where nothing is to be queued,
    `gate` where every frame is to be looked at, `absence` where nobody is told of a camera without frames.
    """

    name: str
    source: Source
    detector: Detector
    classifier: Classifier
    protected_at: float
    judge_from_px: float
    ignore: tuple[Polygon, ...]
    rule: Rule
    sinks: tuple[AlertSink, ...]
    selection: Selection | None = None
    gate: Gate | None = None
    offline_rule: CameraOffline | None = None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraModels:
    """What a camera's frames are judged by from now on; a new gate, so that everything is looked at anew."""

    detector: Detector
    classifier: Classifier
    gate: Gate | None
