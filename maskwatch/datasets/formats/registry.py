"""Which format a folder of labelled pictures is in.

A new format is a module with `matches` and `read`, and a line here; one that can be written also has `entries`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from maskwatch.core.errors import DataError
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats import (
    coco,
    cvat,
    folders,
    label_studio,
    label_studio_export,
    queue,
    voc,
    yolo,
)
from maskwatch.datasets.formats.annotations import Finder, in_place, refuse_shared_names
from maskwatch.datasets.formats.entries import Entry, write_folder
from maskwatch.datasets.records import DataSet, LabelledImage


class Format(Protocol):
    """A module that reads data sets of one format."""

    def matches(self, folder: Path) -> bool:
        """Whether the folder looks like a data set of this format; `read` may still refuse it."""
        ...

    def read(self, folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
        """`find` tells where a picture is when it is not in the folder, and `classes` what its classes mean."""
        ...


class Writer(Protocol):
    """A module that writes data sets of one format."""

    def entries(self, images: Sequence[LabelledImage]) -> Iterator[Entry]:
        """The files of the data set. Raises `DataError` for what cannot be written, before the first."""
        ...


FORMATS: tuple[Format, ...] = (coco, yolo, voc, cvat, queue, label_studio)
WRITERS: dict[str, Writer] = {"coco": coco, "yolo": yolo, "voc": voc, "label_studio": label_studio_export}


def write(name: str, images: Sequence[LabelledImage], folder: Path) -> None:
    """Copy pictures and their labels to a folder, in one of `WRITERS`. Raises `DataError`."""
    write_folder(WRITERS[name].entries(images), folder)


def read(folder: Path, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """The pictures of one data set, in any of the formats.

    What is wrong with single pictures or labels is told in `problems`, and the rest is used. Raises
    `DataError`, naming the folder, when it is no data set at all, or nothing in it can be used.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder")
    kind: Format | None = next((kind for kind in FORMATS if kind.matches(folder)), None)
    if kind is None and not folders.matches(folder, classes):
        raise DataError(
            f"{folder}: is no data set: neither COCO (annotations.json), YOLO (data.yaml or classes.txt), "
            "Pascal VOC (Annotations/), CVAT (annotations.xml), Label Studio (a list of tasks), labelled samples of a "
            f"queue, nor protected/ and unprotected/ is there{_inside(folder, classes)}"
        )
    data = (kind or folders).read(folder, classes=classes)
    if not data.images:
        first = f" ({data.problems[0]})" if data.problems else ""
        raise DataError(f"{folder}: no picture can be used{first}")
    return data


def _inside(folder: Path, classes: ClassNames) -> str:
    """The sub-folders that are data sets: an archive is often unpacked one folder too deep."""
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        path.name
        for path in below
        if folders.matches(path, classes) or any(kind.matches(path) for kind in FORMATS)
    ]
    return f"; but in {', '.join(found[:5])}" if found else ""


def with_flat_names(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """The pictures, `_` in the place of `/` in their keys: some tools read no sub-folders.

    Raises `DataError` when two would have one name.
    """
    flat = [replace(image, key=image.key.replace("/", "_")) for image in images]
    refuse_shared_names(flat)
    return flat
