"""The part of a data set that counts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.records import Rgb
from maskwatch.datasets.records import DataSet, LabelledPicture, perceptual_hash, shown, split
from maskwatch.evaluation.chosen import Chosen

Progress = Callable[[Iterable[LabelledPicture]], Iterable[LabelledPicture]]


@dataclass(frozen=True, slots=True)
class Material:
    """The pictures to measure on, each with its part, and a line for everything that cannot be used."""

    name: str
    chosen: Chosen
    pictures: tuple[LabelledPicture, ...]
    notes: tuple[str, ...]


def choose(name: str, data: DataSet, chosen: Chosen, progress: Progress) -> Material:
    """Open every picture and keep those of the part, by `dataset.split`.

    Raises `DataError` when the part holds none.
    """
    readable, hashes = [], []
    notes = list(data.problems)
    for picture in progress(data.pictures):
        try:
            hashes.append(perceptual_hash(shown(picture)))
        except SourceError as e:
            notes.append(str(e))
        else:
            readable.append(picture)
    parts = split(readable, np.array(hashes, np.uint64))
    pictures = tuple(p for p in parts if chosen is Chosen.ALL or str(p.part) == str(chosen))
    if not pictures:
        raise DataError(f"{name}: no picture of it is of the {chosen} part")
    return Material(name, chosen, pictures, tuple(notes))


def opened(
    pictures: Sequence[LabelledPicture], progress: Progress
) -> Iterator[tuple[int, LabelledPicture, Rgb]]:
    """Each picture with its place, read anew: a large data set does not fit into memory."""
    for place, picture in enumerate(progress(pictures)):
        yield place, picture, shown(picture)


def need_boxes(name: str, pictures: Sequence[LabelledPicture]) -> None:
    """Raises `DataError` when labels are of whole pictures, which tells nothing of where faces are, or are none."""
    for picture in pictures:
        if any(truth.box is None for truth in picture.truths):
            raise DataError(
                f"{name}: labels whole pictures ({picture.key}), and where faces are is asked here"
            )
    if not any(picture.truths for picture in pictures):
        raise DataError(f"{name}: no face is labelled in the {len(pictures)} pictures that count")
