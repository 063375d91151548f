"""YOLO: a text file a picture, a line a face: class, centre x and y, width and height as shares of the picture.

The names of the classes stand in `data.yaml` or `classes.txt`. Two layouts are read, `images/…` beside
`labels/…` and `train/images/…` beside `train/labels/…`; the first is written. CVAT's older layout, `obj.names`
and `obj_…_data/` with both, is read, too, FiftyOne's `dataset.yaml`, and pictures and labels in one folder, or one a
part, as LabelImg and Roboflow's darknet have them. A line may go on with a confidence, with key points where
`data.yaml` has their `kpt_shape`, or be a polygon, of which the box about it counts. Lists of pictures, wherever they lay
when those were written, or folders called train, val and test, tell the parts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from maskwatch.core.errors import MALFORMED, DataError
from maskwatch.core.records import Box
from maskwatch.core.text import pluralize
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import (
    DatasetBuilder,
    Described,
    Finder,
    RawAnnotation,
    absent,
    box_about,
    in_place,
    refuse_shared_names,
    require_boxes,
)
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.parts import PARTS, part_named, part_of, parts_by_list, plain_path, read_text
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Note, Split
from maskwatch.sources.images import SUFFIXES, image_size

LABELS = tuple(AnnotationLabel)
DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names", "_darknet.labels")
NO_LABELS = {
    "classes.txt",
    *(f"{name}.txt" for name in PARTS),
    "images.txt",
}  # text files that may lie among labels
NO_LABELS |= {"labelmap.txt", "readme.txt", "readme.roboflow.txt", "readme.dataset.txt"}
LISTS = {Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}
BOX_NUMBERS, MIN_POLYGON = 4, 6


def matches(folder: Path) -> bool:
    """Whether there are `labels` and `images` folders, or a file that describes YOLO's classes."""
    layout = (folder / "labels").is_dir() and (folder / "images").is_dir()
    return layout or any((base / name).is_file() for base in _bases(folder) for name in DESCRIPTIONS)


def _bases(folder: Path) -> list[Path]:
    """The folder, and those of its parts."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [folder, *(path for path in inside if path.name.lower() in PARTS)]


@dataclass(frozen=True, slots=True)
class _Description:
    """Where the class names came from, and what `data.yaml` says of the parts: lists of pictures, or folders."""

    path: Path
    names: dict[int, str]
    parts: dict[str, Split] = field(default_factory=dict)
    has_key_points: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder of pictures and the folder of their labels, which may be the same."""

    images: Path
    labels: Path

    def key(self, path: Path, root: Path) -> str:
        inside = path.relative_to(self.images)
        if self.images in {root, root / "images"}:
            return str(inside)
        return str(self.images.parent.relative_to(root) / inside)


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """A picture without faces is a background. Raises `DataError` when nothing names the classes."""
    told = _description(folder)
    builder = DatasetBuilder(classes, find, declared=set(told.names.values()), declared_in=told.path)
    labelled, unlabelled = set(), Counter[Path]()
    bare = 0
    files = list(_image_files(folder, find))
    parts = _parts(folder, told, [str(path.relative_to(folder)) for _, path in files], builder.problems)
    for place, path in files:
        file = (place.labels / path.relative_to(place.images)).with_suffix(".txt")
        labelled.add(file)
        if not file.parent.is_dir():
            unlabelled[file.parent] += 1
            continue
        if not file.exists() and path.with_suffix(".xml").is_file():
            builder.problems.append(f"{path}: has an XML file beside it, and no {file.name}; left out")
            continue
        lines = _lines(file, builder.problems)
        bare += lines == []
        inside = str(path.relative_to(folder))
        key = place.key(path, folder)
        split = parts.get(inside) or part_of(key) or _part_of_folder(place, folder)
        if lines is not None:
            builder.add(Described(path, key, list(_raw_annotations(file, lines, told, classes)), split))
    described = {file: place for place in reversed(_places(folder)) for file in _label_files(place)}
    for file in sorted(described.keys() - labelled):
        place = described[file]
        reason = absent((place.images / file.relative_to(place.labels)).with_suffix(".jpg"))
        builder.problems.append(f"{file}: its picture is missing" if "is missing" in reason else reason)
    for missing, count in unlabelled.items():
        builder.problems.append(
            f"{missing}: is missing; {pluralize(count, 'picture')} without labels left out"
        )
    if bare:
        line = f"{folder}: {bare} pictures without labels are used as pictures without faces"
        builder.problems.append(Note(line))
    return builder.finished()


