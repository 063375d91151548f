"""The annotations of a sample's faces and their revisions, of which none is ever lost.

A sample's JSON has the current labels and, once it was labelled, all revisions:

    "labels": {"faces": [{"box": [x1, y1, x2, y2], "label": "protected"}], "by": "kim", "at": …, "revision": 3}
    "history": [{"faces": … or null, "by": …, "at": …, "revision": 1, "restores": null}, …]
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.records import Box, Face, Label
from maskwatch.datasets.labels import AnnotationLabel

MIN_SIDE_PX = 1.0
MAX_NAME = 64
SAME_FACE_IOU = 0.3  # boxes that overlap less are of different faces


@dataclass(frozen=True, slots=True)
class Annotation:
    """A face with its label, as a person gave it; the box in pixels of the frame, to a tenth."""

    box: Box
    label: AnnotationLabel


@dataclass(frozen=True, slots=True)
class Labels:
    """All faces of a frame according to `by`; without faces, the frame is labelled as having none."""

    faces: tuple[Annotation, ...]
    by: str
    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a sample's history: its faces, or None where the labels were removed.

    `restores` is the revision to which an undo went back, 0 for the time before any label; None for a change.
    """

    faces: tuple[Annotation, ...] | None
    by: str
    at: datetime
    revision: int
    restores: int | None = None


History = tuple[Revision, ...]
"""Oldest first; revisions count from 1."""


def revision_of(history: History) -> int:
    """The number of the newest revision; 0 without any."""
    return history[-1].revision if history else 0


def current(history: History) -> Labels | None:
    """The labels after all revisions; None for an unlabelled sample."""
    if not history or history[-1].faces is None:
        return None
    last = history[-1]
    assert last.faces is not None
    return Labels(last.faces, last.by, last.at, last.revision)


def with_revision(history: History, faces: Sequence[Annotation] | None, by: str, at: datetime) -> History:
    """The history with one more revision: new labels, or None, which removes them."""
    annotations = None if faces is None else tuple(faces)
    return (*history, Revision(annotations, by, at, revision_of(history) + 1))


def with_undo(history: History, by: str, at: datetime) -> History | None:
    """The history with one more revision that undoes the last one not undone yet; None when there is none.

    An undo is a revision itself, so another undo goes one step further back.
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
    """Raises `LabelConflict` when the newest revision is not `based_on`, the one that somebody has seen; None is any."""
    if based_on is None or based_on == revision_of(history):
        return
    by = f" by {history[-1].by} at {history[-1].at:%Y-%m-%d %H:%M:%S} UTC" if history else ""
    raise LabelConflict(
        f"queue: {sample_id}: was changed meanwhile{by} (revision {revision_of(history)}, yours is {based_on})"
    )


def validated_annotations(annotations: Iterable[Annotation], size: tuple[int, int]) -> tuple[Annotation, ...]:
    """The annotations to a tenth of a pixel, clipped to the frame (`size`: width and height in pixels).

    Raises `QueueError` for a box that is not finite, or of which less than `MIN_SIDE_PX` is in the frame.
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
    """The name of who labels, stripped. Raises `QueueError` for one that is empty, too long or not printable."""
    name = by.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise QueueError(f"queue: who labels must have a name of at most {MAX_NAME} letters")
    return name


def as_annotations(faces: Iterable[Face]) -> tuple[Annotation, ...]:
    """What the models found, as annotations; a face that was not judged is unknown."""
    words = {Label.PROTECTED: AnnotationLabel.PROTECTED, Label.UNPROTECTED: AnnotationLabel.UNPROTECTED}
    return tuple(Annotation(face.box, words.get(face.label, AnnotationLabel.UNKNOWN)) for face in faces)


def relabelled(
    annotations: Sequence[Annotation], label: AnnotationLabel | None, number: int | None = None
) -> tuple[Annotation, ...]:
    """The annotations with another label, all or that of a number from 1 on; None removes them.

    Raises `IndexError` for a number that is too high.
    """
    if number is not None and number > len(annotations):
        raise IndexError(number)
    changed = range(len(annotations)) if number is None else [number - 1]
    return tuple(
        replace(annotation, label=label) if label is not None and place in changed else annotation
        for place, annotation in enumerate(annotations)
        if label is not None or place not in changed
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
