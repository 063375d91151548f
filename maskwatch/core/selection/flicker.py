"""`flicker`: a face in one analysed frame, and neither in the one before nor in the one after, pixels unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.core.records import Face, Frame, FrameReport
from maskwatch.core.selection.known_faces import KnownFace
from maskwatch.core.selection.scene import Grid, is_missing

FLICKER_S = 8.0  # three analysed frames within so long tell a flicker; a still view is fully analysed every few seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Transient:
    """A face that nothing led up to, though the picture did not change there; `since` is when it was not yet seen."""

    face: Face
    track: KnownFace
    since: float


@dataclass(frozen=True, slots=True, eq=False)
class Flickered:
    """A frame with faces that only it had."""

    frame: Frame
    report: FrameReport
    gone: tuple[_Transient, ...]

    def note_queued(self) -> None:
        """Its faces are no news any more."""
        for each in self.gone:
            each.track.queued_predictions.append(each.face)


class Flicker:
    """Remembers the frame before, while it has a face that may flicker."""

    def __init__(self) -> None:
        self._before: tuple[FrameReport, Grid] | None = None
        self._transient: tuple[_Transient, ...] = ()
        self._frame: Frame | None = None

    def forget(self) -> None:
        """The view is another."""
        self.__init__()  # type: ignore[misc]

    def found(self, report: FrameReport, now: Grid) -> Flickered | None:
        """The previous frame, when a face that only it had is gone again and its pixels are unchanged."""
        if self._before is None or self._frame is None:
            return None
        before, grid = self._before
        gone = tuple(
            each
            for each in self._transient
            if 0 <= report.at - each.since <= FLICKER_S and is_missing(each.face, report, grid, now)
        )
        return Flickered(self._frame, before, gone) if gone else None

    def remember(
        self, frame: Frame, report: FrameReport, now: Grid, tracks: Sequence[KnownFace], *, queued: bool
    ) -> None:
        """Keep what the next frame is compared with; a frame that is `queued` already is not queued again."""
        transient: tuple[_Transient, ...] = ()
        if self._before is not None and not queued:
            before, grid = self._before
            transient = tuple(
                _Transient(face, track, before.at)
                for face, track in zip(report.faces, tracks, strict=True)
                if not track.already_queued(face) and is_missing(face, before, grid, now)
            )
        self._before, self._transient = (report, now), transient
        self._frame = frame if transient else None
