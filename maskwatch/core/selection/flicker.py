"""`flicker`: a face in one analysed frame, and neither in the one before nor in the one after, pixels unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.core.records import Face, Frame, FrameReport
from maskwatch.core.selection.known_faces import KnownFace
from maskwatch.core.selection.scene import Grid, is_missing

FLICKER_S = 8.0  # three analysed frames within this time show a flicker; a still view is fully analysed every few seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Transient:
    """A face that appeared although the picture did not change there; `since` is the time of the frame before."""

    face: Face
    known: KnownFace
    since: float


@dataclass(frozen=True, slots=True, eq=False)
class Flickered:
    """A frame with faces that are in no frame beside it."""

    frame: Frame
    report: FrameReport
    gone: tuple[_Transient, ...]

    def note_queued(self) -> None:
        """Remember its faces, so that they are not queued again."""
        for each in self.gone:
            each.known.queued_predictions.append(each.face)


class Flicker:
    """Keeps the frame before the current one, while it has a face that may flicker."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again, for another view."""
        self._before: tuple[FrameReport, Grid] | None = None
        self._transient: tuple[_Transient, ...] = ()
        self._frame: Frame | None = None

    def found(self, report: FrameReport, now: Grid) -> Flickered | None:
        """The frame before, when a face that only it had is gone and its pixels are unchanged; else None."""
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
        self, frame: Frame, report: FrameReport, now: Grid, known: Sequence[KnownFace], *, queued: bool
    ) -> None:
        """Keep what the next frame is compared with. `known` are the report's faces; a `queued` frame is not queued again."""
        transient: tuple[_Transient, ...] = ()
        if self._before is not None and not queued:
            before, grid = self._before
            transient = tuple(
                _Transient(face, each, before.at)
                for face, each in zip(report.faces, known, strict=True)
                if not each.already_queued(face) and is_missing(face, before, grid, now)
            )
        self._before, self._transient = (report, now), transient
        self._frame = frame if transient else None
