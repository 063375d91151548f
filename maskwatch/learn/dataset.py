"""Labelled pictures as people have them, the faces in them, and which part each belongs to."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Rgb
from maskwatch.sources.images import SUFFIXES, read_rgb

PROTECTED_NAMES = {"protected", "with_mask"}
UNPROTECTED_NAMES = {"unprotected", "without_mask", "mask_weared_incorrect"}

FOUND_IOU = 0.4  # MTCNN's boxes are square and faces are not, so more cannot be asked
DUPLICATE_BITS = 4  # of 64: hashes this near are the same picture
PATCH_MARGIN = 0.6  # of the face's side, kept around it for shifted crops
PATCH_PX = 192  # a larger face is kept at this side


class Part(StrEnum):
    """What a picture may be used for. Early stops and thresholds use validation; figures use test."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Truth:
    """A labelled face; `box` is None where the label is the whole picture's."""

    protected: bool
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """`key` is the path inside the data set; `part` is None until `split`, unless the folders say it."""

    path: Path
    key: str
    truths: tuple[Truth, ...]
    part: Part | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """A face cut from its picture with room around it: `box` lies within `patch`, an RGB picture."""

    patch: Rgb
    box: Box
    protected: bool
    part: Part
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class SeenPicture:
    """A picture and the faces that a detector found in it, or that people marked."""

    rgb: Rgb
    faces: tuple[Box, ...]


Progress = Callable[[Iterable[LabelledPicture]], Iterable[LabelledPicture]]


def read(folder: Path) -> list[LabelledPicture]:
    """The pictures of one data set.

    It is a COCO folder (`annotations.json` beside `images/`), `{train,test}/{protected,unprotected}`,
    or `{protected,unprotected}`. Raises `DataError`, naming the folder.
    """
    if (folder / "annotations.json").is_file():
        return _read_coco(folder)
    if (folder / "train").is_dir():
        parts = {part: folder / part for part in (Part.TRAIN, Part.TEST)}
        return [replace(p, part=part) for part, place in parts.items() for p in _read_classes(place, folder)]
    return _read_classes(folder, folder)


def _read_classes(folder: Path, root: Path) -> list[LabelledPicture]:
    pictures = []
    for name, protected in (("protected", True), ("unprotected", False)):
        paths = sorted(p for p in folder.glob(f"{name}/*") if p.suffix.lower() in SUFFIXES)
        if not paths:
            raise DataError(f"{folder / name}: no pictures ({', '.join(sorted(SUFFIXES))})")
        pictures += [LabelledPicture(p, str(p.relative_to(root)), (Truth(protected),)) for p in paths]
    return pictures


def _read_coco(folder: Path) -> list[LabelledPicture]:
    path = folder / "annotations.json"
    try:
        coco = json.loads(path.read_text())
        names = {c["id"]: c["name"] for c in coco["categories"]}
        truths: dict[int, list[Truth]] = {image["id"]: [] for image in coco["images"]}
        for annotation in coco["annotations"]:
            x, y, width, height = annotation["bbox"]
            protected = _is_protected(names[annotation["category_id"]], path)
            truths[annotation["image_id"]].append(Truth(protected, Box(x, y, x + width, y + height)))
        images = folder / "images" if (folder / "images").is_dir() else folder
        return [
            LabelledPicture(images / i["file_name"], i["file_name"], tuple(truths[i["id"]]))
            for i in coco["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e


def _is_protected(name: str, path: Path) -> bool:
    if name not in PROTECTED_NAMES | UNPROTECTED_NAMES:
        known = ", ".join(sorted(PROTECTED_NAMES | UNPROTECTED_NAMES))
        raise DataError(f"{path}: category {name!r} is none of {known}")
    return name in PROTECTED_NAMES


def split(pictures: Sequence[LabelledPicture], hashes: NDArray[np.uint64]) -> list[LabelledPicture]:
    """Give every picture its part: 20 % test, 10 % validation, by a hash of its key.

    Near duplicates (`hashes` of `perceptual_hash`, one a picture) are decided together, by the first of
    them in the order of keys, so the same data set always splits the same way.
    """
    order = sorted(range(len(pictures)), key=lambda i: pictures[i].key)
    leader = {i: i for i in order}
    for place, i in enumerate(order):
        rest = np.array(order[place + 1 :], np.int64)
        near = rest[np.bitwise_count(hashes[rest] ^ hashes[i]) <= DUPLICATE_BITS]
        for j in near:
            leader[int(j)] = min(leader[int(j)], leader[i], key=lambda k: pictures[k].key)
    return [
        replace(p, part=p.part if p.part is Part.TEST else _part(pictures[leader[i]], keep=p.part))
        for i, p in enumerate(pictures)
    ]


def _part(leader: LabelledPicture, keep: Part | None) -> Part:
    if leader.part is Part.TEST:
        return Part.TEST  # a training picture that repeats a test picture must not be trained on
    bucket = int(hashlib.sha256(leader.key.encode()).hexdigest(), 16) % 100
    if keep is Part.TRAIN:
        return Part.VALIDATION if bucket < 10 else Part.TRAIN
    return Part.TEST if bucket < 20 else Part.VALIDATION if bucket < 30 else Part.TRAIN


def perceptual_hash(rgb: Rgb) -> int:
    """64 bits that near duplicates share: whether each of 8 x 8 grey fields is brighter than its right neighbour."""
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


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
        faces += [LabelledFace(c.patch, c.box, c.protected, part, picture.key) for c in chosen]
    return faces, notes


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    patch: Rgb
    box: Box
    protected: bool
    found: bool


def _opened(pictures: Iterable[LabelledPicture], notes: list[str]) -> Iterator[tuple[LabelledPicture, Rgb]]:
    """Those that can be read; why the others cannot goes to `notes`."""
    for picture in pictures:
        try:
            yield picture, read_rgb(picture.path)
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
        return [] if largest is None else [_Cut(*_patch(rgb, largest), picture.truths[0].protected, True)]
    cuts = []
    for truth in picture.truths:
        assert truth.box is not None
        best = max(found, key=lambda box: iou(box, truth.box), default=None)  # type: ignore[arg-type]
        if best is not None and iou(best, truth.box) >= FOUND_IOU:
            cuts.append(_Cut(*_patch(rgb, best), truth.protected, True))
        if max(truth.box.width, truth.box.height) >= 12:
            cuts.append(_Cut(*_patch(rgb, truth.box), truth.protected, False))
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
