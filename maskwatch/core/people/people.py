"""Who is in view of one camera: tracks with a verdict each."""

from dataclasses import replace

from maskwatch.core.people.passages import Passages
from maskwatch.core.people.quality import quality
from maskwatch.core.people.verdict import Verdict
from maskwatch.core.ports import Track, Tracker
from maskwatch.core.records import Face, Frame, FrameReport, Passage, Person

HIDDEN_S = 1.0  # a person whose face is hidden for so long is still in view


class People:
    """Follows the people of one camera and judges each from all that was seen of her.

    A face that the gate carried on is no second look at it, and adds nothing to the verdict.
    """

    def __init__(self, tracker: Tracker, *, protected_at: float, passages: Passages | None = None) -> None:
        self._tracker = tracker
        self._passages = passages or Passages()
        self._protected_at = protected_at
        self._verdicts: dict[int, Verdict] = {}
        self._before: frozenset[Face] = frozenset()

    def update(self, frame: Frame, report: FrameReport) -> tuple[FrameReport, tuple[Passage, ...]]:
        """The report with the people in view, and who passed since the last one; to be called with each, in order."""
        tracks = self._tracker.update(report.at, report.faces, report.near_misses)
        living = {track.number for track in tracks}
        self._verdicts = {number: verdict for number, verdict in self._verdicts.items() if number in living}
        for track in tracks:
            self._look(track, frame, report)
        self._before = frozenset(report.faces)
        persons = tuple(
            self._person(track, report.at)
            for track in tracks
            if track.face is not None or 0 <= report.at - track.seen_at <= HIDDEN_S
        )
        labels = {number: verdict.label for number, verdict in self._verdicts.items()}
        return self._passages.update(replace(report, persons=persons), tracks, labels)

    def _look(self, track: Track, frame: Frame, report: FrameReport) -> None:
        verdict = self._verdicts.setdefault(track.number, Verdict(self._protected_at))
        face = None if track.face is None else report.faces[track.face]
        if face is not None and face.protected is not None and face not in self._before:
            verdict.add(report.at, face.protected, quality(face, frame))

    def _person(self, track: Track, at: float) -> Person:
        verdict = self._verdicts[track.number]
        return Person(
            track.number, track.box, verdict.label, verdict.protected, max(0.0, at - track.since), track.face
        )
