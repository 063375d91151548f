"""The part of a data set that counts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.records import Rgb
from maskwatch.datasets.records import DataSet, LabelledImage, assign_splits, perceptual_hash, shown
from maskwatch.evaluation.chosen import SplitChoice

Progress = Callable[[Iterable[LabelledImage]], Iterable[LabelledImage]]


@dataclass(frozen=True, slots=True)
class Material:
    """The pictures to measure on, each with its part, and a line for everything that cannot be used."""

    name: str
    chosen: SplitChoice
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...]


def choose(name: str, data: DataSet, chosen: SplitChoice, progress: Progress) -> Material:
    """Open every picture and keep those of the part, by `dataset.split`.

    Raises `DataError` when the part holds none.
    """
    readable, hashes = [], []
    notes = list(data.problems)
    for image in progress(data.images):
        try:
            hashes.append(perceptual_hash(shown(image)))
        except SourceError as e:
            notes.append(str(e))
        else:
            readable.append(image)
    parts = assign_splits(readable, np.array(hashes, np.uint64))
    images = tuple(p for p in parts if chosen is SplitChoice.ALL or str(p.split) == str(chosen))
    if not images:
        raise DataError(f"{name}: no picture of it is of the {chosen} part")
    return Material(name, chosen, images, tuple(notes))


def opened(images: Sequence[LabelledImage], progress: Progress) -> Iterator[tuple[int, LabelledImage, Rgb]]:
    """Each picture with its place, read anew: a large data set does not fit into memory."""
    for place, image in enumerate(progress(images)):
        yield place, image, shown(image)


def need_boxes(name: str, images: Sequence[LabelledImage]) -> None:
    """Raises `DataError` when labels are of whole pictures, which tells nothing of where faces are, or are none."""
    for image in images:
        if any(truth.box is None for truth in image.truths):
            raise DataError(f"{name}: labels whole pictures ({image.key}), and where faces are is asked here")
    if not any(image.truths for image in images):
        raise DataError(f"{name}: no face is labelled in the {len(images)} pictures that count")
