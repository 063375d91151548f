"""How a running service and its cameras are."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from maskwatch.core.events import EventLogStatus
from maskwatch.core.interval import wilson
from maskwatch.core.records.decisions import Alert
from maskwatch.core.records.faces import Label
from maskwatch.core.records.persons import PassageCounts
from maskwatch.core.records.shadow import ShadowStatus


class CameraState(StrEnum):
    """`CONNECTING` before the first frame, `DOWN` while it is tried again, `ENDED` when footage is over."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    ENDED = "ended"


class ModelKind(StrEnum):
    """The models that are asked at each frame."""

    DETECTOR = "detector"
    CLASSIFIER = "classifier"


LATENCIES_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The upper bounds by which latencies are counted."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From a frame's arrival to the decision: counts within each of `LATENCIES_S` and above, their sum, the mean lately."""

    counts: tuple[int, ...] = (0,) * (len(LATENCIES_S) + 1)
    sum_s: float = 0.0
    lately_s: float | None = None


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many people were in view within some time, each counted once, by the last verdict on her."""

    protected: int = 0
    unprotected: int = 0
    unknown: int = 0

    @property
    def protected_ratio(self) -> float | None:
        """Protected / assessed, 0..1; None when nobody was assessed."""
        assessed = self.protected + self.unprotected
        return self.protected / assessed if assessed else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the ratio, 95 %."""
        return wilson(self.protected, self.protected + self.unprotected)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None where there is too little to tell."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """For JSON: the fields by their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Announcements:
    """So many announcements, the people whom they addressed, who of these put a mask on, and of whom it is unknown.

    `share` is `put_on / addressed` (0..1): somebody of whom it is unknown was not seen with one.
    """

    announcements: int = 0
    addressed: int = 0
    put_on: int = 0
    unknown: int = 0
    share: Estimate = Estimate()


@dataclass(frozen=True, slots=True)
class EffectFigures:
    """What came of announcements that were told, of those that were withheld, and told less withheld (-1..1)."""

    told: Announcements = Announcements()
    withheld: Announcements = Announcements()
    difference: Estimate = Estimate()


@dataclass(frozen=True, slots=True)
class EffectStatus:
    """Of one camera, on this UTC day and since the start; each announcement is watched for `effect_s`."""

    effect_s: float
    today: EffectFigures = EffectFigures()
    total: EffectFigures = EffectFigures()


@dataclass(frozen=True, slots=True)
class StandingAlert:
    """An alert from its decision until it is over or reached nobody; one that is withheld does not stand.

    `since_s` is the monotonic time since which its rule has had one that stands: a repeated one goes on with the first's.
    `decided_s` is that of its own decision, of which its people and its ratio are.
    """

    alert: Alert
    since_s: float
    decided_s: float


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera as the status board shows it; `reason` is why it is down, without any password, `view` why it sees nothing useful.

    `since_s`, `frame_s` and `idle_s` are monotonic times: of the last change of state, of the last frame, and when one that
    may bring none for hours last said that it is well. The `_fps` are
    over the last seconds. `faces` counts each face in each analysed frame, `passages` each person who passed, `hour` the
    people of the last hour. `people` could be assessed in the last frame, `in_view` are all who count there. `standing`
    has one alert a rule at most.
    """

    state: CameraState = CameraState.CONNECTING
    reason: str | None = None
    captured: int = 0
    dropped: int = 0
    analysed: int = 0
    people: int = 0
    protected_ratio: float | None = None
    reconnects: int = 0
    since_s: float = 0.0
    frame_s: float | None = None
    idle_s: float | None = None
    captured_fps: float = 0.0
    dropped_fps: float = 0.0
    analysed_fps: float = 0.0
    faces: dict[Label, int] = field(default_factory=dict)
    latency: Latency = Latency()
    hour: PeopleCount = PeopleCount()
    passages: PassageCounts = field(default_factory=PassageCounts)
    effect: EffectStatus | None = None
    view: str | None = None
    in_view: int = 0
    standing: tuple[StandingAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """A way to tell people, and the cameras whose alerts it delivers.

    `problem` is why it cannot deliver, without any password, None while nothing is known against it;
    `since_s` is the monotonic time since which that is so.
    """

    name: str
    cameras: tuple[str, ...]
    problem: str | None = None
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Status:
    """The whole service at one moment, `now_s`. All times are monotonic; `engine_beat` is the engine's last round's.

    `inference_s` is how long each model lately took for one input, None when it was not asked.
    `store_problem` is why no samples are stored, None while they are.
    `models` is the serving version; `notices` are what somebody should see to, by what they are about. `events` is None
    where none are kept, `shadow` where no version is in the shadow.
    """

    cameras: dict[str, CameraStatus]
    alerts: dict[tuple[str, str], int] = field(default_factory=dict)
    queued: int = 0
    not_queued: int = 0
    engine_beat: float = 0.0
    now_s: float = 0.0
    started_s: float = 0.0
    inference_s: dict[ModelKind, float | None] = field(default_factory=dict)
    store_problem: str | None = None
    models: str = ""
    notices: dict[str, str] = field(default_factory=dict)
    sinks: tuple[SinkStatus, ...] = ()
    events: EventLogStatus | None = None
    shadow: ShadowStatus | None = None
