"""The labelled folders of a training, read and split."""

from collections.abc import Sequence
from pathlib import Path

from maskwatch.datasets.class_names import ClassNames
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.records import DataSet
from maskwatch.datasets.sets import merge_splits, named
from maskwatch.training.jobs.callbacks import Callbacks


def read_sets(folders: Sequence[Path], classes: ClassNames, callbacks: Callbacks) -> dict[str, DataSet]:
    """The data sets by names of which no two are equal, split so that what they have in common is on one side.

    What cannot be used, and what had to be moved, goes to `callbacks.problems`. Raises `DataError`.
    """
    sets = {name: read(folder, classes) for name, folder in named(list(map(Path, folders))).items()}
    sets = merge_splits(sets, callbacks.bar("comparing pictures"))
    for data in sets.values():
        callbacks.problems(data.problems)
    return sets
