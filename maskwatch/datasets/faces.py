"""The faces in labelled pictures: cut out for the classifier, or marked in whole pictures for the scout."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from maskwatch.core.errors import SourceError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledPicture, Part, perceptual_hash, shown, split

FOUND_IOU = 0.4  # MTCNN's boxes are square and faces are not, so more cannot be asked
PATCH_MARGIN = 0.6  # of the face's side, kept around it for shifted crops
PATCH_PX = 192  # a larger face is kept at this side


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """A face cut from its picture with room around it: `box` lies within `patch`, an RGB picture."""

    patch: Rgb
    box: Box
    label: FaceLabel
    part: Part
    key: str

    @property
    def protected(self) -> bool:
        return self.label.protected


@dataclass(frozen=True, slots=True, eq=False)
class SeenPicture:
    """A picture and the faces that a detector found in it, or that people marked."""

    rgb: Rgb
    faces: tuple[Box, ...]


Progress = Callable[[Iterable[LabelledPicture]], Iterable[LabelledPicture]]


def gather(
    pictures: Sequence[LabelledPicture], detector: Detector, progress: Progress
) -> tuple[list[LabelledFace], list[str]]:
    """The faces that the detector finds in labelled pictures, and a line for every picture that gave none.

    Where the truth has boxes, a found face takes the label of the true box that it overlaps most
    (IoU of at least 0.4), and training pictures give their missed faces by the true box too. Where
    the label is the picture's, it is given to the largest face.
    """
    images, hashes, readable = [], [], []
    notes: list[str] = []
    for picture, rgb in _opened(progress(pictures), notes):
        readable.append(picture)
        hashes.append(perceptual_hash(rgb))
        images.append(_cut(rgb, picture, detector))
    faces = []
    for picture, cuts in zip(split(readable, np.array(hashes, np.uint64)), images, strict=True):
        part = picture.part or Part.TRAIN
        chosen = [cut for cut in cuts if cut.found or part is Part.TRAIN]
        if not chosen:
            notes.append(f"{picture.path}: no face found")
        faces += [LabelledFace(c.patch, c.box, c.label, part, picture.key) for c in chosen]
    return faces, notes


def open_marked(
    pictures: Sequence[LabelledPicture], progress: Progress
) -> tuple[dict[Part, list[SeenPicture]], list[str]]:
    """Whole pictures of the three parts with the faces that people marked, and a line for each that gives none."""
    seen, hashes, readable = [], [], []
    notes: list[str] = []
    for picture, rgb in _opened(progress(pictures), notes):
        if any(truth.box is None for truth in picture.truths):
            notes.append(f"{picture.path}: has a label but no boxes, which a detector needs")
            continue
        readable.append(picture)
        hashes.append(perceptual_hash(rgb))
        seen.append(SeenPicture(rgb, tuple(t.box for t in picture.truths if t.box is not None)))
    parts: dict[Part, list[SeenPicture]] = {part: [] for part in Part}
    for picture, each in zip(split(readable, np.array(hashes, np.uint64)), seen, strict=True):
        parts[picture.part or Part.TRAIN].append(each)
    return parts, notes


def found_faces(rgb: Rgb, picture: LabelledPicture, detector: Detector) -> list[LabelledFace]:
    """The labelled faces that the detector finds in one picture, of the part that it has (see `gather`)."""
    part = picture.part or Part.TRAIN
    cuts = _cut(rgb, picture, detector)
    return [LabelledFace(c.patch, c.box, c.label, part, picture.key) for c in cuts if c.found]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    patch: Rgb
    box: Box
    label: FaceLabel
    found: bool


def _opened(pictures: Iterable[LabelledPicture], notes: list[str]) -> Iterator[tuple[LabelledPicture, Rgb]]:
    """Those that can be read; why the others cannot goes to `notes`."""
    for picture in pictures:
        try:
            yield picture, shown(picture)
        except SourceError as e:
            notes.append(str(e))


def gather_pictures(
    pictures: Sequence[LabelledPicture], detector: Detector, progress: Progress
) -> tuple[dict[Part, list[SeenPicture]], list[str]]:
    """Whole pictures of the parts, with the faces that the detector finds and those that people marked.

    Nothing of the test part is kept. Gives a line for every picture that cannot be read, too.
    """
    seen, hashes, readable = [], [], []
    notes: list[str] = []
    for picture, rgb in _opened(progress(pictures), notes):
        found = [face.box for face in detector.detect([rgb])[0]]
        readable.append(picture)
        hashes.append(perceptual_hash(rgb))
        seen.append(SeenPicture(rgb, (*found, *(t.box for t in picture.truths if t.box is not None))))
    parts: dict[Part, list[SeenPicture]] = {Part.TRAIN: [], Part.VALIDATION: []}
    for picture, each in zip(split(readable, np.array(hashes, np.uint64)), seen, strict=True):
        part = picture.part or Part.TRAIN
        if part is not Part.TEST:
            parts[part].append(each)
    return parts, notes


def _cut(rgb: Rgb, picture: LabelledPicture, detector: Detector) -> list[_Cut]:
    found = [face.box for face in detector.detect([rgb])[0]]
    if picture.truths and picture.truths[0].box is None:
        largest = max(found, key=lambda box: box.width * box.height, default=None)
        return [] if largest is None else [_Cut(*_patch(rgb, largest), picture.truths[0].label, True)]
    cuts = []
    for truth in picture.truths:
        assert truth.box is not None
        best = max(found, key=lambda box: iou(box, truth.box), default=None)  # type: ignore[arg-type]
        if best is not None and iou(best, truth.box) >= FOUND_IOU:
            cuts.append(_Cut(*_patch(rgb, best), truth.label, True))
        if max(truth.box.width, truth.box.height) >= 12:
            cuts.append(_Cut(*_patch(rgb, truth.box), truth.label, False))
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


def cut_faces(rgb: Rgb, picture: LabelledPicture, detector: Detector) -> list[LabelledFace]:
    """The same, and of a training picture also the true boxes, found or not."""
    part = picture.part or Part.TRAIN
    cuts = (cut for cut in _cut(rgb, picture, detector) if cut.found or part is Part.TRAIN)
    return [LabelledFace(c.patch, c.box, c.label, part, picture.key) for c in cuts]
