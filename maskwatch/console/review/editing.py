"""The boxes of one picture while a person edits them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from maskwatch.console.undo import UndoStack
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import SAME_FACE_IOU, Annotation, as_annotations

SMALLEST_PX = 4.0
STEP = 0.05  # of the box's own side, but at least a pixel
NEW_BOX = 0.15  # of the picture's shorter side


@dataclass(frozen=True, slots=True)
class DrawnAnnotation:
    """An annotation on the page. `number` identifies it as long as the page is open; `face` is what the models said.

    `label` is None until a person has chosen one.
    """

    number: int
    box: Box
    label: AnnotationLabel | None
    face: Face | None = None


@dataclass(frozen=True, slots=True)
class _State:
    annotations: tuple[DrawnAnnotation, ...]
    selected: int | None


class Editing:
    """Starts with a person's annotations, or with what the models said; every change can be undone and redone.

    `size` is the picture's width and height in pixels; no box leaves it. `suggested` are boxes that may hold a face:
    none counts as one before somebody takes it.
    """

    def __init__(
        self,
        faces: tuple[Face, ...],
        annotations: tuple[Annotation, ...] | None,
        size: tuple[int, int],
        suggested: tuple[Face, ...] = (),
    ) -> None:
        self._faces = faces
        self._suggested = suggested
        self._size = size
        self._next = 0
        drawn = self._drawn(as_annotations(faces) if annotations is None else annotations)
        self._history = UndoStack(_State(drawn, drawn[0].number if drawn else None))

    @property
    def annotations(self) -> tuple[DrawnAnnotation, ...]:
        """The boxes as they are now, in the order in which they are gone through."""
        return self._history.state.annotations

    @property
    def suggestions(self) -> dict[int, Face]:
        """The suggested boxes on which no annotation lies, each by its place among all suggested ones."""
        return {
            place: face
            for place, face in enumerate(self._suggested)
            if all(iou(face.box, other.box) < SAME_FACE_IOU for other in self.annotations)
        }

    @property
    def selected(self) -> int | None:
        """The number of the selected box; None: no box is."""
        return self._history.state.selected

    @property
    def changed(self) -> bool:
        """Whether a box or a label differs from what the editing started with."""
        return _said(self.annotations) != _said(self._history.start.annotations)

    @property
    def unlabelled(self) -> tuple[int, ...]:
        """The numbers of the boxes that have no label yet."""
        return tuple(mark.number for mark in self.annotations if mark.label is None)

    @property
    def result(self) -> tuple[Annotation, ...]:
        """What the person says of the picture. Raises `ValueError` while a box has no label."""
        if self.unlabelled:
            raise ValueError(f"{len(self.unlabelled)} boxes have no label")
        return tuple(Annotation(mark.box, mark.label) for mark in self.annotations if mark.label is not None)

    def select(self, number: int | None) -> None:
        """Select the box of this number, None for none; an unknown one is ignored. No step for `undo`."""
        if number is None or self._annotation(number) is not None:
            self._history.replace(_State(self.annotations, number))

    def select_next(self, step: int) -> None:
        """The box `step` places further on, round and round."""
        numbers = [annotation.number for annotation in self.annotations]
        if not numbers:
            return
        if self.selected is None:
            place = 0 if step > 0 else -1
        else:
            place = (numbers.index(self.selected) + step) % len(numbers)
        self._history.replace(_State(self.annotations, numbers[place]))

    def label(self, label: AnnotationLabel, number: int | None = None) -> None:
        """Label a box and leave it selected; without a number the selected one, and go on to the next."""
        annotation = self._annotation(self.selected if number is None else number)
        if annotation is None:
            return
        self._replace(annotation.number, replace(annotation, label=label))
        if number is None and annotation.number != self.annotations[-1].number:
            self.select_next(1)

    def remove(self, number: int | None = None) -> None:
        """A box is not a face; without a number the selected one."""
        annotation = self._annotation(self.selected if number is None else number)
        if annotation is None:
            return
        place = self.annotations.index(annotation)
        rest = self.annotations[:place] + self.annotations[place + 1 :]
        self._step(_State(rest, rest[min(place, len(rest) - 1)].number if rest else None))

    def draw(self, box: Box | None = None) -> None:
        """Add a box, in the middle when none is given. It has no label: a person says what it is."""
        if box is None:
            width, height = self._size
            half = max(SMALLEST_PX, NEW_BOX * min(width, height)) / 2
            box = Box(width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        kept = self._inside(box)
        if kept is None:
            return
        annotation = DrawnAnnotation(
            self._number(), kept, None, _same(kept, (*self._faces, *self._suggested))
        )
        self._step(_State((*self.annotations, annotation), annotation.number))

    def take(self, place: int | None = None) -> None:
        """A suggested box is a face, of which a label is still to be said; without a place the first of them."""
        offered = self.suggestions
        face = offered.get(next(iter(offered), -1) if place is None else place)
        if face is not None:
            self.draw(face.box)

    def change(self, number: int, box: Box) -> None:
        """Move or resize a box."""
        annotation, kept = self._annotation(number), self._inside(box)
        if annotation is not None and kept is not None:
            self._replace(number, replace(annotation, box=kept))

    def nudge(self, right: int, down: int, *, resize: bool = False) -> None:
        """Move the selected box by small steps, or its right and lower edges."""
        annotation = self._annotation(self.selected)
        if annotation is None:
            return
        across = right * max(1.0, STEP * annotation.box.width)
        along = down * max(1.0, STEP * annotation.box.height)
        box = annotation.box
        if resize:
            self.change(annotation.number, Box(box.x1, box.y1, box.x2 + across, box.y2 + along))
            return
        width, height = self._size
        across = min(max(across, -box.x1), width - box.x2)
        along = min(max(along, -box.y1), height - box.y2)
        self.change(annotation.number, box.moved(across, along))

    def as_the_models_say(self) -> None:
        """Begin anew from the models' faces."""
        self.say(as_annotations(self._faces))

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        return self._history.undo()

    def redo(self) -> bool:
        """Do again what was taken back last; False when there is none, or another change came since."""
        return self._history.redo()

    def say(self, annotations: Iterable[Annotation]) -> None:
        """Begin anew from what somebody says."""
        drawn = self._drawn(annotations)
        self._step(_State(drawn, drawn[0].number if drawn else None))

    def _drawn(self, annotations: Iterable[Annotation]) -> tuple[DrawnAnnotation, ...]:
        return tuple(
            DrawnAnnotation(self._number(), m.box, m.label, _same(m.box, (*self._faces, *self._suggested)))
            for m in annotations
        )

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _annotation(self, number: int | None) -> DrawnAnnotation | None:
        return next((annotation for annotation in self.annotations if annotation.number == number), None)

    def _replace(self, number: int, annotation: DrawnAnnotation) -> None:
        annotations = tuple(annotation if other.number == number else other for other in self.annotations)
        self._step(_State(annotations, number))

    def _step(self, state: _State) -> None:
        """Only a change of the annotations is a step for `undo`, and not one of the selection."""
        if state.annotations == self.annotations:
            self._history.replace(state)
        else:
            self._history.step(state)

    def _inside(self, box: Box) -> Box | None:
        """The part of a box in the picture, to a tenth of a pixel; None where too little is left."""
        width, height = self._size
        cut = Box(max(0.0, box.x1), max(0.0, box.y1), min(float(width), box.x2), min(float(height), box.y2))
        cut = Box(*(round(v, 1) for v in cut))
        return cut if min(cut.width, cut.height) >= SMALLEST_PX else None


def _said(annotations: Iterable[DrawnAnnotation]) -> list[tuple[Box, AnnotationLabel | None]]:
    return [(mark.box, mark.label) for mark in annotations]


def _same(box: Box, faces: Iterable[Face]) -> Face | None:
    """The face that the models found there."""
    best = max(faces, key=lambda face: iou(face.box, box), default=None)
    return best if best is not None and iou(best.box, box) >= SAME_FACE_IOU else None
