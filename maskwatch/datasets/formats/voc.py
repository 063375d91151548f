"""Pascal VOC: an XML file a picture, in `Annotations/` beside `JPEGImages/`, or `annotations/` beside `images/`.

Read are also FiftyOne's `labels/` beside `data/`, XML files beside their pictures, as LabelImg leaves them, and each of
these in `{train,valid,test}/`, as Roboflow has them. Boxes are corners in pixels, taken as they stand; they are written
with fractions. Of a polygon the box about it counts; what is `difficult` is unclear. Lists in `ImageSets/Main/` tell the
parts. Written are also `labelmap.txt` and a list for pictures of no part, without which CVAT and Datumaro read nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from maskwatch.core.errors import MALFORMED, DataError
from maskwatch.core.records import Box
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import (
    DatasetBuilder,
    Described,
    Finder,
    RawAnnotation,
    box_about,
    in_place,
    refuse_shared_names,
    require_boxes,
)
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.parts import PARTS, part_named, part_of, plain_path, read_text
from maskwatch.datasets.formats.pictures import Pictures
from maskwatch.datasets.formats.xml_file import parse_xml
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Note, Split
from maskwatch.sources.images import SUFFIXES, image_size

LAYOUTS = (("Annotations", "JPEGImages"), ("annotations", "images"), ("labels", "data"), (".", "."))
LISTS = {None: "default", Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}
LABELMAP = "# label:color_rgb:parts:actions\n"
COLOURS = {
    AnnotationLabel.PROTECTED: (64, 160, 255),
    AnnotationLabel.UNPROTECTED: (255, 110, 40),
    AnnotationLabel.WORN_WRONG: (138, 43, 226),
    AnnotationLabel.UNKNOWN: (128, 128, 128),
}
SIDES = ("xmin", "ymin", "xmax", "ymax")


def matches(folder: Path) -> bool:
    """Whether there are XML files of pictures where a tool would have them."""
    return bool(_places(folder))


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder of XML files and that of their pictures, in `base`: the set's folder `root`, or that of a part."""

    root: Path
    base: Path
    annotations: Path
    images: Path

    def files(self) -> list[Path]:
        """The XML files: all below, but of a folder that holds the pictures, too, only its own."""
        beside = self.annotations == self.images
        return sorted(self.annotations.glob("*.xml") if beside else self.annotations.rglob("*.xml"))

    def key(self, path: Path) -> str:
        """The key of a picture, which a part's folder begins."""
        inside = path.relative_to(self.images if path.is_relative_to(self.images) else self.root)
        return str(self.base.relative_to(self.root) / inside)


def _places(folder: Path) -> list[_Place]:
    """Where the set has XML files: of a layout of the folder itself, else of each of its parts."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    for bases in ([folder], [path for path in inside if part_named(path.name)]):
        found = [place for base in bases for place in _place(folder, base)]
        if found:
            return found
    return []


def _place(folder: Path, base: Path) -> list[_Place]:
    for labels, images in LAYOUTS:
        place = _Place(folder, base, base / labels, base / images)
        files = place.files()
        if files and (place.annotations != place.images or any(map(_is_voc, files))):
            return [place]
    return []


def _is_voc(path: Path) -> bool:
    """Whether an XML file is of one picture: a folder of pictures may hold others."""
    try:
        return parse_xml(path).tag == "annotation"
    except DataError:
        return False


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Never raises: an XML file that cannot be read is a problem of its picture."""
    builder = DatasetBuilder(classes, find, pictures=Pictures(folder))
    splits = _parts(folder, builder.problems)
    for place in _places(folder):
        _read_place(place, splits, builder)
    data = builder.finished()
    bare = sum(not image.truths and not image.unclear for image in data.images)
    if bare:
        line = f"{folder}: {bare} pictures without a label are used as pictures without faces"
        data.problems.append(Note(line))
    return data


