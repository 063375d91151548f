"""Which of the good faces are kept, and for what: parts, duplicates, balance. Decides, and touches no file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.prepare.records import FaceStatus, FoundFace, ScanOutcome, outcome_of
from maskwatch.datasets.prepare.scan import OpenedImage
from maskwatch.datasets.records import DUPLICATE_BITS, Split
from maskwatch.datasets.sets import STRICTEST_FIRST, Member, split_one_set, strictest_splits

# Of 64: crops of one face in near duplicate pictures, where the boxes differ a little. Two faces before one
# background, as a camera sees them, begin at 9.
SAME_PLACE_BITS = 8
ENOUGH_PX = 128  # of two larger faces the sharper is better, not the larger

PartOf = dict[tuple[str, str], Split]
"""The part of each picture, by its data set's name and its key."""


def parts(opened: Sequence[OpenedImage]) -> PartOf:
    """Each data set is split for itself, as training would; then what is alike among all comes to one side.

    That is the stricter one: what repeats a picture of the test part is tested with, not trained on.
    """
    by_set: dict[str, list[Member]] = defaultdict(list)
    for each in opened:
        by_set[each.set_name].append(Member(each.set_name, each.image, each.hash))
    every = [each for own in by_set.values() for each in split_one_set(own)]
    return {
        (each.set_name, each.image.key): split
        for each, split in zip(every, strictest_splits(every), strict=True)
    }


def contradicted(opened: Iterable[OpenedImage]) -> dict[str, str]:
    """The files (by SHA-256) that stand in the data sets with different labels, each with their paths."""
    labels: dict[str, set[frozenset[FaceLabel]]] = defaultdict(set)
    paths: dict[str, list[str]] = defaultdict(list)
    for each in opened:
        labels[each.sha256].add(frozenset(truth.label for truth in each.image.truths))
        paths[each.sha256].append(str(each.image.path))
    return {sha256: " and ".join(paths[sha256]) for sha256, said in labels.items() if len(said) > 1}


def without_near_duplicates(
    faces: Sequence[FoundFace], part_of: PartOf, outcomes: list[ScanOutcome]
) -> list[tuple[FoundFace, Split]]:
    """Of faces with one label that look alike, the largest and sharpest; it takes the strictest of their parts."""
    kept: list[tuple[FoundFace, Split]] = []
    for label in FaceLabel:
        own = sorted((face for face in faces if face.label is label), key=_best_first)
        taken: dict[int, int] = {}  # a face's place, and that of the one that stands for it
        for place, near in enumerate(_alike(own)):
            if place not in taken:
                taken |= {int(other): place for other in near if int(other) not in taken}
        groups: dict[int, set[Split]] = defaultdict(set)
        for place, face in enumerate(own):
            groups[taken[place]].add(part_of[face.set_name, face.image.key])
        for place, face in enumerate(own):
            if taken[place] == place:
                kept.append((face, min(groups[place], key=STRICTEST_FIRST.index)))
            else:
                better = own[taken[place]]
                detail = f"of face {better.number} in {better.image.path}"
                outcomes.append(outcome_of(face, FaceStatus.NEAR_DUPLICATE, detail))
    return sorted(kept, key=lambda pair: pair[0].order)


def _alike(faces: Sequence[FoundFace]) -> list[NDArray[np.int64]]:
    """For each face the places of those that look the same, itself among them; never two of one picture."""
    crops = np.array([face.hash for face in faces], np.uint64)
    images = np.array([face.image_hash for face in faces], np.uint64)
    numbers: dict[tuple[str, str], int] = {}
    own = np.array([numbers.setdefault(face.order[:2], len(numbers)) for face in faces], np.int64)
    alike = []
    for i in range(len(faces)):
        bits = np.bitwise_count(crops ^ crops[i])
        repeated = np.bitwise_count(images ^ images[i]) <= DUPLICATE_BITS
        same = (bits <= DUPLICATE_BITS) | (repeated & (bits <= SAME_PLACE_BITS))
        same &= own != own[i]
        same[i] = True
        alike.append(np.flatnonzero(same))
    return alike


def _best_first(face: FoundFace) -> tuple[float, float, tuple[str, str, int]]:
    return -min(face.px, ENOUGH_PX), -face.sharpness, face.order


def balanced(
    kept: Sequence[tuple[FoundFace, Split]], seed: int, outcomes: list[ScanOutcome]
) -> list[tuple[FoundFace, Split]]:
    """As many protected as unprotected faces to train on: of the more numerous, some chosen by chance go.

    Masks worn wrong are few, and go last.
    """
    training = [face for face, split in kept if split is Split.TRAIN]
    protected = [face for face in training if face.label.protected]
    unprotected = [face for face in training if not face.label.protected]
    more, less = sorted((unprotected, protected), key=len, reverse=True)
    shuffled = [more[i] for i in np.random.default_rng(seed).permutation(len(more))]
    first_to_go = sorted(shuffled, key=lambda face: face.label is FaceLabel.WORN_WRONG)
    surplus = {face.order for face in first_to_go[: len(more) - len(less)]}
    detail = f"{len(more)} to train on, {len(less)} of the other"
    outcomes += [outcome_of(face, FaceStatus.SURPLUS, detail) for face in more if face.order in surplus]
    return [(face, split) for face, split in kept if face.order not in surplus]
