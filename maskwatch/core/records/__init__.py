"""The records that pass between the parts. All are immutable; a change is a new record.

images.py     images and boxes
faces.py      faces, and by which models they were judged
persons.py    people who are followed, and who passed
decisions.py  what was seen in a frame and decided on it
shadow.py     what a candidate says beside the models that serve
status.py     how the service and its cameras are

Who uses them imports them from here.
"""

from maskwatch.core.records.decisions import Alert, AlertKind, Decision, FrameReport, Outcome
from maskwatch.core.records.faces import Coverage, Detections, Face, Label, Versions
from maskwatch.core.records.images import (
    LONGEST_PX,
    MAX_PIXELS,
    Box,
    Frame,
    Polygon,
    Rgb,
    require_rgb,
    require_size,
)
from maskwatch.core.records.persons import Direction, Passage, PassageCounts, PassageKind, Person
from maskwatch.core.records.shadow import ShadowCounts, ShadowJudgement, ShadowStatus
from maskwatch.core.records.status import (
    LATENCIES_S,
    Announcements,
    CameraState,
    CameraStatus,
    EffectFigures,
    EffectStatus,
    Estimate,
    Latency,
    ModelKind,
    PeopleCount,
    SinkStatus,
    StandingAlert,
    Status,
)

__all__ = [
    "LATENCIES_S",
    "LONGEST_PX",
    "MAX_PIXELS",
    "Alert",
    "AlertKind",
    "Announcements",
    "Box",
    "CameraState",
    "CameraStatus",
    "Coverage",
    "Decision",
    "Detections",
    "Direction",
    "EffectFigures",
    "EffectStatus",
    "Estimate",
    "Face",
    "Frame",
    "FrameReport",
    "Label",
    "Latency",
    "ModelKind",
    "Outcome",
    "Passage",
    "PassageCounts",
    "PassageKind",
    "PeopleCount",
    "Person",
    "Polygon",
    "Rgb",
    "ShadowCounts",
    "ShadowJudgement",
    "ShadowStatus",
    "SinkStatus",
    "StandingAlert",
    "Status",
    "Versions",
    "require_rgb",
    "require_size",
]
