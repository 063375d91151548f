"""YOLO: a text file a picture, a line a face: class, centre x and y, width and height as shares of the picture.

The names of the classes stand in `data.yaml` or `classes.txt`. Two layouts are read, `images/…` beside
`labels/…` and `train/images/…` beside `train/labels/…`; the first is written. CVAT's older layout, `obj.names`
and `obj_…_data/` with both, is read, too. Lists of pictures that
`data.yaml` names, or folders called train, val and test, tell the parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.marks import (
    PARTS,
    Finder,
    RawAnnotation,
    annotated_image,
    boxed,
    in_place,
    part_of,
    refuse_shared_names,
)
from maskwatch.datasets.formats.sizes import image_size
from maskwatch.datasets.labels import AnnotationLabel, annotation_label_of
from maskwatch.datasets.records import DataSet, LabelledImage, Split
from maskwatch.sources.images import SUFFIXES

LABELS = tuple(AnnotationLabel)
DESCRIPTIONS = ("data.yaml", "data.yml", "classes.txt", "obj.names")
LISTS = {Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}


def matches(folder: Path) -> bool:
    layout = (folder / "labels").is_dir() and (folder / "images").is_dir()
    return layout or any((folder / name).is_file() for name in DESCRIPTIONS)


@dataclass(frozen=True, slots=True)
class _Description:
    """Where the class names came from, and the pictures (paths inside the data set) that lists give a part."""

    path: Path
    names: dict[int, str]
    parts: dict[str, Split] = field(default_factory=dict)


def read(folder: Path, find: Finder = in_place) -> DataSet:
    """A picture without faces is a background. Raises `DataError` when nothing names the classes."""
    told = _description(folder)
    problems = [
        f"{told.path}: class {name!r} is unknown; its boxes are left out"
        for name in told.names.values()
        if annotation_label_of(name) is None
    ]
    images: list[LabelledImage] = []
    labelled = set()
    bare = 0
    for place, path in _image_files(folder, find):
        inside = path.relative_to(place)
        file = (_labels_of(place) / inside).with_suffix(".txt")
        labelled.add(file)
        lines = _lines(file, problems)
        bare += lines == []
        key = str(inside if place.parent == folder else place.parent.relative_to(folder) / inside)
        part = told.parts.get(str(path.relative_to(folder))) or part_of(key)
        raw_annotations = _raw_annotations(file, lines or [], told, problems)
        image = None if lines is None else annotated_image(find(path), key, raw_annotations, problems, part)
        images += [] if image is None else [image]
    orphans = {file for place in _places(folder) for file in _labels_of(place).rglob("*.txt")} - labelled
    problems += [f"{file}: its picture is missing" for file in sorted(orphans) if file.name != "classes.txt"]
    if bare:
        problems.append(f"{folder}: {bare} pictures without labels are used as pictures without faces")
    return DataSet(images, problems)


def _description(folder: Path) -> _Description:
    for name in DESCRIPTIONS:
        for path in (folder / name, folder / "labels" / name):
            if path.is_file():
                try:
                    text = path.read_text(encoding="utf-8")
                    return (
                        _from_yaml(path, text) if path.suffix in {".yaml", ".yml"} else _from_list(path, text)
                    )
                except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as e:
                    reason = str(e).replace("\n", " ")
                    raise DataError(f"{path}: cannot be read ({type(e).__name__}: {reason})") from e
    raise DataError(f"{folder}: neither data.yaml nor classes.txt names the classes")


def _from_list(path: Path, text: str) -> _Description:
    return _Description(path, dict(enumerate(line.strip() for line in text.splitlines() if line.strip())))


def _from_yaml(path: Path, text: str) -> _Description:
    data: dict[str, Any] = yaml.safe_load(text)
    names = data["names"]
    pairs = list(names.items() if isinstance(names, dict) else enumerate(names))
    if any(isinstance(name, (list, dict)) for _, name in pairs):
        raise TypeError("a class's name is no word")
    parts = {}
    for key, part in PARTS.items():
        value = data.get(key)
        if isinstance(value, str) and value.endswith(".txt") and (path.parent / value).is_file():
            for line in (path.parent / value).read_text(encoding="utf-8").splitlines():
                parts[str(PurePosixPath(line.strip()))] = part
    return _Description(path, {int(number): str(name) for number, name in pairs}, parts)


def _image_files(folder: Path, find: Finder) -> Iterator[tuple[Path, Path]]:
    """Each picture after the folder of pictures that it lies in, or should lie in when `find` has it elsewhere."""
    for place in _places(folder):
        here = [path for path in sorted(place.rglob("*")) if path.suffix.lower() in SUFFIXES]
        yield from ((place, path) for path in here)
        described = {path.with_suffix("") for path in here}
        for file in sorted(_labels_of(place).rglob("*.txt")):
            path = (place / file.relative_to(_labels_of(place))).with_suffix(".jpg")
            if path.with_suffix("") not in described and find(path) != path:
                yield place, path


def _places(folder: Path) -> list[Path]:
    """The folders of pictures, there or not; each is `images` beside `labels`, or holds both."""
    places = [folder / "images", *(path.with_name("images") for path in sorted(folder.glob("*/labels")))]
    places += sorted(folder.glob("*/images"))
    return list(dict.fromkeys([*places, *sorted(folder.glob("obj_*_data"))]))


def _labels_of(place: Path) -> Path:
    return place.parent / "labels" if place.name == "images" else place


def _lines(file: Path, problems: list[str]) -> list[str] | None:
    """The lines that say something; a file that is not there says nothing, one that cannot be read is None."""
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as e:
        problems.append(f"{file}: cannot be read ({type(e).__name__}); its picture is left out")
        return None


def _raw_annotations(
    file: Path, lines: list[str], told: _Description, problems: list[str]
) -> Iterator[RawAnnotation]:
    """The faces in the lines of a label file."""
    for number, line in enumerate(lines, 1):
        place = f"{file}: line {number}"
        try:
            kind, *shares = line.split()
            name = told.names.get(int(kind))
            x, y, width, height = map(float, shares)
        except ValueError:
            problems.append(f"{place}: is no class and four numbers: {line.strip()[:60]!r}; left out")
            continue
        if name is None:
            problems.append(f"{place}: class {kind} has no name in {told.path.name}; left out")
        elif (label := annotation_label_of(name)) is not None:  # an unknown class was told once
            box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            yield RawAnnotation(place, label, box, in_shares=True)


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, each before its labels, and `data.yaml` last.

    Raises `DataError`, before the first, where a label has no box, or two pictures' names differ in their
    endings alone.
    """
    refuse_shared_names(images)
    return _entries(images, [boxed(image) for image in images])


