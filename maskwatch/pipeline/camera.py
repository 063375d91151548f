"""What the pipeline is given for one camera."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
    the probability `protected_at` (0..1) on. A face whose centre lies in an `ignore` polygon is none. `gate` is
    each camera's own, None where all of every frame is to be looked at. Candidates from `near_miss_from` (0..1) of the
    detector's threshold on are reported as near misses; None: they are not asked for.
    """

    name: str
    detector: Detector
    classifier: Classifier
    protected_at: float
    min_face_px: float
    ignore: tuple[Polygon, ...]
    gate: Gate | None = field(default=None, kw_only=True)
    near_miss_from: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class CameraMemory:
    """What is known of a camera from one frame to the next: with it, a replay goes on in another process as if in one piece.

    `platform.saved_state` can keep it; `seen` is what the last frame showed. The parts are those of `Camera`.
    """

    gate: Gate | None
    people: People | None
    rules: tuple[Rule, ...]
    selection: Selection | None
    effect: Effect | None
    seen: Detections | None


@dataclass(frozen=True, slots=True)
class Camera(AnalysisConfig):
    """One camera from its frames to its alerts. Cameras may share sinks; people, rules and selection are each one's own.

    `rules` have a name each. Their alerts go to the `sinks`, but for those of a rule and level that `sinks_of` names.
    `sentences` is all that its alerts may say. `selection` is None where nothing is to be queued, `offline_rule`
    where nobody is told of a camera without frames, `view_rule` where nobody
    is told of one that sees nothing useful. `second_look` is asked about a few of the frames that the
    selection draws; None: none is. `people` follows those in view; None: nobody is followed, and faces are counted.
    `effect` follows what comes of announcements, and may withhold some. `privacy` is what a sink may have of a frame.
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
        """Whoever may be told of an alert of this camera."""
        return tuple(
            dict.fromkeys([*self.sinks, *(sink for sinks in self.sinks_of.values() for sink in sinks)])
        )

    def sinks_for(self, alert: Alert) -> tuple[AlertSink, ...]:
        """Whoever is to be told of this one."""
        return self.sinks_of.get((alert.rule, alert.level), self.sinks)

    def with_memory(self, memory: CameraMemory) -> "Camera":
        """The same camera, going on where the memory was taken."""
        return replace(
            self,
            gate=memory.gate,
            people=memory.people,
            rules=memory.rules,
            selection=memory.selection,
            effect=memory.effect,
        )

    def with_picture(self, alert: Alert, frame: Frame, report: FrameReport) -> Alert:
        """The alert as sinks get it: with as much of the frame as `privacy` allows."""
        told = replace(alert, frame=shown(frame, report, self.privacy, self.ignore))
        return replace(told, faces=(), tracks=()) if self.privacy is Privacy.AGGREGATE else told


@dataclass(frozen=True, slots=True)
class ShadowModels:
    """A candidate's models for one camera, which are nobody else's; `alert_below` is the protected ratio (0..1) under which people are told."""

    detector: Detector
    classifier: Classifier
    alert_below: float


@dataclass(frozen=True, slots=True)
class CameraModels:
    """New models of a camera, and a new motion gate with them, so that the next frame is fully analysed.

    `second_look` is by the new models, too; None: there is none any more.
    """

    detector: Detector
    classifier: Classifier
    gate: Gate | None
    second_look: SecondLook | None = None
