"""What was seen in a frame, and what was decided on it: alerts, and what came of them."""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from maskwatch.core.records.faces import Coverage, Face, Label, Versions
from maskwatch.core.records.images import Box, Frame
from maskwatch.core.records.persons import Passage, Person
from maskwatch.core.records.shadow import ShadowJudgement


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What was seen in one analysed frame. `size` is the frame's width and height in pixels.

    `look` is how much of the frame was analysed. `models` is None where nobody noted them. `near_misses` are boxes
    that may hold a face, yet are none in any count or decision: candidates just under the detector's threshold, and in
    what is queued also faces that a track or a second look suggests. `moved` are the places where the picture moved
    since the frame before, as the motion gate tells them. `persons` are those who are in view, None where nobody is
    followed, as in a single picture. `shadow` is what a candidate said of the frame, where it is queued for that.
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
    shadow: ShadowJudgement | None = None

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
