"""The pictures of a data set that are measured on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.ports import Detector
from maskwatch.core.records import Rgb
from maskwatch.core.text import pluralize
from maskwatch.datasets.faces import taught
from maskwatch.datasets.records import DataSet, LabelledImage, assign_splits, perceptual_hash
from maskwatch.datasets.sets import Progress, members, trained_on_elsewhere
from maskwatch.evaluation.conditions import under
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.sources.images import read_rgb


@dataclass(frozen=True, slots=True)
class EvaluationImages:
    """The pictures to measure on, each with its part, and a line for everything that cannot be used.

    `sources` names the data set of each picture; left empty, all are of the one data set `name`. `condition`, one of
    `conditions.CONDITIONS`, is what they are put under; None leaves them as they are.
    """

    name: str
    chosen: SplitChoice
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...] = ()
    condition: str | None = None

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The places of the pictures of each source, in the order in which the sources come."""
        if not self.sources:
            return {self.name: np.arange(len(self.images))}
        of = np.array(self.sources)
        return {source: np.flatnonzero(of == source) for source in dict.fromkeys(self.sources)}


def choose(name: str, data: DataSet, chosen: SplitChoice, progress: Progress) -> EvaluationImages:
    """Open every picture and keep those of the wanted split, as `assign_splits` divides the set.

    Raises `DataError` when the part holds none.
    """
    readable, hashes = [], []
    notes = list(data.problems)
    for image in progress(data.images):
        try:
            hashes.append(perceptual_hash(read_rgb(image.path)))
        except SourceError as e:
            notes.append(str(e))
        else:
            readable.append(image)
    parts = assign_splits(readable, np.array(hashes, np.uint64))
    images = tuple(p for p in parts if chosen is SplitChoice.ALL or str(p.split) == str(chosen))
    if not images:
        raise DataError(f"{name}: no picture of it is of the {chosen} part")
    return EvaluationImages(name, chosen, images, tuple(notes))


def choose_of_several(
    sets: Mapping[str, DataSet], chosen: SplitChoice, progress: Progress
) -> EvaluationImages:
    """Like `choose`, for several data sets, each split as on its own.

    So the test split is what a training on any of them held out. But a picture is left out, with a note, when a near duplicate of
    it may have been trained on as part of another set.
    """
    notes: list[str] = []
    every = []
    for name, data in sets.items():
        own, unreadable = members(name, data, progress)
        notes += [*data.problems, *unreadable]
        every += own
    name = " and ".join(sets)
    images, sources = [], []
    for each, seen in zip(every, trained_on_elsewhere(every), strict=True):
        if chosen is SplitChoice.ALL or str(each.image.split) == str(chosen):
            if seen and chosen is not SplitChoice.ALL:
                notes.append(
                    f"{each.image.path}: left out: one like it may have been trained on, in another of the sets"
                )
            else:
                images.append(each.image)
                sources.append(each.set_name)
    if not images:
        raise DataError(f"{name}: no picture of them is of the {chosen} part")
    notes += [f"{each}: no picture of it counts" for each in sets if each not in sources]
    return EvaluationImages(name, chosen, tuple(images), tuple(notes), tuple(sources))


def without_faults(material: EvaluationImages) -> EvaluationImages:
    """Only the pictures of which every box can be used.

    Detection is measured on these: where a face is not known, what is found of it would be no hit while every
    false alarm beside it stayed one. Raises `DataError` when there are none.
    """
    usable = [not image.faults for image in material.images]
    whole = tuple(compress(material.images, usable))
    left_out = len(material.images) - len(whole)
    if not left_out:
        return material
    note = f"{material.name}: {pluralize(left_out, 'picture')} with a box that cannot be used left out of the figures"
    if not whole:
        raise DataError(f"{note}, and there are no others ({material.notes[0]})" if material.notes else note)
    sources = tuple(compress(material.sources, usable))
    return replace(material, images=whole, notes=(*material.notes, note), sources=sources)


def without_unlabelled(material: EvaluationImages, teacher: Detector, progress: Progress) -> EvaluationImages:
    """The same pictures, in which faces that the teacher finds and nobody labelled are unclear: they count for nothing."""
    images = (taught(image, teacher.detect([read_rgb(image.path)])[0]) for image in progress(material.images))
    return replace(material, images=tuple(images))


def opened(
    images: Sequence[LabelledImage], progress: Progress, condition: str | None = None
) -> Iterator[tuple[int, LabelledImage, Rgb]]:
    """Each picture with its place, under that condition, read anew: a large data set does not fit into memory."""
    for place, image in enumerate(progress(images)):
        yield place, image, under(condition, image.key, read_rgb(image.path))


def need_boxes(name: str, images: Sequence[LabelledImage]) -> None:
    """Raises `DataError` when labels are of whole pictures, which tells nothing of where faces are, or are none."""
    for image in images:
        if any(truth.box is None for truth in image.truths):
            raise DataError(
                f"{name}: labels whole pictures ({image.key}), but the faces' positions are needed here"
            )
    if not any(image.truths for image in images):
        raise DataError(f"{name}: no face is labelled in the {len(images)} pictures that count")
