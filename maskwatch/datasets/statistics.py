"""What is in a data set: sizes and labels of its faces by part, and some of them to look at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from maskwatch.classify.crop import crop
from maskwatch.core.errors import SourceError
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage, Split, assign_splits, perceptual_hash
from maskwatch.platform.threads import in_threads
from maskwatch.sources.images import read_rgb

TILE_PX = 96
MARGIN = 0.15  # around a shown face


@dataclass(frozen=True, slots=True)
class KnownFace:
    """`px` is the longer side of the face's box, of the picture where the label is the picture's."""

    label: FaceLabel
    split: Split
    px: float


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A face for people to look at: `(96, 96, 3)` uint8 RGB."""

    tile: Rgb
    label: FaceLabel
    split: Split


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of `images` images that can be read; `problems` says why others cannot, `shown` are some faces."""

    images: int
    faces: list[KnownFace]
    shown: list[Shown]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class _Opened:
    """Not the pixels: thousands of pictures would not fit."""

    hash: int
    size: tuple[int, int]


Progress = Callable[[Iterable[LabelledImage]], Iterable[LabelledImage]]


def gather_statistics(images: Sequence[LabelledImage], progress: Progress, *, show: int = 60) -> Statistics:
    """Open every picture, split, and choose `show` faces by a hash, as many of each label if there are so many."""
    readable, opened = [], []
    problems = []
    paths = (image.path for image in images)
    for image, result in zip(progress(images), in_threads(_open, paths), strict=True):
        if isinstance(result, str):
            problems.append(result)
        else:
            readable.append(image)
            opened.append(result)
    divided = assign_splits(readable, np.array([each.hash for each in opened], np.uint64))
    faces, places = [], []
    for image, each in zip(divided, opened, strict=True):
        for truth in image.truths:
            box = truth.box or Box(0, 0, *each.size)
            face = KnownFace(truth.label, image.split or Split.TRAIN, max(box.width, box.height))
            faces.append(face)
            places.append((image.path, box, MARGIN if truth.box else 0.0))
    shown = [_shown(faces[i], *places[i]) for i in _some(faces, show)]
    return Statistics(len(readable), faces, shown, problems)


def _open(path: Path) -> _Opened | str:
    try:
        rgb = read_rgb(path)
    except SourceError as e:
        return str(e)
    return _Opened(perceptual_hash(rgb), (rgb.shape[1], rgb.shape[0]))


def _some(faces: Sequence[KnownFace], count: int) -> list[int]:
    """Places of faces, chosen by a fixed chance, label by label."""
    present = [label for label in FaceLabel if any(face.label is label for face in faces)]
    chosen: list[int] = []
    for number, label in enumerate(present):
        own = [i for i, face in enumerate(faces) if face.label is label]
        share = (count - len(chosen)) // (len(present) - number)
        chosen += sorted(np.random.default_rng(0).permutation(own)[:share].tolist())
    return chosen


def _shown(face: KnownFace, path: Path, box: Box, margin: float) -> Shown:
    rgb = read_rgb(path)
    if margin:
        tile = crop(rgb, box, side_px=TILE_PX, margin=margin)
    else:  # a whole picture keeps its shape
        scale = TILE_PX / max(rgb.shape[:2])
        size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(rgb, size, interpolation=way)
        top, left = (TILE_PX - size[1]) // 2, (TILE_PX - size[0]) // 2
        tile = np.full((TILE_PX, TILE_PX, 3), 255, np.uint8)
        tile[top : top + size[1], left : left + size[0]] = small
    return Shown(tile, face.label, face.split)
