"""What the pipeline asks of the parts that it is given. A part fits by having the methods; nothing is inherited."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from maskwatch.core.events import Event
from maskwatch.core.records import (
    Alert,
    Box,
    CameraStatus,
    Decision,
    Detections,
    Face,
    Frame,
    FrameReport,
    Passage,
    Rgb,
)

Frames = Generator[Frame, None, None]


class Source(Protocol):
    """Where a camera's frames come from. `name` holds no password.

    A live source drops frames that come too fast and is opened again when it ends; the end of any
    other is the end of its camera.
    """

    name: str
    live: bool

    def frames(self) -> Frames:
        """Open, and yield frames until the end; close when the iterator is closed.

        Raises `SourceError` when it cannot be opened or breaks off. Nothing is invented for frames
        that did not come.
        """
        ...

    def expected(self) -> int | None:
        """About how many frames will come, for a progress bar; None when nobody knows."""
        ...


@runtime_checkable
class SupportsResume(Protocol):
    """Optional interface of a source of footage: it can go on from a frame that it gave before, in another process too."""

    def frames_from(self, bookmark: object) -> Frames:
        """As `frames`, from the frame on that had this `Frame.bookmark`; what comes before it may come, too."""
        ...


@runtime_checkable
class SupportsIdle(Protocol):
    """Optional interface of a live source that may bring nothing for hours and be well: a folder that clips are put into."""

    def on_idle(self, tell: Callable[[], None]) -> None:
        """`tell` is to be called every few seconds while it is well and brings nothing, on the thread that reads frames."""
        ...

    def check(self) -> str:
        """What is there, for `maskwatch check`, without waiting for a frame. Raises `SourceError`."""
        ...


class Gate(Protocol):
    """Tells where one camera's picture changed, so that the rest need not be analysed again."""

    def changed(self, frame: Frame, faces: Sequence[Face]) -> tuple[Box, ...] | None:
        """The areas of the frame to analyse, in whole pixels; none where nothing changed; None: everywhere.

        `faces` are those of the previous frame: an area holds each of them whole or not at all. Each call updates
        the reference: returned areas count as inspected.
        """
        ...


@runtime_checkable
class SupportsMoved(Protocol):
    """Optional interface of a gate: it tells what moved, so that movement without a face is noticed."""

    @property
    def moved(self) -> tuple[Box, ...]:
        """Where the last frame that it was asked about moved, in pixels, without any room around it."""
        ...


class Detector(Protocol):
    """Finds faces in frames. `version` identifies its weights."""

    version: str

    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame, not yet classified. Frames may differ in size."""
        ...


@runtime_checkable
class SupportsSelfTest(Protocol):
    """Optional interface of a detector, which the smoke test of new models uses."""

    def self_test(self, rgb: Rgb) -> bool:
        """Whether its networks give finite numbers for a picture of at least 48 x 48 px, found or not."""
        ...


@runtime_checkable
class SupportsNearMisses(Protocol):
    """Optional interface of a detector: it also tells what it nearly took for a face, which people are then asked about."""

    def detect_with_near_misses(self, frames: Sequence[Rgb], share: float) -> list[Detections]:
        """As `detect`, in the same one pass, and with the candidates from `share` (0..1) of its threshold on.

        The faces are those of `detect`. A near miss that overlaps a face, or a better one, is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Track:
    """A face that is followed. `number` counts a tracker's tracks from 1, and `since` is when the first frame with it was.

    `box` is where the face is, in pixels, smoothed over time; where it was not found, where it is expected. `face` is
    its place among the faces of this frame, None when it was not found. `seen_at` is when it, or a near miss in its
    place, was last found. Times are the frames' own, in seconds. A track that is not `confirmed` may be a false
    detection of a moment: nobody is to be counted or shown for it. Once confirmed, it stays so.
    """

    number: int
    box: Box
    since: float
    seen_at: float
    face: int | None
    confirmed: bool = True


class Tracker(Protocol):
    """Follows the faces of one camera from frame to frame."""

    def update(
        self,
        at: float,
        faces: Sequence[Face],
        near_misses: Sequence[Face] = (),
        size: tuple[int, int] | None = None,
    ) -> tuple[Track, ...]:
        """All tracks that live, the oldest first: one for each face, and those whose face is hidden for a while.

        Of several boxes about one face, all but one may be without a track. A near miss may keep a track alive where
        its face is expected, and begins none. A track that is not among them any more is over, and its number is not
        given again. A face that the gate carried on is the same object as in the frame before. `size` is the frame's
        width and height in pixels: whoever is hidden and expected outside of it is over.
        """
        ...

    def reset(self) -> None:
        """The view is another: all tracks are over."""
        ...


