"""What people say of a sample's faces, revision after revision, so that nothing said is ever lost.

A sample's JSON stores the current labels and, once it was labelled, all revisions:

    "labels": {"faces": [{"box": [x1, y1, x2, y2], "label": "protected"}], "by": "kim", "at": …, "revision": 3}
    "history": [{"faces": … or null, "by": …, "at": …, "revision": 1, "restores": null}, …]

Of a labelled sample, a detection without a matching annotation is a confirmed false positive.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face, Label
from maskwatch.datasets.labels import AnnotationLabel

MIN_SIDE_PX = 1.0
LONGEST_NAME = 64
SAME_FACE_IOU = 0.3  # a found face that overlaps every annotation less than this matches none


@dataclass(frozen=True, slots=True)
class Annotation:
    """A face that a person marked; the box in pixels of the frame, to a tenth."""

    box: Box
    label: AnnotationLabel


@dataclass(frozen=True, slots=True)
class Labels:
    """All faces of a frame, as `by` sees them. No face is an answer, too."""

    faces: tuple[Annotation, ...]
    by: str
    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a sample's history: its faces then, None for unlabelled.

    `restores` is the earlier revision that an undo went back to, 0 for the time before any label.
    """

    faces: tuple[Annotation, ...] | None
    by: str
    at: datetime
    revision: int
    restores: int | None = None


History = tuple[Revision, ...]
"""Oldest first; revisions count from 1."""


def revision_of(history: History) -> int:
    """The newest revision; 0 where nobody ever looked."""
    return history[-1].revision if history else 0


def current(history: History) -> Labels | None:
    """The labels after all revisions; None: unlabelled."""
    if not history or history[-1].faces is None:
        return None
    last = history[-1]
    assert last.faces is not None
    return Labels(last.faces, last.by, last.at, last.revision)


def with_revision(history: History, faces: Sequence[Annotation] | None, by: str, at: datetime) -> History:
    """The history with one more revision: new labels, or None, which makes the sample unlabelled again."""
    annotations = None if faces is None else tuple(faces)
    return (*history, Revision(annotations, by, at, revision_of(history) + 1))


def with_undo(history: History, by: str, at: datetime) -> History | None:
    """The history with one more revision that undoes the last one not undone yet; None when there is none.

    An undo is a revision itself, so asking again goes a further step back, and nothing is forgotten.
    """
    by_revision = {each.revision: each for each in history}

    def origin(revision: int) -> int:
        """The revision that first gave the labels of a revision."""
        each = by_revision.get(revision)
        return 0 if each is None else revision if each.restores is None else each.restores

    here = origin(revision_of(history))
    if here == 0:
        return None
    goal = origin(here - 1)
    faces = by_revision[goal].faces if goal else None
    return (*history, Revision(faces, by, at, revision_of(history) + 1, restores=goal))


def require_unchanged(sample_id: str, history: History, based_on: int | None) -> None:
    """Raises `LabelConflict` when the newest revision is not `based_on`, the one that somebody has seen.

    None overwrites whatever there is.
    """
    if based_on is None or based_on == revision_of(history):
        return
    by = f" by {history[-1].by} at {history[-1].at:%Y-%m-%d %H:%M:%S} UTC" if history else ""
    raise LabelConflict(
        f"queue: {sample_id}: was changed meanwhile{by} (revision {revision_of(history)}, yours is {based_on})"
    )


def validated_annotations(annotations: Iterable[Annotation], size: tuple[int, int]) -> tuple[Annotation, ...]:
    """The marks to a tenth of a pixel, cut at the frame's edges (`size`: width and height in pixels).

    Raises `QueueError` for a box that is none, or of which too little lies in the frame.
    """
    result = []
    for number, annotation in enumerate(annotations, 1):
        if not all(map(math.isfinite, annotation.box)):
            raise QueueError(f"queue: face {number}: the box must be four numbers")
        width, height = size
        box = Box(*(round(v, 1) for v in annotation.box.within(width, height)))
        if min(box.width, box.height) < MIN_SIDE_PX:
            raise QueueError(
                f"queue: face {number}: the box has no size in the frame of {width} x {height} px"
            )
        result.append(Annotation(box, annotation.label))
    return tuple(result)


def checked_name(by: str) -> str:
    """Who labels. Raises `QueueError` for a name that is none."""
    name = by.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise QueueError(f"queue: who labels must have a name of at most {LONGEST_NAME} letters")
    return name


def accepted(faces: Iterable[Face]) -> tuple[Annotation, ...]:
    """What the models said, as a person's marks; a face that was not judged is unknown."""
    words = {Label.PROTECTED: AnnotationLabel.PROTECTED, Label.UNPROTECTED: AnnotationLabel.UNPROTECTED}
    return tuple(Annotation(face.box, words.get(face.label, AnnotationLabel.UNKNOWN)) for face in faces)


def rejected(faces: Iterable[Face], annotations: Sequence[Annotation]) -> tuple[Face, ...]:
    """The detections without a matching annotation: confirmed false positives."""
    return tuple(
        f for f in faces if all(iou(f.box, annotation.box) < SAME_FACE_IOU for annotation in annotations)
    )


def annotations_to_json(annotations: Iterable[Annotation]) -> list[dict[str, object]]:
    """Annotations as a record writes them: boxes x1, y1, x2, y2 to a tenth of a pixel, labels as words."""
    return [
        {"box": [round(v, 1) for v in annotation.box], "label": annotation.label.value}
        for annotation in annotations
    ]


def labels_to_json(labels: Labels) -> dict[str, object]:
    """The current labels as a record writes them; the time is ISO 8601 in UTC, to a millisecond."""
    return {
        "faces": annotations_to_json(labels.faces),
        "by": labels.by,
        "at": moment_to_json(labels.at),
        "revision": labels.revision,
    }


def history_to_json(history: History) -> list[dict[str, object]]:
    """All revisions as a record writes them, oldest first; `faces` is null where labels were taken away."""
    return [
        {
            "faces": None if each.faces is None else annotations_to_json(each.faces),
            "by": each.by,
            "at": moment_to_json(each.at),
            "revision": each.revision,
            "restores": each.restores,
        }
        for each in history
    ]


def history_from_json(labels: Any, history: Any) -> History:
    """The revisions of a record. Labels that came from elsewhere, and are in no history, are one more revision.

    Raises `ValueError`, `KeyError` or `TypeError` for what is none.
    """
    known = tuple(_revision_from_json(each) for each in history or ())
    told = None if labels is None else _revision_from_json(labels)
    before = current(known)
    if (before and before.faces) == (told and told.faces):
        return known
    if told is None:
        told = replace(known[-1], faces=None, restores=None)
    return (*known, replace(told, revision=max(told.revision, revision_of(known) + 1)))


def annotations_from_json(faces: Any) -> tuple[Annotation, ...]:
    """Raises `ValueError`, `KeyError` or `TypeError` for what is none."""
    return tuple(Annotation(Box(*map(float, face["box"])), AnnotationLabel(face["label"])) for face in faces)


def _revision_from_json(data: Any) -> Revision:
    faces = None if data["faces"] is None else annotations_from_json(data["faces"])
    at = moment_from_json(data.get("at", "1970-01-01"))
    return Revision(faces, str(data.get("by", "")), at, int(data.get("revision", 1)), data.get("restores"))


def moment_from_json(text: str) -> datetime:
    """A time of a record, in UTC where it does not say otherwise. Raises `ValueError`, `TypeError`."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or UTC)


def moment_to_json(at: datetime) -> str:
    """ISO 8601 in UTC, to a millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
