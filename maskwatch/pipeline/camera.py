"""What the pipeline is given for one camera."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from maskwatch.core.people import People
from maskwatch.core.people.effect import Effect
from maskwatch.core.ports import AlertSink, Classifier, Detector, Gate, Rule, SecondLook, Source
from maskwatch.core.privacy import Privacy, shown
from maskwatch.core.records import Alert, Detections, Frame, FrameReport, Polygon
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.camera_view import CameraView
from maskwatch.core.selection import Selection


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """How the engine finds and classifies one camera's faces. Cameras may share a detector and a classifier.

    A face is classified when the longer side of its box is at least `min_face_px` pixels, and is protected from
    the probability `protected_at` (0..1) on. Faces whose centre lies in an `ignore` polygon are left out. `gate` is
    each camera's own; None: every frame is analysed as a whole. Candidates with scores from `near_miss_from` (0..1) times the
    detector's threshold up to it are near misses; None: there are none. `device` is where the models run.
    """

    name: str
    detector: Detector
    classifier: Classifier
    protected_at: float
    min_face_px: float
    ignore: tuple[Polygon, ...]
    gate: Gate | None = field(default=None, kw_only=True)
    near_miss_from: float | None = field(default=None, kw_only=True)
    device: str = field(default="cpu", kw_only=True)


@dataclass(frozen=True, slots=True)
class CameraMemory:
    """What a camera's parts remember between two frames; with it, a replay can be resumed in another process.

    `platform.saved_state` can save it. `seen` is what the last frame showed; the other parts are those of `Camera`.
    """

    gate: Gate | None
    people: People | None
    rules: tuple[Rule, ...]
    selection: Selection | None
    effect: Effect | None
    seen: Detections | None


class Checkpoints(Protocol):
    """Decides between which frames a replay is saved, so that it can be resumed there."""

    def is_due(self, frame: Frame) -> bool:
        """Whether one is wanted before this frame; asked of each, in order."""
        ...

    def take(self, memory: Mapping[str, CameraMemory]) -> None:
        """Save the memory of each camera; all frames so far are decided."""
        ...


@dataclass(frozen=True, slots=True)
class Camera(AnalysisConfig):
    """One camera from its frames to its alerts. Cameras may share sinks; people, rules and selection are each camera's own.

    Attributes:
        rules: each has its own name.
        sinks: where alerts go, unless `sinks_of` has others for the alert's rule name and level.
        sentences: everything that its alerts may say.
        selection: None where nothing is to be queued.
        offline_rule: None where a camera without frames causes no alert.
        view_rule: None where a camera that sees nothing useful causes no alert.
        second_look: looks at a few frames that the selection samples; None: there are no second looks.
        people: follows the people in view; None: nobody is followed, and faces are counted.
        effect: follows what comes of announcements, and may withhold some.
        privacy: how much of a frame a sink may get.

    """

    source: Source
    rules: tuple[Rule, ...]
    sinks: tuple[AlertSink, ...]
    selection: Selection | None = None
    offline_rule: CameraOffline | None = None
    view_rule: CameraView | None = None
    sentences: tuple[str, ...] = ()
    second_look: SecondLook | None = None
    people: People | None = None
    sinks_of: Mapping[tuple[str, int], tuple[AlertSink, ...]] = field(default_factory=dict)
    effect: Effect | None = None
    privacy: Privacy = Privacy.FULL

    @property
    def all_sinks(self) -> tuple[AlertSink, ...]:
        """Every sink that may get an alert of this camera, each once."""
        return tuple(
            dict.fromkeys([*self.sinks, *(sink for sinks in self.sinks_of.values() for sink in sinks)])
        )

    def sinks_for(self, alert: Alert) -> tuple[AlertSink, ...]:
        """The sinks of this alert."""
        return self.sinks_of.get((alert.rule, alert.level), self.sinks)

    def with_memory(self, memory: CameraMemory) -> "Camera":
        """The same camera, with the parts of the memory."""
        return replace(
            self,
            gate=memory.gate,
            people=memory.people,
            rules=memory.rules,
            selection=memory.selection,
            effect=memory.effect,
        )

    def with_picture(self, alert: Alert, frame: Frame, report: FrameReport) -> Alert:
        """The alert as sinks get it: with as much of the frame and its people as `privacy` allows."""
        told = replace(alert, frame=shown(frame, report, self.privacy, self.ignore))
        return replace(told, faces=(), tracks=()) if self.privacy is Privacy.AGGREGATE else told


@dataclass(frozen=True, slots=True)
class ShadowModels:
    """A candidate's models for one camera; `alert_below` is the protected ratio (0..1) under which the camera alerts."""

    detector: Detector
    classifier: Classifier
    alert_below: float


@dataclass(frozen=True, slots=True)
class CameraModels:
    """New models of a camera, and a new motion gate with them, so that the next frame is fully analysed.

    `second_look` is by the new models, too; None: there are no second looks. `device` is where the models run.
    """

    detector: Detector
    classifier: Classifier
    gate: Gate | None
    second_look: SecondLook | None = None
    device: str = "cpu"