class SecondLook(Protocol):
    """A slow and thorough look at a frame, on a thread of its own."""

    def faces(self, rgb: Rgb) -> tuple[Face, ...]:
        """The faces that are there for sure, not classified; may take seconds. Raises `ModelError`."""
        ...


class Classifier(Protocol):
    """Tells masked faces from bare ones. `version` identifies its weights."""

    version: str

    def classify(self, faces: Sequence[tuple[Rgb, Face]]) -> list[float]:
        """For each frame and face in it, the probability (0..1) that a mask covers nose and mouth."""
        ...


class AlertRule(Protocol):
    """Gives alerts, is told how each fared, and tells when one is over."""

    def delivered(self, at: float) -> None:
        """The alert reached people at `at`, on the camera's clock."""
        ...

    def failed(self) -> None:
        """It reached nobody."""
        ...

    def ended(self) -> Alert | None:
        """A delivered alert that is over, with `ended_at`; each is given once, and None when there is none left."""
        ...


class Rule(AlertRule, Protocol):
    """Decides from one camera's frames when to alert. Pure: time is the frames' own.

    `name` is the rule's among those of its camera, and that of its alerts. An alert is in flight until `delivered` or
    `failed` is called, and no other is given meanwhile. Every delivered alert ends at last.
    """

    name: str

    def update(self, report: FrameReport, passages: Sequence[Passage] = ()) -> Alert | None:
        """The alert that is due with this frame, mostly None; to be called with each report of the camera, in order."""
        ...

    def interrupt(self) -> None:
        """The camera gives no frames for now: a delivered alert is over. May be called again and again."""
        ...


class AlertSink(Protocol):
    """A way to tell people. `name` is what counters and the log call it: that of its kind."""

    name: str

    def deliver(self, alert: Alert) -> None:
        """Tell, and return when it was told. Raises `AlertError`; gives up by itself when it takes too long.

        `AlertKept` says that it goes on trying: to the rule it counts as told, and the status shows why it waits.
        """
        ...


@runtime_checkable
class SupportsQuiet(Protocol):
    """Optional interface of an alert sink that is heard in the room: `audible` is True, and quiet alerts pass it by."""

    audible: bool


@runtime_checkable
class SupportsProbe(Protocol):
    """Optional interface of an alert sink: it can find out beforehand whether it could deliver."""

    def probe(self, sentences: Sequence[str]) -> None:
        """Do all that telling these would take, heard by nobody. Raises `AlertError`; gives up as `deliver` does."""
        ...


@runtime_checkable
class SupportsEnded(Protocol):
    """Optional interface of an alert sink: it is told when a delivered alert is over."""

    def ended(self, alert: Alert) -> None:
        """Take the alert back. `alert.ended_at` says when, on the clock of `at`; otherwise as `deliver`."""
        ...


@runtime_checkable
class SupportsStatus(Protocol):
    """Optional interface of an alert sink: it also tells what the cameras see, and not only when there is an alert."""

    def watch(self, rules: Mapping[str, Sequence[str]]) -> None:
        """Told once, before all else: the cameras, and the names of each one's rules. Returns at once."""
        ...

    def on_status(self, cameras: Mapping[str, CameraStatus]) -> None:
        """What these cameras see now; about once a second, on the sink's thread. Never fails: `probe` tells faults."""
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """Optional interface of an alert sink that holds something open: a connection, a thread."""

    def close(self) -> None:
        """Let it go, within a second; no alert comes after it. Any thread may call it, `deliver` may be under way."""
        ...


@runtime_checkable
class SupportsCheck(Protocol):
    """Optional interface of an alert sink, for `maskwatch check`."""

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Whether alerts with these sentences would reach people; tell them for a trial if `aloud`. What was found, or `AlertError`."""
        ...


class SampleStore(Protocol):
    """Keeps frames that are worth a person's look.

    `notice` is what somebody should see to although samples are stored, None when there is nothing.
    """

    @property
    def notice(self) -> str | None:
        """A sentence for the log and the status, or None."""
        ...

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        """Store the clean frame and what was seen; returns the sample's id. Raises `QueueError`."""
        ...

    def tidy(self) -> None:
        """Keep to the limits; to be called now and then. Raises `QueueFull` when there is no room, `QueueError`."""
        ...


class EventLog(Protocol):
    """Takes note of what happened."""

    def record(self, event: Event) -> None:
        """Never waits and never fails: what cannot be kept is counted and reported by the log itself."""
        ...


class AlertPictures(Protocol):
    """Takes pictures of what led to alerts. Neither method waits or fails."""

    def update(self, decision: Decision) -> None:
        """A frame was decided."""
        ...

    def on_alert(self, event_id: str, camera: str, alert: Alert) -> None:
        """Pictures of this alert are wanted under that id; its frame comes just before this call or just after."""
        ...
