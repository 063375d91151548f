"""The records of labelled pictures, and which part each belongs to. `formats` reads them, `faces` cuts them."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Box, Rgb
from maskwatch.core.text import one_line
from maskwatch.datasets.labels import FaceLabel

MAX_PROBLEMS = 1000
MAX_LINE = 2000  # characters: a class may be called anything
DUPLICATE_BITS = 4  # of 64: hashes this near are the same picture


class Split(StrEnum):
    """What a picture may be used for. Early stops and thresholds use validation; figures use test."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """A labelled face; `box` is None where the label is the whole picture's.

    `class_name` is what its data set calls its class, which may say more than the label: `beard`, say. Empty where
    nothing did.
    """

    label: FaceLabel
    box: Box | None = None
    class_name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """`key` is the path inside the data set; `split` is None until `assign_splits`, unless the folders say it.

    `unclear` are places where faces may be of which nobody can tell what they are: nothing is learnt there, as face
    or as background, and what is found there is not counted. `faults` say why some of them are unclear, where
    it is not that a person said so.
    """

    path: Path
    key: str
    truths: tuple[GroundTruth, ...]
    split: Split | None = None
    unclear: tuple[Box, ...] = ()
    faults: tuple[str, ...] = ()


class Note(str):
    """A line that tells how something was read, where nothing is wrong with it."""

    __slots__ = ()


class Problems(list[str]):
    """Lines for people. Past `MAX_PROBLEMS` they are only counted, in a last line: a file may have millions."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        super().__init__()
        self.more = 0
        self.extend(lines)

    def append(self, line: str) -> None:
        """Add a line, or only count it where there are `MAX_PROBLEMS` already."""
        if len(self) < MAX_PROBLEMS:
            super().append(type(line)(one_line(line[:MAX_LINE])))
        else:
            self._count(1)

    def extend(self, lines: Iterable[str]) -> None:
        """Add lines one by one; those that another `Problems` only counted are counted here too."""
        first, more = (lines.first, lines.more) if isinstance(lines, Problems) else (lines, 0)
        for line in first:
            self.append(line)
        self._count(more)

    def replaced(self, old: str, new: str) -> "Problems":
        """A copy with `new` for every `old` in the lines."""
        result = Problems(type(line)(line.replace(old, new)) for line in self.first)
        result._count(self.more)
        return result

    @property
    def first(self) -> list[str]:
        """Without the last line, where that counts."""
        return self[:MAX_PROBLEMS]

    def _count(self, more: int) -> None:
        if more and not self.more:
            super().append("")
        self.more += more
        if more:
            self[-1] = f"and {self.more:,} more of the kind"

    def __iadd__(self, lines: Iterable[str]) -> Self:  # type: ignore[override, misc]
        self.extend(lines)
        return self


@dataclass(frozen=True, slots=True)
class DataSet:
    """The pictures that can be used, and a line for everything that cannot, naming the file."""

    images: list[LabelledImage]
    problems: list[str]


def assign_splits(images: Sequence[LabelledImage], hashes: NDArray[np.uint64]) -> list[LabelledImage]:
    """Give every picture its part: 20 % test, 10 % validation, by a hash of its key.

    A part that the data set says itself stays; without a validation part, a tenth of training becomes one.
    Near duplicates (`hashes` of `perceptual_hash`, one a picture) are decided together, by the first of
    them in the order of keys, so the same data set always splits the same way. One that repeats a picture
    of the test part is never trained on.
    """
    order = sorted(range(len(images)), key=lambda i: images[i].key)
    leader = {i: i for i in order}
    for place, i in enumerate(order):
        rest = np.array(order[place + 1 :], np.int64)
        near = rest[np.bitwise_count(hashes[rest] ^ hashes[i]) <= DUPLICATE_BITS]
        for j in near:
            leader[int(j)] = min(leader[int(j)], leader[i], key=lambda k: images[k].key)
    said: dict[int, set[Split | None]] = {i: set() for i in order}
    for i, image in enumerate(images):
        said[leader[i]].add(image.split)
    validates = any(image.split is Split.VALIDATION for image in images)
    splits = []
    for i, image in enumerate(images):
        held_out = _held_out(said[leader[i]])
        stays = validates and image.split is Split.TRAIN
        splits.append(held_out or (Split.TRAIN if stays else _split_of(images[leader[i]], keep=image.split)))
    return [replace(image, split=split) for image, split in zip(images, splits, strict=True)]


def _held_out(said: set[Split | None]) -> Split | None:
    """A training picture that repeats one of test or validation must not be trained on."""
    return next((split for split in (Split.TEST, Split.VALIDATION) if split in said), None)


def _split_of(leader: LabelledImage, keep: Split | None) -> Split:
    bucket = int(hashlib.sha256(leader.key.encode()).hexdigest(), 16) % 100
    if keep is Split.TRAIN:
        return Split.VALIDATION if bucket < 10 else Split.TRAIN
    return Split.TEST if bucket < 20 else Split.VALIDATION if bucket < 30 else Split.TRAIN


def perceptual_hash(rgb: Rgb) -> int:
    """64 bits that near duplicates share: whether each of 8 x 8 grey fields is brighter than its right neighbour."""
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")