def _description(folder: Path) -> _Description:
    described = [base / name for name in DESCRIPTIONS for base in (folder, folder / "labels")]
    described += [base / name for base in _bases(folder)[1:] for name in DESCRIPTIONS]
    described += [path for path in sorted(folder.glob("*.y*ml")) if path not in described]
    for path in described:
        if path.is_file():
            try:
                text = read_text(path)
                return _from_yaml(path, text) if path.suffix in {".yaml", ".yml"} else _from_list(path, text)
            except (OSError, *MALFORMED, yaml.YAMLError) as e:
                reason = str(e).replace("\n", " ")
                raise DataError(f"{path}: cannot be read ({type(e).__name__}: {reason})") from e
    raise DataError(f"{folder}: neither data.yaml nor classes.txt names the classes")


def _from_list(path: Path, text: str) -> _Description:
    """A class has the number of its line, blank ones counted."""
    return _Description(path, {n: line.strip() for n, line in enumerate(text.splitlines()) if line.strip()})


def _from_yaml(path: Path, text: str) -> _Description:
    data: dict[str, Any] = yaml.safe_load(text)
    names = data["names"]
    pairs = list(names.items() if isinstance(names, dict) else enumerate(names))
    if any(isinstance(name, (list, dict)) for _, name in pairs):
        raise TypeError("a class's name is no word")
    parts: dict[str, set[Split]] = {}
    for key, split in PARTS.items():
        for value in data[key] if isinstance(data.get(key), list) else [data.get(key)]:
            if isinstance(value, str):
                parts.setdefault(plain_path(value), set()).add(split)
    # a folder that is train and val at once tells nothing
    told = {value: split for value, several in parts.items() for split in several if len(several) == 1}
    return _Description(path, {int(n): str(name) for n, name in pairs}, told, "kpt_shape" in data)


def _parts(folder: Path, told: _Description, known: Sequence[str], problems: list[str]) -> dict[str, Split]:
    """The parts of pictures, by their paths in the set, that `data.yaml` and lists tell."""
    there = {path.name.lower(): path.name for path in folder.glob("*.txt")}
    by_name = {there.get(f"{name}.txt", f"{name}.txt"): split for name, split in PARTS.items()}
    lists = by_name if told.path.suffix in {".txt", ".names"} else {}
    lists |= {name: split for name, split in told.parts.items() if name.endswith(".txt")}
    parts: dict[str, Split] = {}
    among = set(known)
    for name, split in lists.items():
        path = told.path.parent / name if (told.path.parent / name).is_file() else folder / name
        try:
            lines = read_text(path).splitlines() if path.is_file() else []
        except (OSError, ValueError) as e:
            problems.append(f"{path}: cannot be read ({type(e).__name__})")
            continue
        parts |= parts_by_list(lines, split, among)
    for name, split in told.parts.items():
        if not name.endswith(".txt"):
            parts |= {path: split for path in among - parts.keys() if path.startswith(f"{name}/")}
    return parts


def _part_of_folder(place: _Place, folder: Path) -> Split | None:
    """The part that CVAT names the folder after: `obj_train_data`."""
    return part_named(place.images.name) if place.images != folder else None


def _image_files(folder: Path, find: Finder) -> Iterator[tuple[_Place, Path]]:
    """Each picture after the place where it lies, or should lie in when `find` has it elsewhere."""
    for place in _places(folder):
        here = [path for path in sorted(place.images.rglob("*")) if path.suffix.lower() in SUFFIXES]
        yield from ((place, path) for path in here)
        described = {path.with_suffix("") for path in here}
        for file in _label_files(place):
            path = (place.images / file.relative_to(place.labels)).with_suffix(".jpg")
            if path.with_suffix("") not in described and find(path) != path:
                yield place, path


