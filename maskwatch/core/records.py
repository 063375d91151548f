"""The records that pass between the parts. All are immutable; a change is a new record."""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import ImageError
from maskwatch.core.events import EventLogStatus
from maskwatch.core.interval import wilson

Rgb = NDArray[np.uint8]
"""One picture: `(H, W, 3)` uint8, RGB."""

LONGEST_PX = 32_766  # what OpenCV can resample

MAX_PIXELS = 50_000_000
"""Of one picture. 8K has 33 million; to find faces in more takes so long that a service would be taken for dead."""

Polygon = tuple[tuple[float, float], ...]
"""At least three corners x, y as shares (0..1) of the frame's width and height."""


def require_rgb(rgb: Rgb) -> None:
    """Raises `ImageError` when it is anything else: grey, with alpha, of other numbers, empty, or too long.

    A `Frame` asks it once for all that it passes through. Only what takes a bare array from outside asks it, too:
    a detector, a classifier, the drawing.
    """
    if not isinstance(rgb, np.ndarray):
        raise ImageError(f"a picture must be an array, not {type(rgb).__name__}")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"a picture must be (H, W, 3) of uint8, not {rgb.shape} of {rgb.dtype}")
    if not 0 < min(rgb.shape) <= max(rgb.shape) <= LONGEST_PX:
        raise ImageError(
            f"a picture's sides must be 1 to {LONGEST_PX} px, not {rgb.shape[1]} x {rgb.shape[0]}"
        )
    require_size(rgb.shape[1], rgb.shape[0], "a picture")


def require_size(width: int, height: int, name: str) -> None:
    """Raises `ImageError`, naming the picture, when it has more than `MAX_PIXELS`; to be asked before it is decoded."""
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: has more than {MAX_PIXELS // 1_000_000} million pixels ({width} x {height})"
        )


