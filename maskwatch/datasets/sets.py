"""Several data sets together: each under a name of its own, and what they have in common on one side of the split."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.errors import SourceError
from maskwatch.core.text import pluralize
from maskwatch.datasets.records import (
    DUPLICATE_BITS,
    DataSet,
    LabelledImage,
    Problems,
    Split,
    assign_splits,
    perceptual_hash,
)
from maskwatch.platform.threads import in_threads
from maskwatch.sources.images import read_rgb

STRICTEST_FIRST = (Split.TEST, Split.VALIDATION, Split.TRAIN)

Ints = NDArray[np.int64]
Progress = Callable[[Iterable[LabelledImage]], Iterable[LabelledImage]]


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """The folders by their names, those of one name by as much of their paths as tells them apart.

    One that is given twice is there once.
    """
    wholes = list(dict.fromkeys(folder.resolve() for folder in folders))
    result = {}
    for whole in wholes:
        others = [other.parts for other in wholes if other != whole]
        length = 1
        while any(parts[-length:] == whole.parts[-length:] for parts in others):
            length += 1
        result[str(PurePosixPath(*whole.parts[-length:]))] = whole
    return result


@dataclass(frozen=True, slots=True)
class Member:
    """A picture of a set, and its perceptual hash."""

    set_name: str
    image: LabelledImage
    hash: int


def members(name: str, data: DataSet, progress: Progress) -> tuple[list[Member], list[str]]:
    """The pictures of a set, each with the part that it has in this set alone; and a line for each that cannot be read."""
    opened, notes = [], []
    for image, result in zip(progress(data.images), in_threads(_hashed, data.images), strict=True):
        if isinstance(result, str):
            notes.append(result)
        else:
            opened.append(Member(name, image, result))
    return split_one_set(opened), notes


def _hashed(image: LabelledImage) -> int | str:
    try:
        return perceptual_hash(read_rgb(image.path))
    except SourceError as e:
        return str(e)


def split_one_set(own: Sequence[Member]) -> list[Member]:
    """The pictures of one set with their splits, by `assign_splits`."""
    parts = assign_splits([each.image for each in own], np.array([each.hash for each in own], np.uint64))
    return [replace(each, image=image) for each, image in zip(own, parts, strict=True)]


def strictest_splits(every: Sequence[Member]) -> list[Split]:
    """The split of each picture when its set is used with the others.

    It is the strictest split that one like it has in its own set, so what any of the sets holds out is never trained
    on, and no set's test split loses a picture because of another set.
    """
    rank = np.array([STRICTEST_FIRST.index(_split_of(each)) for each in every], np.int64)
    groups = alike(every)
    while True:
        strictest = np.array([rank[others].min() for others in groups], np.int64)
        if np.array_equal(strictest, rank):
            return [STRICTEST_FIRST[r] for r in rank]
        rank = strictest


def trained_on_elsewhere(every: Sequence[Member]) -> list[bool]:
    """Whether one like the picture has a less strict part in its own set, so that some training may have seen it."""
    rank = np.array([STRICTEST_FIRST.index(_split_of(each)) for each in every], np.int64)
    return [bool(rank[others].max() > rank[place]) for place, others in enumerate(alike(every))]


def _split_of(member: Member) -> Split:
    return member.image.split or Split.TRAIN


def alike(every: Sequence[Member]) -> list[Ints]:
    """For each picture the places of those that are the same one, itself among them.

    They look the same, or have one name in two sets: a photograph and its larger twin. A name that a set uses in
    several folders, `1.jpg` say, tells nothing.
    """
    hashes = np.array([each.hash for each in every], np.uint64)
    uses: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, each in enumerate(every):
        uses[PurePosixPath(each.image.key).stem][each.set_name].append(place)
    twins = [
        sorted(places[0] for places in by_set.values())
        if all(len(places) == 1 for places in by_set.values())
        else []
        for by_set in (uses[PurePosixPath(each.image.key).stem] for each in every)
    ]
    near = (np.flatnonzero(np.bitwise_count(hashes ^ own) <= DUPLICATE_BITS) for own in hashes)
    return [np.union1d(own, np.array(more, np.int64)) for own, more in zip(near, twins, strict=True)]


def merge_splits(sets: Mapping[str, DataSet], progress: Progress) -> dict[str, DataSet]:
    """The sets, to be used with each other: every picture with its split, and a line where it differs from the set's own.

    A set that is alone stays as it is.
    """
    if len(sets) < 2:
        return dict(sets)
    found = {name: members(name, data, progress) for name, data in sets.items()}
    every = [each for own, _ in found.values() for each in own]
    split_of = {
        (each.set_name, each.image.key): split
        for each, split in zip(every, strictest_splits(every), strict=True)
    }
    result = {}
    for name, data in sets.items():
        own = [each.image for each in found[name][0]]
        parted = [replace(image, split=split_of[name, image.key]) for image in own]
        moved = [after for before, after in zip(own, parted, strict=True) if before.split is not after.split]
        problems = Problems(data.problems)
        problems += found[name][1]
        problems += _told(name, moved)
        result[name] = DataSet(parted, problems)
    return result


def _told(name: str, moved: Sequence[LabelledImage]) -> list[str]:
    if not moved:
        return []
    some = ", ".join(image.key for image in moved[:3]) + (", …" if len(moved) > 3 else "")
    parts = " or ".join(sorted({str(image.split) for image in moved}))
    line = f"{name}: {pluralize(len(moved), 'picture')} of it ({some}) used for {parts} alone: "
    return [f"{line}the same, or one like it, is held out in another of the sets"]
