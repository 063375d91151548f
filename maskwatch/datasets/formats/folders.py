"""Folders of classes: `{protected,unprotected,worn_wrong}/`, also in `{train,validation,test}/`.

A class may have any of the names in `datasets/class_names.py`, and a part any of those in `formats/parts.py`. Folders
inside of a class's folder are of that class, too; pictures beside the folders of classes are told.
"""

from pathlib import Path

from maskwatch.core.errors import DataError
from maskwatch.core.text import pluralize
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import Finder, in_place
from maskwatch.datasets.formats.parts import PARTS
from maskwatch.datasets.labels import FaceLabel, Meaning
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Problems, Split
from maskwatch.sources.images import SUFFIXES

NEEDED = {True: FaceLabel.PROTECTED, False: FaceLabel.UNPROTECTED}


def matches(folder: Path, classes: ClassNames = USUAL_NAMES) -> bool:
    """Whether a subfolder is named after the training split, or after a class whose meaning is a label."""
    meanings = _meanings(folder, classes).values()
    return any(meaning is not None and meaning.known for meaning in meanings) or _has_training(folder)


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:  # noqa: ARG001 - as the others
    """Raises `DataError` when there are no pictures with a mask, or none without."""
    problems = Problems()
    places: list[tuple[Path, Split | None]] = [*_parts(folder)] if _has_training(folder) else [(folder, None)]
    images = []
    for place, split in places:
        found = _read_classes(place, folder, split, classes, problems)
        images += found
        alone = [path for path in place.iterdir() if path.suffix.lower() in SUFFIXES]
        if alone:
            problems.append(
                f"{place}: {pluralize(len(alone), 'picture')} outside of the folders of classes left out"
            )
        missing = {True, False} - {truth.label.protected for image in found for truth in image.truths}
        lines = [f"{place / NEEDED[kind]}: no pictures ({', '.join(sorted(SUFFIXES))})" for kind in missing]
        if lines and split in {None, Split.TRAIN}:
            raise DataError(lines[0])
        problems += lines
    return DataSet(images, problems)


def _parts(folder: Path) -> list[tuple[Path, Split]]:
    """The folders that are named after parts, in any case."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [(path, split) for name, split in PARTS.items() for path in inside if path.name.lower() == name]


def _has_training(folder: Path) -> bool:
    return any(split is Split.TRAIN for _, split in _parts(folder))


def _meanings(place: Path, classes: ClassNames) -> dict[Path, Meaning | None]:
    inside = sorted(path for path in place.iterdir() if path.is_dir())
    names = [path.name for path in inside]
    return {path: classes.meaning(path.name, names) for path in inside}


def _read_classes(
    place: Path, root: Path, split: Split | None, classes: ClassNames, problems: list[str]
) -> list[LabelledImage]:
    by_label: dict[FaceLabel | None, list[tuple[Path, str]]] = {label: [] for label in FaceLabel}
    for folder, meaning in _meanings(place, classes).items():
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if meaning is not None and meaning.annotation_label is None:  # pictures without a face
            by_label.setdefault(None, []).extend((path, folder.name) for path in paths)
        elif meaning is not None and meaning.known is not None:
            by_label[meaning.known] += [(path, folder.name) for path in paths]
        elif paths:
            problems.append(
                f"{folder}: class {folder.name!r} is unknown; {pluralize(len(paths), 'picture')} left out"
            )
    return [
        LabelledImage(
            path,
            str(path.relative_to(root)),
            () if label is None else (GroundTruth(label, class_name=name),),
            split,
        )
        for label, paths in by_label.items()
        for path, name in paths
    ]