class Label(StrEnum):
    """What is known of a face. `UNKNOWN`: it cannot be assessed, and counts neither way."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    UNKNOWN = "unknown"


class Box(NamedTuple):
    """A rectangle in pixels of the full frame, from corner 1 (left, top) to corner 2 (right, bottom)."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Pixels."""
        return self.y2 - self.y1

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x and y in pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def moved(self, right: float, down: float) -> "Box":
        """The same box so many pixels further right and down."""
        return Box(self.x1 + right, self.y1 + down, self.x2 + right, self.y2 + down)

    def within(self, width: float, height: float) -> "Box":
        """What of it lies in a frame of that size; a side of 0 when nothing does."""
        x1, x2 = (min(max(x, 0.0), float(width)) for x in (self.x1, self.x2))
        y1, y2 = (min(max(y, 0.0), float(height)) for y in (self.y1, self.y2))
        return Box(x1, y1, x2, y2)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera.

    `source` is what it was read from (a file's name, a redacted address), `seq` counts the frames
    that the source showed, and `at` is seconds: since the start of a clip (presentation time), Unix
    time for a live camera. `arrived_s` is the monotonic time at which the capture thread had it, for measuring.
    `grid` is what `core.selection.scene.grid` made of it, kept as it is asked for more than once. `bookmark` is what its
    source needs to go on from here (`core.ports.SupportsResume`), None where it cannot.
    Raises `ImageError` when `rgb` is no such picture.
    """

    camera: str
    source: str
    seq: int
    at: float
    rgb: Rgb
    arrived_s: float | None = None
    bookmark: object = field(default=None, repr=False)
    grid: NDArray[np.int16] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        require_rgb(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.rgb.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Face:
    """A face that the detector found.

    `score` is the detector's probability (0..1) that it is one; `protected` the classifier's
    probability (0..1) that a mask covers nose and mouth, None where it was not assessed.
    """

    box: Box
    score: float
    protected: float | None = None
    label: Label = Label.UNKNOWN


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one picture: its faces, and what nearly was one; each the best first."""

    faces: tuple[Face, ...]
    near_misses: tuple[Face, ...] = ()


class Coverage(StrEnum):
    """How much of a frame was analysed: all of it, the areas that changed, or nothing, as nothing changed.

    Where nothing changed, faces are copied from the previous frame; with `CARRIED`, all of them.
    """

    FULL = "full"
    PART = "part"
    CARRIED = "carried"


@dataclass(frozen=True, slots=True)
class Versions:
    """The models that judge a camera's frames."""

    detector: str
    classifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in view, followed from frame to frame, and the verdict on her: `label`.

    `track` numbers the people of one camera in one run, from 1; it says nothing of who she is. `protected` is the
    probability (0..1) that she wears a mask, of all that was seen of her so far, None while nothing was. `age_s` is how
    long she has been followed, `face` the place of her face in the report's `faces`, None while it is hidden: then
    `box` is where it is expected, in pixels. `zones` are those of the camera that she stands in; `counted` is False
    where the camera has zones and she stands in none: then she is shown, and not counted.
    """

    track: int
    box: Box
    label: Label = Label.UNKNOWN
    protected: float | None = None
    age_s: float = 0.0
    face: int | None = None
    zones: tuple[str, ...] = ()
    counted: bool = True


class Direction(StrEnum):
    """How somebody passed: over a line towards one of its sides, or just out of view."""

    LEAVING = "leaving"
    ENTERING = "entering"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody crossed a line of the camera or left the view, with the verdict on her at that time.

    `track` is hers (see `Person`), None where something of a person's size moved by and no face was seen. `line` is the
    name of the line, None for who left the view; `zones` are those that she was in, sorted. `at` is on the frames' clock.
    """

    camera: str
    at: float
    track: int | None
    label: Label
    direction: Direction
    line: str | None = None
    zones: tuple[str, ...] = ()


class PassageKind(NamedTuple):
    """What passages are counted by: as in `Passage`."""

    zones: tuple[str, ...]
    line: str | None
    direction: Direction
    label: Label


@dataclass(frozen=True, slots=True)
class PassageCounts:
    """How many passed a camera, by kind: since it is watched, in the last minute and hour, and on this local day.

    All but `total` are by the frames' own clock.
    """

    total: dict[PassageKind, int] = field(default_factory=dict)
    minute: dict[PassageKind, int] = field(default_factory=dict)
    hour: dict[PassageKind, int] = field(default_factory=dict)
    today: dict[PassageKind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What was seen in one analysed frame. `size` is the frame's width and height in pixels.

    `look` is how much of the frame was analysed. `models` is None where nobody noted them. `near_misses` are boxes
    that may hold a face, yet are none in any count or decision: candidates just under the detector's threshold, and in
    what is queued also faces that a track or a second look suggests. `moved` are the places where the picture moved
    since the frame before, as the motion gate tells them. `persons` are those who are in view, None where nobody is
    followed, as in a single picture.
    """

    camera: str
    source: str
    seq: int
    at: float
    size: tuple[int, int]
    faces: tuple[Face, ...]
    look: Coverage = Coverage.FULL
    models: Versions | None = None
    near_misses: tuple[Face, ...] = ()
    moved: tuple[Box, ...] = ()
    persons: tuple[Person, ...] | None = None

    def count(self, label: Label) -> int:
        """How many people that count have this verdict; where nobody is followed, how many faces have this label."""
        judged = self.faces if self.persons is None else self.counted
        return sum(each.label is label for each in judged)

    @property
    def counted(self) -> tuple[Person, ...]:
        """Those in view who count: where the camera has zones, who stands in one."""
        return tuple(person for person in self.persons or () if person.counted)

    @property
    def in_view(self) -> int:
        """How many people that count are there, assessed or not; where nobody is followed, how many faces."""
        return len(self.faces if self.persons is None else self.counted)

    @property
    def people(self) -> int:
        """How many of them could be assessed."""
        return self.count(Label.PROTECTED) + self.count(Label.UNPROTECTED)

    @property
    def protected_ratio(self) -> float | None:
        """Protected / assessed, 0..1, of people; None when nobody can be assessed."""
        return self.count(Label.PROTECTED) / self.people if self.people else None

    @property
    def raw_ratio(self) -> float | None:
        """Protected / assessed, 0..1, of this frame's faces alone; None when none can be assessed."""
        assessed = [face.label for face in self.faces if face.label is not Label.UNKNOWN]
        return assessed.count(Label.PROTECTED) / len(assessed) if assessed else None


class AlertKind(StrEnum):
    """What an alert is about: people without a mask, a camera that gives no frames or sees nothing useful, or how many are there."""

    UNPROTECTED = "unprotected"
    CAMERA_DEAD = "camera_dead"
    CAMERA_VIEW = "camera_view"
    OCCUPANCY = "occupancy"


@dataclass(frozen=True, slots=True)
class Alert:
    """A decision to speak: at `at` (the camera's own clock) `unprotected` of `people` wore no mask.

    Or, of the kind `CAMERA_DEAD`, at the Unix time `at`: the camera has given no frame for long, and `reason`
    tells why, without any password. Of the kind `CAMERA_VIEW`, `reason` is what is wrong with its pictures (a
    `core.view.Fault`). Of the kind `OCCUPANCY`, `people` are all that are there, assessed or not, and
    `protected_ratio` is None where none can be assessed.

    `rule` is the name of the rule that decided, and `tracks` are the people whom it is about (see `Person`). `level` is
    1, or 2 after earlier alerts did not help. A `quiet` one is not to be heard in the room.

    `faces` are those of the frame. What a sink gets has the `frame` itself, clean; `maskwatch.alerts.picture.jpeg`
    makes a file of it for who wants one. It is None where there is none, and everywhere else: an alert that is kept
    is not to keep the frame. `ended_at` is when it was over, None before. `withheld`: nobody is told, so that what people
    do then shows what alerts do.
    """

    camera: str
    at: float
    protected_ratio: float | None
    people: int
    unprotected: int
    say: str
    kind: AlertKind = AlertKind.UNPROTECTED
    reason: str | None = None
    faces: tuple[Face, ...] = ()
    frame: Frame | None = field(default=None, compare=False, repr=False)
    ended_at: float | None = None
    rule: str = ""
    tracks: tuple[int, ...] = ()
    level: int = 1
    quiet: bool = False
    withheld: bool = False

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of camera, rule and time: the same at its end, and in a replay."""
        said = f"{self.camera}\n{self.rule}\n{self.at:.3f}"
        return sha256(said.encode(errors="surrogateescape")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an announcement at `at`, told or withheld: those whom it addressed, by their tracks.

    `put_on` have the verdict protected within the time that it is watched for, `unknown` were not followed so long.
    """

    at: float
    told: bool
    addressed: tuple[int, ...]
    put_on: tuple[int, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A frame, what was seen in it, who passed, and what followed: alerts, at most one a rule, the id of a queued sample.

    `outcomes` are of announcements before, of which all is known since this frame.
    """

    frame: Frame
    report: FrameReport
    alerts: tuple[Alert, ...] = ()
    queued: str | None = None
    passages: tuple[Passage, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def alert(self) -> Alert | None:
        """The first of them."""
        return self.alerts[0] if self.alerts else None


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
    """A figure and its 95 % interval; None where it cannot be told."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


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

    `since_s` and `frame_s` are monotonic times: of the last change of state, and of the last frame. The `_fps` are
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
    where none are kept.
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
