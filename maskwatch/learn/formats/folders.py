"""Folders of classes: `{protected,unprotected}/`, or `{train,test}/{protected,unprotected}/`."""

from dataclasses import replace
from pathlib import Path

from maskwatch.core.errors import DataError
from maskwatch.learn.dataset import DataSet, LabelledPicture, Part, Truth
from maskwatch.learn.labels import NAMES
from maskwatch.sources.images import SUFFIXES

CLASSES = ("protected", "unprotected")


def matches(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("train", *CLASSES))


def read(folder: Path) -> DataSet:
    """Raises `DataError` when a class has no pictures."""
    if (folder / "train").is_dir():
        parts = {part: folder / part for part in (Part.TRAIN, Part.TEST)}
        pictures = [
            replace(p, part=part) for part, place in parts.items() for p in _read_classes(place, folder)
        ]
    else:
        pictures = _read_classes(folder, folder)
    return DataSet(pictures, [])


def _read_classes(folder: Path, root: Path) -> list[LabelledPicture]:
    pictures = []
    for name in CLASSES:
        paths = sorted(p for p in folder.glob(f"{name}/*") if p.suffix.lower() in SUFFIXES)
        if not paths:
            raise DataError(f"{folder / name}: no pictures ({', '.join(sorted(SUFFIXES))})")
        pictures += [LabelledPicture(p, str(p.relative_to(root)), (Truth(NAMES[name]),)) for p in paths]
    return pictures
