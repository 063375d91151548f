"""The interfaces of the pipeline's parts. They are protocols: a part only needs the methods, and inherits nothing."""

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

    A live source's frames are dropped when they come too fast, and it is opened again when it ends; the end of any
    other is the end of its camera.
    """

    name: str
    live: bool

    def frames(self) -> Frames:
        """Open, and yield frames until the end; close when the iterator is closed.

        Raises `SourceError` when it cannot be opened or breaks off. Frames that did not come
        are not replaced by others.
        """
        ...

    def expected(self) -> int | None:
        """About how many frames will come, for a progress bar; None when unknown."""
        ...


@runtime_checkable
class SupportsResume(Protocol):
    """Optional interface of a source of footage: it can continue from a frame that it gave before, also in another process."""

    def frames_from(self, bookmark: object) -> Frames:
        """As `frames`, from the frame with this `Frame.bookmark` on; earlier frames may come before it."""
        ...


@runtime_checkable
class SupportsIdle(Protocol):
    """Optional interface of a live source that may give no frames for hours without a fault: a folder that clips are put into."""

    def on_idle(self, tell: Callable[[], None]) -> None:
        """Have `tell` called every few seconds while no frame comes without a fault, on the thread that reads frames."""
        ...

    def check(self) -> str:
        """What is found at the source, as text for `maskwatch check`, without waiting for a frame. Raises `SourceError`."""
        ...


class Gate(Protocol):
    """Motion gate: reports where one camera's picture changed, so that the rest need not be analysed again."""

    def changed(self, frame: Frame, faces: Sequence[Face]) -> tuple[Box, ...] | None:
        """The areas of the frame to analyse, in whole pixels; none where nothing changed; None: everywhere.

        `faces` are those of the previous frame: an area holds each of them whole or not at all. Each call updates
        the reference: returned areas count as inspected.
        """
        ...


@runtime_checkable
class SupportsMoved(Protocol):
    """Optional interface of a gate: it reports what moved, so that movement without a face is noticed."""

    @property
    def moved(self) -> tuple[Box, ...]:
        """The boxes, in pixels, of what moved in the last frame, without any margin."""
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
        """Whether its networks give finite numbers for a picture of at least 48 x 48 px, with or without faces."""
        ...


@runtime_checkable
class SupportsNearMisses(Protocol):
    """Optional interface of a detector: it also returns near misses, which people are then asked about."""

    def detect_with_near_misses(self, frames: Sequence[Rgb], share: float) -> list[Detections]:
        """As `detect`, in the same pass, together with the near misses: candidates from `share` (0..1) of its threshold on.

        The faces are those of `detect`. A candidate that overlaps a face, or a better candidate, is left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Track:
    """A tracked face. `number` counts a tracker's tracks from 1, and `since` is the time of the first frame with it.

    `box` is the face's position in pixels, smoothed over time; where it was not found, the expected one. `face` is
    its index among the faces of this frame, None when it was not found. `seen_at` is when it, or a near miss in its
    place, was last found. Times are the frames' own, in seconds. A track that is not `confirmed` may be a false
    detection of a moment, which must not be counted or shown. Once confirmed, it stays so.
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
        """All live tracks, the oldest first: one for each face, and those whose face is hidden for a while.

        Of several boxes about one face, all but one may be without a track. A near miss may keep a track alive where
        its face is expected, and begins none. A track that is not among them any more is over, and its number is not
        given again. A face that the gate carried on is the same object as in the frame before. `size` is the frame's
        width and height in pixels: whoever is hidden and expected outside of it is over.
        """
        ...

    def reset(self) -> None:
        """Start again, for another view: all tracks are over."""
        ...


class SecondLook(Protocol):
    """A slow and thorough look at a frame, on a thread of its own."""

    def faces(self, rgb: Rgb) -> tuple[Face, ...]:
        """The faces that are certain, not classified; may take seconds. Raises `ModelError`."""
        ...


class Classifier(Protocol):
    """Tells masked faces from bare ones. `version` identifies its weights."""

    version: str

    def classify(self, faces: Sequence[tuple[Rgb, Face]]) -> list[float]:
        """For each frame and face in it, the probability (0..1) that a mask covers nose and mouth."""
        ...


class AlertRule(Protocol):
    """What all rules have in common: they give alerts, get the outcome of each, and report when one is over."""

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
    """A way to deliver alerts to people. `name` is its kind's, for counters and the log."""

    name: str

    def deliver(self, alert: Alert) -> None:
        """Deliver the alert, and return when it is delivered. Raises `AlertError`, also after a time limit of the sink's own.

        `AlertKept` says that the sink keeps trying: for the rule the alert counts as delivered, and the status shows the reason.
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
        """Do all that delivering these sentences would need, without being heard. Raises `AlertError`; has a time limit as `deliver`."""
        ...


@runtime_checkable
class SupportsEnded(Protocol):
    """Optional interface of an alert sink: it is notified when a delivered alert is over."""

    def ended(self, alert: Alert) -> None:
        """Take the alert back. `alert.ended_at` says when, on the clock of `at`; otherwise as `deliver`."""
        ...


@runtime_checkable
class SupportsStatus(Protocol):
    """Optional interface of an alert sink: it also gets what the cameras see, not only alerts."""

    def watch(self, rules: Mapping[str, Sequence[str]]) -> None:
        """Called once, before all else, with the cameras and the names of each one's rules. Returns at once."""
        ...

    def on_status(self, cameras: Mapping[str, CameraStatus]) -> None:
        """Called about once a second, on the sink's thread, with the cameras' status. Never fails: `probe` reports faults."""
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """Optional interface of an alert sink that holds something open: a connection, a thread."""

    def close(self) -> None:
        """Release it, within a second; no alert comes afterwards. Any thread may call this, also while `deliver` runs."""
        ...


@runtime_checkable
class SupportsCheck(Protocol):
    """Optional interface of an alert sink, for `maskwatch check`."""

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Check that alerts with these sentences would be delivered; deliver a trial if `aloud`. Returns the finding, or raises `AlertError`."""
        ...


class SampleStore(Protocol):
    """Stores frames for people to label.

    `notice` is a warning about the store that does not keep it from storing, None when there is none.
    """

    @property
    def notice(self) -> str | None:
        """A sentence for the log and the status, or None."""
        ...

    def add(self, frame: Frame, report: FrameReport, reasons: tuple[str, ...]) -> str:
        """Store the clean frame and what was seen; returns the sample's id. Raises `QueueError`."""
        ...

    def tidy(self) -> None:
        """Enforce the limits; to be called now and then. Raises `QueueFull` when there is no room, and `QueueError`."""
        ...


class EventLog(Protocol):
    """Records events."""

    def record(self, event: Event) -> None:
        """Record an event. Never waits and never fails: events that cannot be stored are counted, and reported by the recorder."""
        ...


class AlertPictures(Protocol):
    """Records pictures of what led to alerts. Neither method waits or fails."""

    def update(self, decision: Decision) -> None:
        """Take note of a decided frame."""
        ...

    def on_alert(self, event_id: str, camera: str, alert: Alert) -> None:
        """Pictures of this alert are wanted under that id; its frame comes just before this call or just after."""
        ...
