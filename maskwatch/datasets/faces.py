"""The faces in labelled pictures: cut out for the classifier, or marked in whole pictures for the detector."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskwatch.core.errors import SourceError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Face, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split, assign_splits, perceptual_hash
from maskwatch.sources.images import read_rgb

FOUND_IOU = 0.4  # MTCNN's boxes are square and faces are not, so more cannot be asked
SURE_FACE = 0.5  # a teacher's score, from which a label may be given to what it found
NEAR_IOU = 0.2  # a teacher's box that overlaps a labelled one so far may be about the same face
PATCH_MARGIN = 0.6  # of the face's side, kept around it for shifted crops
PATCH_PX = 192  # a larger face is kept at this side


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """A face cut from its picture with room around it: `box` lies within `patch`, an RGB picture.

    `class_name` is that of its `GroundTruth`.
    """

    patch: Rgb
    box: Box
    label: FaceLabel
    split: Split
    key: str
    class_name: str = ""

    @property
    def protected(self) -> bool:
        """Whether the ground truth says that a mask protects."""
        return self.label.protected


@dataclass(frozen=True, slots=True, eq=False)
class SeenImage:
    """A picture and the faces that a detector found in it, or that people marked.

    `unclear` are places where there may be one or not: nothing is learnt there. `labels` are those of the faces, in their
    order, or empty where none is known; `source` names the data set.
    """

    rgb: Rgb
    faces: tuple[Box, ...]
    unclear: tuple[Box, ...] = ()
    labels: tuple[FaceLabel, ...] = ()
    source: str = ""

    @property
    def face_labels(self) -> tuple[FaceLabel | None, ...]:
        """Of each face its label; None where it is not known."""
        return self.labels or (None,) * len(self.faces)


Progress = Callable[[Iterable[LabelledImage]], Iterable[LabelledImage]]


def gather(
    images: Sequence[LabelledImage], detector: Detector, progress: Progress
) -> tuple[list[LabelledFace], list[str]]:
    """The faces that the detector finds in labelled pictures, and a line for every picture that gave none.

    Where the truth has boxes, a found face takes the label of the true box that it overlaps most
    (IoU of at least 0.4), and training pictures give their missed faces by the true box too. Where
    the label is the picture's, it is given to the largest face.
    """
    cuts_of_images, hashes, readable = [], [], []
    notes: list[str] = []
    for image, rgb in _opened(progress(images), notes):
        readable.append(image)
        hashes.append(perceptual_hash(rgb))
        cuts_of_images.append(_cut(rgb, image, detector))
    faces = []
    for image, cuts in zip(assign_splits(readable, np.array(hashes, np.uint64)), cuts_of_images, strict=True):
        split = image.split or Split.TRAIN
        chosen = [cut for cut in cuts if cut.found or split is Split.TRAIN]
        if not chosen:
            notes.append(f"{image.path}: no face found")
        faces += [LabelledFace(c.patch, c.box, c.truth.label, split, image.key) for c in chosen]
    return faces, notes


def open_annotated(
    images: Sequence[LabelledImage], progress: Progress, *, teacher: Detector | None = None, source: str = ""
) -> tuple[dict[Split, list[SeenImage]], list[str]]:
    """Whole pictures of the three parts with the faces that people marked, and a line for each that gives none.

    One of which a box cannot be used may teach, outside of that box, and is left out of the parts that measure.
    The `teacher` finds the face that a picture's label is about, and the faces that nobody labelled, which become
    unclear (see `taught`).
    """
    seen, hashes, readable = [], [], []
    notes: list[str] = []
    for image, rgb in _opened(progress(images), notes):
        known = image if teacher is None else taught(image, teacher.detect([rgb])[0])
        if any(truth.box is None for truth in known.truths):
            why = "has a label but no boxes, which a detector needs"
            notes.append(
                f"{image.path}: {why if teacher is None else 'has a label, but no face is found in it'}"
            )
            continue
        readable.append(known)
        hashes.append(perceptual_hash(rgb))
        faces = tuple(truth.box for truth in known.truths if truth.box is not None)
        labels = tuple(truth.label for truth in known.truths)
        seen.append(SeenImage(rgb, faces, known.unclear, labels, source))
    by_split: dict[Split, list[SeenImage]] = {split: [] for split in Split}
    for image, each in zip(assign_splits(readable, np.array(hashes, np.uint64)), seen, strict=True):
        split = image.split or Split.TRAIN
        if image.faults and split is not Split.TRAIN:
            notes.append(f"{image.path}: has a box that cannot be used; left out of the {split} part")
        else:
            by_split[split].append(each)
    return by_split, notes


def taught(image: LabelledImage, found: Sequence[Face]) -> LabelledImage:
    """The picture with what a stronger detector found in it, each face with its score.

    A label of the whole picture goes to the largest sure face. Any other face that is found and that nobody labelled
    becomes unclear: it is not learnt from as background, nor as a face, because nobody looked.
    """
    truths = list(image.truths)
    if len(truths) == 1 and truths[0].box is None:
        sure = (face.box for face in found if face.score >= SURE_FACE)
        largest = max(sure, key=lambda box: box.width * box.height, default=None)
        truths = [truths[0] if largest is None else replace(truths[0], box=largest)]
    known = [truth.box for truth in truths if truth.box is not None]
    others = (face.box for face in found if all(iou(face.box, box) < NEAR_IOU for box in known))
    return replace(image, truths=tuple(truths), unclear=(*image.unclear, *others))


def found_faces(rgb: Rgb, image: LabelledImage, detector: Detector) -> list[LabelledFace]:
    """The labelled faces that the detector finds in one picture, of the part that it has (see `gather`)."""
    split = image.split or Split.TRAIN
    cuts = _cut(rgb, image, detector)
    return [
        LabelledFace(c.patch, c.box, c.truth.label, split, image.key, c.truth.class_name)
        for c in cuts
        if c.found
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    patch: Rgb
    box: Box
    truth: GroundTruth
    found: bool


def _opened(images: Iterable[LabelledImage], notes: list[str]) -> Iterator[tuple[LabelledImage, Rgb]]:
    """Those that can be read; why the others cannot goes to `notes`."""
    for image in images:
        try:
            yield image, read_rgb(image.path)
        except SourceError as e:
            notes.append(str(e))


def _cut(rgb: Rgb, image: LabelledImage, detector: Detector) -> list[_Cut]:
    found = [face.box for face in detector.detect([rgb])[0]]
    if image.truths and image.truths[0].box is None:
        largest = max(found, key=lambda box: box.width * box.height, default=None)
        return [] if largest is None else [_Cut(*_patch(rgb, largest), image.truths[0], True)]
    cuts = []
    for truth in image.truths:
        assert truth.box is not None
        best = max(found, key=lambda box: iou(box, truth.box), default=None)  # type: ignore[arg-type]
        if best is not None and iou(best, truth.box) >= FOUND_IOU:
            cuts.append(_Cut(*_patch(rgb, best), truth, True))
        if max(truth.box.width, truth.box.height) >= 12:
            cuts.append(_Cut(*_patch(rgb, truth.box), truth, False))
    return cuts


def _patch(rgb: Rgb, box: Box) -> tuple[Rgb, Box]:
    """The face with room around it, not larger than needed, and the box in it."""
    side = max(box.width, box.height)
    height, width = rgb.shape[:2]
    x1, y1 = max(0, int(box.x1 - side * PATCH_MARGIN)), max(0, int(box.y1 - side * PATCH_MARGIN))
    x2, y2 = min(width, int(box.x2 + side * PATCH_MARGIN)), min(height, int(box.y2 + side * PATCH_MARGIN))
    part = rgb[y1:y2, x1:x2].copy()
    inner = Box(box.x1 - x1, box.y1 - y1, box.x2 - x1, box.y2 - y1)
    scale = PATCH_PX / side
    if scale >= 1:
        return part, inner
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8), Box(
        *(v * scale for v in inner)
    )


def cut_faces(rgb: Rgb, image: LabelledImage, detector: Detector) -> list[LabelledFace]:
    """Like `found_faces`, plus the ground-truth boxes of training images, found or not."""
    split = image.split or Split.TRAIN
    cuts = (cut for cut in _cut(rgb, image, detector) if cut.found or split is Split.TRAIN)
    return [LabelledFace(c.patch, c.box, c.truth.label, split, image.key) for c in cuts]