def _entries(
    images: Sequence[LabelledImage], faces_of: list[list[tuple[AnnotationLabel, Box]]]
) -> Iterator[Entry]:
    for image, faces in zip(images, faces_of, strict=True):
        yield Entry(f"images/{image.key}", image.path)
        lines = _as_lines(faces, image_size(image.path)) if faces else []
        name = str(PurePosixPath("labels", image.key).with_suffix(".txt"))
        yield Entry(name, "".join(line + "\n" for line in lines).encode())
    lists = {}
    for part, name in LISTS.items():
        keys = [image.key for image in images if image.split is part]
        if keys:
            yield Entry(f"{name}.txt", "".join(f"./images/{key}\n" for key in keys).encode())
        if keys or part is not Split.TEST:  # the first two are always asked for
            lists[name] = f"{name}.txt" if keys else "images"
    names = {number: label.value for number, label in enumerate(LABELS)}
    yield Entry("data.yaml", yaml.safe_dump(lists | {"names": names}, sort_keys=False).encode())


def _as_lines(faces: list[tuple[AnnotationLabel, Box]], size: tuple[int, int]) -> Iterator[str]:
    width, height = size
    for label, box in faces:
        x, y = box.centre
        shares = (x / width, y / height, box.width / width, box.height / height)
        yield " ".join([str(LABELS.index(label)), *(f"{share:.6f}" for share in shares)])
