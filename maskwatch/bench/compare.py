"""Face detectors side by side on one's own footage and labelled pictures: time, faces, and what each misses."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import cv2
import numpy as np

from maskwatch.core.geometry import clip_faces, iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Estimate, Face, Rgb
from maskwatch.core.text import pluralize
from maskwatch.datasets.faces import FOUND_IOU
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.evaluation.bootstrap import estimates
from maskwatch.evaluation.detection import Searched, boxes, tally
from maskwatch.evaluation.document import ContactSheet, Image, Report, Section, Table
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.reports.figures import INTERVALS, between, number, words
from maskwatch.evaluation.sheets import BLUE, ORANGE, jpeg

PICTURES = 8  # shown, of each detector
PICTURE_PX = 480  # their longer side
OTHERS = 2  # so many other detectors that agree make a face that one misses

TOLD = (
    "Milliseconds are medians over the pictures, each of which every detector gets in turn, in one process. "
    "Each looks by its own threshold."
)
AGREED = (
    "Without labels nobody knows the truth. Alone: faces that no other detector has at that place (IoU 0.4). "
    f"Missed: places where {OTHERS} others agree on a face that it does not have."
)
SHOWN = "Blue: at least one other detector has a face there. Orange: it is alone with it."


@dataclass(frozen=True, slots=True)
class Picture:
    """One to look at, `(H, W, 3)` uint8 RGB; `labelled` is None where nobody has labelled it."""

    name: str
    rgb: Rgb
    labelled: LabelledImage | None = None


@dataclass(slots=True)
class Record:
    """What came of one detector; a `searched` entry for each labelled picture, a time for each picture."""

    version: str
    seconds: list[float] = field(default_factory=list)
    faces: int = 0
    alone: int = 0
    missed: int = 0
    searched: list[Searched] = field(default_factory=list)
    tiles: list[Image] = field(default_factory=list)

    @property
    def frame_ms(self) -> float:
        """The median over the pictures."""
        return 1000 * median(self.seconds)


def compare(
    detectors: Mapping[str, Detector], pictures: Iterable[Picture], *, about: str, shown_every: int = 1
) -> Report:
    """Ask every detector for the faces of every picture, in turns, and tell what came of it.

    No picture is kept but, small, the first `PICTURES` of every `shown_every`. Each detector is warmed up on the first
    picture. `about` says what was looked at.
    """
    records = {name: Record(detector.version) for name, detector in detectors.items()}
    count = 0
    for count, picture in enumerate(pictures, start=1):
        if count == 1:
            for detector in detectors.values():
                detector.detect([picture.rgb])
        found = {name: _timed(each, picture.rgb, records[name]) for name, each in detectors.items()}
        _note(records, found, picture, shown=(count - 1) % shown_every == 0)
    return _report(records, about, count)


def _timed(detector: Detector, rgb: Rgb, record: Record) -> list[Face]:
    started = time.perf_counter()
    (faces,) = detector.detect([rgb])
    record.seconds.append(time.perf_counter() - started)
    height, width = rgb.shape[:2]
    return clip_faces(faces, width, height)


def _note(
    records: Mapping[str, Record], found: Mapping[str, Sequence[Face]], picture: Picture, *, shown: bool
) -> None:
    for name, record in records.items():
        own = found[name]
        others = [faces for other, faces in found.items() if other != name]
        shared = [any(_has(faces, face.box) for faces in others) for face in own]
        record.faces += len(own)
        record.alone += shared.count(False)
        record.missed += len(list(_missed(own, others)))
        if picture.labelled is not None:
            truths, unclear = boxes(picture.labelled), picture.labelled.unclear
            record.searched.append(Searched(picture.labelled, match(own, truths, unclear)))
        if shown and len(record.tiles) < PICTURES:
            record.tiles.append(_tile(picture, name, own, shared))


def _has(faces: Iterable[Face], box: Box) -> bool:
    return any(iou(face.box, box) >= FOUND_IOU for face in faces)


def _missed(own: Sequence[Face], others: Sequence[Sequence[Face]]) -> Iterator[Box]:
    """Places where enough of the others have a face and this one has none, each once."""
    told: list[Box] = []
    for faces in others:
        for face in faces:
            if _has(own, face.box) or any(iou(face.box, box) >= FOUND_IOU for box in told):
                continue
            if sum(_has(each, face.box) for each in others) >= OTHERS:
                told.append(face.box)
                yield face.box


def _tile(picture: Picture, name: str, faces: Sequence[Face], shared: Sequence[bool]) -> Image:
    scale = min(1.0, PICTURE_PX / max(picture.rgb.shape[:2]))
    size = max(1, round(picture.rgb.shape[1] * scale)), max(1, round(picture.rgb.shape[0] * scale))
    small = np.asarray(cv2.resize(picture.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    for face, known in zip(faces, shared, strict=True):
        x1, y1, x2, y2 = (round(v * scale) for v in face.box)
        cv2.rectangle(small, (x1, y1), (x2, y2), BLUE if known else ORANGE, 2)
    return jpeg(small, f"{name}: {pluralize(len(faces), 'face')}; {picture.name}")


def _report(records: Mapping[str, Record], about: str, count: int) -> Report:
    first, *_ = records.values()
    quickest = min(each.frame_ms for each in records.values())
    speed = Table(
        "Time and faces",
        ("detector", "ms a picture", "times the quickest", "faces", "a picture", "alone", "missed"),
        tuple(
            (name, f"{each.frame_ms:.1f}", f"{each.frame_ms / quickest:.1f}", str(each.faces),
             f"{each.faces / count:.2f}", str(each.alone), str(each.missed) if len(records) > OTHERS else "-")
            for name, each in records.items()
        ),
        AGREED,
    )  # fmt: skip
    sections = [Section("Figures", (speed,))]
    figures: dict[str, dict[str, Estimate]] = {}
    if first.searched:
        figures = {name: estimates(tally(tuple(each.searched), 0.0)) for name, each in records.items()}
        sections.append(Section("Against the labels", _accuracy(figures)))
    sheets = (
        ContactSheet(row, "There is none.", wide=True)
        for row in zip(*(each.tiles for each in records.values()), strict=True)
    )
    sections.append(Section("Pictures", (SHOWN, *sheets)))
    versions = "; ".join(f"{name}: {each.version}" for name, each in records.items())
    facts = {
        "about": about,
        "pictures": count,
        "detectors": {
            name: {
                "version": each.version,
                "frame_ms": each.frame_ms,
                "faces": each.faces,
                "alone": each.alone,
                "missed": each.missed,
                "figures": {key: value.as_dict() for key, value in figures.get(name, {}).items()},
            }
            for name, each in records.items()
        },
    }
    lead = (f"{about}: {pluralize(count, 'picture')}. {TOLD}", f"{versions}.")
    return Report("Face detectors side by side", lead, None, tuple(sections), facts)


def _accuracy(figures: Mapping[str, Mapping[str, Estimate]]) -> tuple[Table, Table]:
    """The figures, and their intervals."""
    wanted = {
        "recall": "recall",
        **{f"recall, {words(label)}": f"recall, {label}" for label in FaceLabel},
        "precision": "precision",
        "F1": "F1",
    }
    shown = {title: name for title, name in wanted.items() if any(name in each for each in figures.values())}

    def table(title: str, cell: Callable[[Estimate], str], note: str) -> Table:
        rows = (
            (detector, *("-" if name not in own else cell(own[name]) for name in shown.values()))
            for detector, own in figures.items()
        )
        return Table(title, ("detector", *shown), tuple(rows), note)

    return (
        table("Against the labels, each by its own threshold", lambda each: number(each.value), ""),
        table("Their 95 % intervals", between, INTERVALS),
    )
