"""Who is in view of one camera: tracks with a verdict each."""

from dataclasses import replace

from maskwatch.core.people.forward import ForwardTime
from maskwatch.core.people.passages import Passages
from maskwatch.core.people.quality import quality
from maskwatch.core.people.verdict import Verdict
from maskwatch.core.ports import Track, Tracker
from maskwatch.core.records import Coverage, Face, Frame, FrameReport, Passage, Person
from maskwatch.core.selection.scene import Grid, grid, is_another_view

HIDDEN_S = 1.0  # a person whose face is hidden for no longer is still in view
SELDOM_S = 0.5  # between frames: with so few of them, one is enough for a person


class People:
    """Follows the people of one camera and judges each by everything that was seen of her.

    A face that the gate carried on is not looked at again, and adds nothing to the verdict. A face in one frame only may be a
    false one: it becomes a person when the tracker confirms it and another frame has it, too. When the camera turns to
    another place, all tracks end. Times are the frames' own; where they jump back, `ForwardTime` goes on.
    """

    def __init__(self, tracker: Tracker, *, protected_at: float, passages: Passages | None = None) -> None:
        self._tracker = tracker
        self._passages = passages or Passages()
        self._protected_at = protected_at
        self._time = ForwardTime()
        self._verdicts: dict[int, Verdict] = {}
        self._persons: set[int] = set()  # the tracks that are
        self._before: frozenset[Face] = frozenset()
        self._view: Grid | None = None

    def update(self, frame: Frame | None, report: FrameReport) -> tuple[FrameReport, tuple[Passage, ...]]:
        """The report with the people in view, and who passed since the last one; to be called with each report, in order.

        Without the `frame` it is not noticed when the camera turns to another place.
        """
        at = self._time.advance(report.at)
        if frame is not None:
            self._look_at_the_view(frame, report)
        tracks = self._tracker.update(at, report.faces, report.near_misses, report.size)
        living = {track.number for track in tracks}
        self._verdicts = {number: verdict for number, verdict in self._verdicts.items() if number in living}
        self._persons = {track.number for track in tracks if self._is_person(track)}
        for track in tracks:
            self._judge(track, at, report)
        self._before = frozenset(report.faces)
        persons = tuple(
            self._person(track, at)
            for track in tracks
            if track.number in self._persons and (track.face is not None or at - track.seen_at <= HIDDEN_S)
        )
        labels = {number: verdict.label for number, verdict in self._verdicts.items()}
        by_the_frames = [_moved(track, report.at - at) for track in tracks]
        return self._passages.update(replace(report, persons=persons), by_the_frames, labels)

    def _is_person(self, track: Track) -> bool:
        """Whether a track is a person; once it is, it stays one."""
        seen_again = track.confirmed and track.seen_at > track.since
        return seen_again or track.number in self._persons or self._time.step_s >= SELDOM_S

    def _look_at_the_view(self, frame: Frame, report: FrameReport) -> None:
        """End all tracks when the camera looks at another place; the gate then reports a change, too."""
        if report.look is Coverage.CARRIED:
            return
        now = grid(frame)
        if self._view is not None and is_another_view(self._view, now):
            self._tracker.reset()
        self._view = now

    def _judge(self, track: Track, at: float, report: FrameReport) -> None:
        verdict = self._verdicts.setdefault(track.number, Verdict(self._protected_at))
        face = None if track.face is None else report.faces[track.face]
        if face is None or face.protected is None:
            return
        if report.look is Coverage.FULL or face not in self._before:  # else the gate carried it on
            verdict.add(at, face.protected, quality(face))

    def _person(self, track: Track, at: float) -> Person:
        verdict = self._verdicts[track.number]
        return Person(track.number, track.box, verdict.label, verdict.protected, at - track.since, track.face)


def _moved(track: Track, seconds: float) -> Track:
    """The same track, with its times moved by so many seconds."""
    return replace(track, since=track.since + seconds, seen_at=track.seen_at + seconds) if seconds else track
