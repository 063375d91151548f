"""The last seconds of one camera as small JPEGs, and a clip of an alert while it is being gathered."""

from collections import deque
from dataclasses import dataclass, field

from maskwatch.core.records import Face


@dataclass(frozen=True, slots=True)
class Shot:
    """A small picture at `at`, on the camera's clock, with its faces in pixels of it; `drawn_at` is when the picture was made.

    Where nothing moved, several have one `jpeg`.
    """

    at: float
    jpeg: bytes
    faces: tuple[Face, ...]
    drawn_at: float


class Ring:
    """Keeps the shots of the last `seconds` by the camera's own clock; when that jumps back, it begins anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._shots: deque[Shot] = deque()

    @property
    def last(self) -> Shot | None:
        """The newest."""
        return self._shots[-1] if self._shots else None

    def add(self, shot: Shot) -> None:
        """Take it in, and let go of those that are too old."""
        if self._shots and shot.at < self._shots[-1].at:
            self._shots.clear()
        self._shots.append(shot)
        while shot.at - self._shots[0].at > self._seconds:
            self._shots.popleft()

    def between(self, since: float, until: float) -> list[Shot]:
        """Those from `since` to `until`, both included, in order."""
        return [shot for shot in self._shots if since <= shot.at <= until]


@dataclass(slots=True)
class Recording:
    """The clip of the event `event_id`, an alert of `camera` at `alert_at`: shots from before it, then each new one until `until`.

    By the monotonic time `deadline_s` it is over, whatever came. `has_still`: whether its still is written.
    """

    event_id: str
    camera: str
    alert_at: float
    until: float
    deadline_s: float
    shots: list[Shot] = field(default_factory=list)
    has_still: bool = False
    is_over: bool = False

    def add(self, shot: Shot) -> None:
        """Take a new one in; one that is too late, or before the last, ends it."""
        if shot.at > self.until or (self.shots and shot.at < self.shots[-1].at):
            self.is_over = True
        elif not self.shots or shot.at > self.shots[-1].at:
            self.shots.append(shot)
