"""Folders of classes: `{protected,unprotected,worn_wrong}/`, also in `{train,validation,test}/`.

A class may have any of the names in `datasets/labels.py`; `val` and `valid` are validation, too.
"""

from pathlib import Path

from maskwatch.core.errors import DataError
from maskwatch.core.text import pluralize
from maskwatch.datasets.formats.marks import PARTS, Finder, in_place
from maskwatch.datasets.labels import FaceLabel, label_of
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Split
from maskwatch.sources.images import SUFFIXES

NEEDED = {True: FaceLabel.PROTECTED, False: FaceLabel.UNPROTECTED}


def matches(folder: Path) -> bool:
    return any(p.is_dir() and (label_of(p.name) or p.name == "train") for p in folder.iterdir())


def read(folder: Path, find: Finder = in_place) -> DataSet:  # noqa: ARG001 - as the others
    """Raises `DataError` when there are no pictures with a mask, or none without."""
    problems: list[str] = []
    parts = [(folder / name, part) for name, part in PARTS.items() if (folder / name).is_dir()]
    places: list[tuple[Path, Split | None]] = [*parts] if (folder / "train").is_dir() else [(folder, None)]
    images = []
    for place, part in places:
        found = _read_classes(place, folder, part, problems)
        images += found
        missing = {True, False} - {image.truths[0].label.protected for image in found}
        lines = [f"{place / NEEDED[kind]}: no pictures ({', '.join(sorted(SUFFIXES))})" for kind in missing]
        if lines and part in {None, Split.TRAIN}:
            raise DataError(lines[0])
        problems += lines
    return DataSet(images, problems)


def _read_classes(place: Path, root: Path, part: Split | None, problems: list[str]) -> list[LabelledImage]:
    by_label: dict[FaceLabel, list[Path]] = {label: [] for label in FaceLabel}
    for folder in sorted(path for path in place.iterdir() if path.is_dir()):
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        label = label_of(folder.name)
        if label is not None:
            by_label[label] += paths
        elif paths:
            problems.append(
                f"{folder}: class {folder.name!r} is unknown; {pluralize(len(paths), 'picture')} left out"
            )
    return [
        LabelledImage(path, str(path.relative_to(root)), (GroundTruth(label),), part)
        for label, paths in by_label.items()
        for path in paths
    ]