def _read_place(place: _Place, splits: dict[str, Split], builder: DatasetBuilder) -> None:
    described = set()
    for file in place.files():
        inside = file.relative_to(place.annotations)
        try:
            root = parse_xml(file)
        except DataError as e:
            builder.problems.append(str(e))
            described |= set(_alike(place.images, inside))
            continue
        path = _picture(root, place, inside, builder)
        described.add(path)
        key = place.key(path)
        split = (
            splits.get(str(inside.with_suffix("")))
            or part_of(key)
            or part_of(str(path.relative_to(place.root)))
        )
        builder.add(Described(path, key, list(_raw_annotations(root, file)), split, _size(root)))
    beside = place.annotations == place.images
    alone = [
        path
        for path in sorted(place.images.glob("*") if beside else place.images.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path not in described
    ]
    builder.problems += [
        f"{path}: no file in {place.annotations.name} describes it; left out" for path in alone
    ]


def _size(root: Element) -> tuple[int, int] | None:
    try:
        return int(root.findtext("size/width") or ""), int(root.findtext("size/height") or "")
    except MALFORMED:
        return None


def _picture(root: Element, place: _Place, inside: Path, builder: DatasetBuilder) -> Path:
    """The picture that is named like the file, else the one that the file names: after a renaming it names another."""
    here = place.images / inside.parent
    alike = [path.name for path in _alike(place.images, inside) if path.suffix.lower() in SUFFIXES]
    told = (root.findtext("filename") or "").strip().replace("\\", "/")
    if alike and told not in alike:
        return here / alike[0]
    ends = [told] if told else []
    ends += [f"{inside.stem}{suffix}" for suffix in sorted(SUFFIXES)]
    there = next((end for end in ends if builder.find(here / end).is_file()), None)
    if there is None:
        like = builder.meant_by(here / inside.stem) or (builder.meant_by(here / told) if told else None)
        return like or here / (told or f"{inside.stem}.jpg")
    return here / there


def _alike(image_folder: Path, inside: Path) -> list[Path]:
    """The pictures, and what else, that are named like a file of annotations."""
    return sorted((image_folder / inside.parent).glob(f"{escape(inside.stem)}.*"))


def _parts(folder: Path, problems: list[str]) -> dict[str, Split]:
    """By the pictures' names without ending."""
    splits: dict[str, Split] = {}
    for name, split in PARTS.items():
        path = folder / "ImageSets" / "Main" / f"{name}.txt"
        try:
            lines = read_text(path).splitlines() if path.is_file() else []
        except (OSError, ValueError) as e:
            problems.append(f"{path}: cannot be read ({type(e).__name__})")
            continue
        names = map(plain_path, lines)
        splits |= {name[: -len(end)] if (end := _ending(name)) else name: split for name in names}
    return splits


def _ending(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return suffix if suffix.lower() in SUFFIXES | {".xml"} else ""


def _raw_annotations(root: Element, file: Path) -> Iterator[RawAnnotation]:
    for number, item in enumerate(root.findall("object"), 1):
        place, name = f"{file}: object {number}", (item.findtext("name") or "").strip()
        try:
            box = _box(item)
        except MALFORMED:
            yield RawAnnotation(place, name, None, fault="has no box of four numbers")
        else:
            is_crowd = (item.findtext("difficult") or "").strip().lower() in {"1", "true"}
            yield RawAnnotation(place, name, box, is_crowd=is_crowd)


def _box(item: Element) -> Box:
    """The box, or the one about the polygon. Raises `ValueError`."""
    try:
        return Box(*(float(item.findtext(f"bndbox/{side}") or "") for side in SIDES))
    except ValueError:
        corners = item.find("polygon")
        if corners is None:
            raise
        numbers = [(each.tag[0], float(each.text or "")) for each in corners.iter() if each.tag[0] in "xy"]
        return box_about(*([v for axis, v in numbers if axis == wanted] for wanted in "xy"))


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, each before its XML file, then the lists of the parts and of the labels.

    Raises `DataError`, before the first, where a label has no box, or two pictures' names differ in their
    endings alone.
    """
    refuse_shared_names(images)
    return _entries(images, [require_boxes(image) for image in images])


def _entries(
    images: Sequence[LabelledImage], faces_of: list[list[tuple[AnnotationLabel, Box]]]
) -> Iterator[Entry]:
    for image, faces in zip(images, faces_of, strict=True):
        root = _as_xml(image, faces)
        yield Entry(f"JPEGImages/{image.key}", image.path)
        name = str(PurePosixPath("Annotations", image.key).with_suffix(".xml"))
        yield Entry(name, tostring(root, encoding="utf-8", xml_declaration=True))
    for split, name in LISTS.items():
        keys = [str(PurePosixPath(p.key).with_suffix("")) for p in images if p.split is split]
        if keys:
            text = "".join(f"{key}\n" for key in keys)
            yield Entry(f"ImageSets/Main/{name}.txt", text.encode())
    labels = [f"{label.value}:{','.join(map(str, colour))}::\n" for label, colour in COLOURS.items()]
    yield Entry("labelmap.txt", "".join([LABELMAP, "background:0,0,0::\n", *labels]).encode())


def _as_xml(image: LabelledImage, faces: list[tuple[AnnotationLabel, Box]]) -> Element:
    width, height = image_size(image.path)
    root = Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", PurePosixPath(image.key).name)
    size = SubElement(root, "size")
    for name, count in (("width", width), ("height", height), ("depth", 3)):
        _add(size, name, str(count))
    _add(root, "segmented", "0")
    for label, box in faces:
        item = SubElement(root, "object")
        for name, text in (
            ("name", label.value),
            ("pose", "Unspecified"),
            ("truncated", "0"),
            ("difficult", "0"),
        ):
            _add(item, name, text)
        corners = SubElement(item, "bndbox")
        for side, value in zip(SIDES, box, strict=True):
            _add(corners, side, f"{value:.2f}")
    indent(root)
    return root


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text
