"""The part of a data set that counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.records import Rgb
from maskwatch.learn.dataset import DataSet, LabelledPicture, perceptual_hash, split
from maskwatch.learn.evaluation.chosen import Chosen
from maskwatch.learn.sets import members, trained_on_elsewhere
from maskwatch.sources.images import read_rgb
from maskwatch.words import counted

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
            hashes.append(perceptual_hash(read_rgb(picture.path)))
        except SourceError as e:
            notes.append(str(e))
        else:
            readable.append(picture)
    parts = split(readable, np.array(hashes, np.uint64))
    pictures = tuple(p for p in parts if chosen is Chosen.ALL or str(p.part) == str(chosen))
    if not pictures:
        raise DataError(f"{name}: no picture of it is of the {chosen} part")
    return Material(name, chosen, pictures, tuple(notes))


def choose_of_several(sets: Mapping[str, DataSet], chosen: Chosen, progress: Progress) -> Material:
    """The same of several data sets, each split as it is alone.

    So the test part is what a training on any of them held out. But a picture is left out, and told of, when one like
    it may have been trained on as a picture of another of the sets.
    """
    notes: list[str] = []
    every = []
    for name, data in sets.items():
        own, unreadable = members(name, data, progress)
        notes += [*data.problems, *unreadable]
        every += own
    name = " and ".join(sets)
    pictures = []
    for each, seen in zip(every, trained_on_elsewhere(every), strict=True):
        if chosen is Chosen.ALL or str(each.picture.part) == str(chosen):
            if seen and chosen is not Chosen.ALL:
                notes.append(
                    f"{each.picture.path}: left out: one like it may have been trained on, in another of the sets"
                )
            else:
                pictures.append(each.picture)
    if not pictures:
        raise DataError(f"{name}: no picture of them is of the {chosen} part")
    return Material(name, chosen, tuple(pictures), tuple(notes))


def without_faults(material: Material) -> Material:
    """Only the pictures of which every box can be used.

    Detection is measured on these: where a face is not known, what is found of it would be no hit while every
    false alarm beside it stayed one. Raises `DataError` when there are none.
    """
    whole = tuple(picture for picture in material.pictures if not picture.faults)
    left_out = len(material.pictures) - len(whole)
    if not left_out:
        return material
    note = f"{material.name}: {counted(left_out, 'picture')} with a box that cannot be used left out of the figures"
    if not whole:
        raise DataError(f"{note}, and there are no others ({material.notes[0]})" if material.notes else note)
    return replace(material, pictures=whole, notes=(*material.notes, note))


def opened(
    pictures: Sequence[LabelledPicture], progress: Progress
) -> Iterator[tuple[int, LabelledPicture, Rgb]]:
    """Each picture with its place, read anew: a large data set does not fit into memory."""
    for place, picture in enumerate(progress(pictures)):
        yield place, picture, read_rgb(picture.path)


def need_boxes(name: str, pictures: Sequence[LabelledPicture]) -> None:
    """Raises `DataError` when labels are of whole pictures, which tells nothing of where faces are, or are none."""
    for picture in pictures:
        if any(truth.box is None for truth in picture.truths):
            raise DataError(
                f"{name}: labels whole pictures ({picture.key}), and where faces are is asked here"
            )
    if not any(picture.truths for picture in pictures):
        raise DataError(f"{name}: no face is labelled in the {len(pictures)} pictures that count")