def _label_files(place: _Place) -> list[Path]:
    return [file for file in sorted(place.labels.rglob("*.txt")) if file.name.lower() not in NO_LABELS]


def _places(folder: Path) -> list[_Place]:
    """The folders of pictures: `images` beside `labels`, there or not, or those that hold both."""
    labels = [folder / "labels", *sorted(folder.glob("*/labels"))]
    images = [folder / "images", *sorted(folder.glob("*/images"))]
    apart = [path.with_name("images") for path in labels if path.is_dir()]
    apart += [path for path in images if path.is_dir()]
    places = [
        _Place(path, path.with_name("labels") if path.with_name("labels").is_dir() else path)
        for path in dict.fromkeys(apart)
    ]
    places += [_Place(path, path) for path in sorted(folder.glob("obj_*_data"))]
    return places or [_Place(folder, folder)]


def _lines(file: Path, problems: list[str]) -> list[str] | None:
    """The lines that say something; a file that is not there says nothing, one that cannot be read is None."""
    try:
        return [line for line in read_text(file).splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as e:
        problems.append(f"{file}: cannot be read ({type(e).__name__}); its picture is left out")
        return None


def _raw_annotations(
    file: Path, lines: list[str], told: _Description, classes: ClassNames
) -> Iterator[RawAnnotation]:
    """The faces in the lines of a label file."""
    for number, line in enumerate(lines, 1):
        place = f"{file}: line {number}"
        try:
            first, *shares = map(float, line.split())
            if not first.is_integer():
                raise ValueError(line)  # noqa: TRY301 - told like the other faults
            box = _box(shares, has_key_points=told.has_key_points)
        except MALFORMED:
            fault = f"is no class and four numbers, nor a polygon: {line.strip()[:60]!r}"
            yield RawAnnotation(place, "", None, fault=fault)
            continue
        kind = int(first)
        name = told.names.get(kind, str(kind) if classes.is_said(str(kind)) else None)
        fault = f"class {kind} has no name in {told.path.name}" if name is None else ""
        yield RawAnnotation(place, name or "", box, in_shares=True, fault=fault)


def _box(shares: list[float], *, has_key_points: bool) -> Box:
    """Raises `ValueError` for what is neither a box nor a polygon."""
    count = len(shares)
    if count in {BOX_NUMBERS, BOX_NUMBERS + 1} or (count > BOX_NUMBERS and has_key_points):
        x, y, width, height = shares[:BOX_NUMBERS]
        return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if count < MIN_POLYGON or count % 2:
        raise ValueError(count)
    return box_about(shares[0::2], shares[1::2])


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, each before its labels, and `data.yaml` last.

    Raises `DataError`, before the first, where a label has no box, or two pictures' names differ in their
    endings alone.
    """
    refuse_shared_names(images)
    return _entries(images, [require_boxes(image) for image in images])


def _entries(
    images: Sequence[LabelledImage], faces_of: list[list[tuple[AnnotationLabel, Box]]]
) -> Iterator[Entry]:
    for image, faces in zip(images, faces_of, strict=True):
        yield Entry(f"images/{image.key}", image.path)
        lines = _as_lines(faces, image_size(image.path)) if faces else []
        name = str(PurePosixPath("labels", image.key).with_suffix(".txt"))
        yield Entry(name, "".join(line + "\n" for line in lines).encode())
    lists = {}
    for split, name in LISTS.items():
        keys = [image.key for image in images if image.split is split]
        if keys:
            yield Entry(f"{name}.txt", "".join(f"./images/{key}\n" for key in keys).encode())
        if keys or split is not Split.TEST:  # the first two are always asked for
            lists[name] = f"{name}.txt" if keys else "images"
    names = {number: label.value for number, label in enumerate(LABELS)}
    yield Entry("data.yaml", yaml.safe_dump(lists | {"names": names}, sort_keys=False).encode())


def _as_lines(faces: list[tuple[AnnotationLabel, Box]], size: tuple[int, int]) -> Iterator[str]:
    width, height = size
    for label, box in faces:
        x, y = box.centre
        shares = (x / width, y / height, box.width / width, box.height / height)
        yield " ".join([str(LABELS.index(label)), *(f"{share:.6f}" for share in shares)])
