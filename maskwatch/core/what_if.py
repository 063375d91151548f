"""Recorded reports once more, as they would have been by other bounds: what people try before they save it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from maskwatch.core.geometry import in_any
from maskwatch.core.people import People
from maskwatch.core.ports import Rule
from maskwatch.core.records import Alert, Face, FrameReport, Label, Polygon


@dataclass(frozen=True, slots=True)
class Bounds:
    """By what a camera's faces are found and judged.

    `protected_at` is the probability (0..1) from which on a face counts as protected. A face needs the detector's score
    `found_at` (0..1), None for whatever the detector found; a longer side of `min_face_px`; and its centre outside of the
    `ignore` polygons.
    """

    protected_at: float
    found_at: float | None = None
    min_face_px: float = 0.0
    ignore: tuple[Polygon, ...] = ()


def judged(report: FrameReport, bounds: Bounds, recorded_at: float | None = None) -> FrameReport:
    """A report with the faces and labels that `bounds` give.

    `recorded_at` is the score from which on a face was one when it was recorded. Under it, near misses become faces, yet
    nobody has judged them: they stay unknown. What was not even a near miss, was smaller than looked for, or was ignored,
    is in no report, and does not appear.
    """
    found_at = bounds.found_at
    candidates = list(report.faces)
    if found_at is not None and recorded_at is not None and found_at < recorded_at:
        candidates += [face for face in report.near_misses if found_at <= face.score < recorded_at]
    faces = [
        _labelled(face, bounds.protected_at)
        for face in candidates
        if (found_at is None or face.score >= found_at)
        and max(face.box.width, face.box.height) >= bounds.min_face_px
        and not in_any(bounds.ignore, face.box, report.size)
    ]
    boxes = {face.box for face in faces}
    weak = [face for face in (*report.faces, *report.near_misses) if face.box not in boxes]
    missed = tuple(face for face in weak if not in_any(bounds.ignore, face.box, report.size))
    return replace(report, faces=tuple(faces), near_misses=missed)


def _labelled(face: Face, protected_at: float) -> Face:
    if face.protected is None:
        return face
    label = Label.PROTECTED if face.protected >= protected_at else Label.UNPROTECTED
    return replace(face, label=label)


@dataclass(frozen=True, slots=True)
class Moment:
    """The protected ratio (0..1) at a time, None when nobody could be assessed; `people` are those who could."""

    at: float
    ratio: float | None
    people: int


@dataclass(frozen=True, slots=True)
class Course:
    """What would have happened: the ratio from frame to frame, and the alerts, each with its end where it had one."""

    moments: tuple[Moment, ...] = ()
    alerts: tuple[Alert, ...] = ()


class WhatIf:
    """Goes through one camera's reports in order. `people` and `rules` are its own, made with what is tried.

    Each alert counts as told at once. Nobody's verdict from before the first report is known.
    """

    def __init__(
        self, people: People, rules: Sequence[Rule], bounds: Bounds, recorded_at: float | None = None
    ) -> None:
        self._people = people
        self._rules = rules
        self._bounds = bounds
        self._recorded_at = recorded_at
        self._before: dict[Face, Face] = {}
        self._moments: list[Moment] = []
        self._alerts: dict[str, Alert] = {}

    def update(self, report: FrameReport) -> FrameReport:
        """The report as it would have been, with the people in view."""
        tried = self._carried_on(judged(report, self._bounds, self._recorded_at))
        tried, passages = self._people.update(None, tried)
        self._moments.append(Moment(tried.at, tried.protected_ratio, tried.people))
        for rule in self._rules:
            alert = rule.update(tried, passages)
            if alert is not None:
                self._alerts[alert.id] = alert
                rule.delivered(alert.at)
            while (over := rule.ended()) is not None:
                self._alerts[over.id] = over
        return tried

    def run(self, reports: Iterable[FrameReport]) -> Course:
        """`course` after all of these."""
        for report in reports:
            self.update(report)
        return self.course

    @property
    def course(self) -> Course:
        """What happened so far."""
        return Course(tuple(self._moments), tuple(self._alerts.values()))

    def _carried_on(self, report: FrameReport) -> FrameReport:
        """A face that the gate carried on is the same object as in the frame before, which a record on its way forgets."""
        same = [
            tuple(self._before.get(face, face) for face in faces)
            for faces in (report.faces, report.near_misses)
        ]
        self._before = {face: face for faces in same for face in faces}
        return replace(report, faces=same[0], near_misses=same[1])
