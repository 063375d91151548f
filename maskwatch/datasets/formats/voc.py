"""Pascal VOC: an XML file a picture, in `Annotations/` beside `JPEGImages/`, or `annotations/` beside `images/`.

Boxes are corners in pixels, taken as they stand; they are written with fractions. Lists in `ImageSets/Main/`
tell the parts.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.marks import (
    PARTS,
    Finder,
    Mark,
    boxed,
    in_place,
    known_label,
    marked_picture,
    part_of,
    refuse_shared_names,
)
from maskwatch.datasets.formats.safe_xml import parse
from maskwatch.datasets.formats.sizes import picture_size
from maskwatch.datasets.labels import MarkLabel
from maskwatch.datasets.records import DataSet, LabelledPicture, Part
from maskwatch.sources.images import SUFFIXES

LAYOUTS = (("Annotations", "JPEGImages"), ("annotations", "images"))
LISTS = {Part.TRAIN: "train", Part.VALIDATION: "val", Part.TEST: "test"}
SIDES = ("xmin", "ymin", "xmax", "ymax")


def matches(folder: Path) -> bool:
    return any(next((folder / name).rglob("*.xml"), None) is not None for name, _ in LAYOUTS)


def read(folder: Path, find: Finder = in_place) -> DataSet:
    """Never raises: an XML file that cannot be read is a problem of its picture."""
    annotations, images = next(
        (folder / a, folder / i) for a, i in LAYOUTS if next((folder / a).rglob("*.xml"), None)
    )
    problems: list[str] = []
    parts = _parts(folder, problems)
    pictures: list[LabelledPicture] = []
    described = set()
    for file in sorted(annotations.rglob("*.xml")):
        inside = file.relative_to(annotations)
        try:
            root = parse(file)
        except DataError as e:
            problems.append(str(e))
            described |= {path.relative_to(images) for path in images.glob(f"{inside.with_suffix('')}.*")}
            continue
        name = (root.findtext("filename") or "").strip() or _named_alike(images, inside)
        key = str(inside.parent / name)
        described.add(Path(key))
        part = parts.get(str(inside.with_suffix(""))) or part_of(key)
        marks = list(_marks(root, file, problems))
        picture = marked_picture(find(images / key), key, marks, problems, part)
        pictures += [] if picture is None else [picture]
    alone = [
        path
        for path in sorted(images.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.relative_to(images) not in described
    ]
    problems += [f"{path}: no file in {annotations.name} describes it; left out" for path in alone]
    bare = sum(not picture.truths for picture in pictures)
    if bare:
        problems.append(f"{folder}: {bare} pictures without a label are used as pictures without faces")
    return DataSet(pictures, problems)


def _named_alike(images: Path, inside: Path) -> str:
    found = sorted((images / inside.parent).glob(f"{inside.stem}.*"))
    return found[0].name if found else f"{inside.stem}.jpg"


def _parts(folder: Path, problems: list[str]) -> dict[str, Part]:
    """By the pictures' names without ending."""
    parts: dict[str, Part] = {}
    for name, part in PARTS.items():
        path = folder / "ImageSets" / "Main" / f"{name}.txt"
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        except (OSError, ValueError) as e:
            problems.append(f"{path}: cannot be read ({type(e).__name__})")
            continue
        parts |= {line.strip(): part for line in lines}
    return parts


def _marks(root: Element, file: Path, problems: list[str]) -> Iterator[Mark]:
    for number, item in enumerate(root.findall("object"), 1):
        place = f"{file}: object {number}"
        try:
            box = Box(*(float(item.findtext(f"bndbox/{side}") or "") for side in SIDES))
        except ValueError:
            problems.append(f"{place}: has no box of four numbers; left out")
            continue
        label = known_label(item.findtext("name") or "", place, problems)
        if label is not None:
            yield Mark(place, label, box)


def entries(pictures: Sequence[LabelledPicture]) -> Iterator[Entry]:
    """The pictures, each before its XML file.

    Raises `DataError`, before the first, where a label has no box, or two pictures' names differ in their
    endings alone.
    """
    refuse_shared_names(pictures)
    return _entries(pictures, [boxed(picture) for picture in pictures])


def _entries(
    pictures: Sequence[LabelledPicture], faces_of: list[list[tuple[MarkLabel, Box]]]
) -> Iterator[Entry]:
    for picture, faces in zip(pictures, faces_of, strict=True):
        root = _as_xml(picture, faces)
        yield Entry(f"JPEGImages/{picture.key}", picture.path)
        name = str(PurePosixPath("Annotations", picture.key).with_suffix(".xml"))
        yield Entry(name, tostring(root, encoding="utf-8", xml_declaration=True))
    for part, name in LISTS.items():
        keys = [str(PurePosixPath(p.key).with_suffix("")) for p in pictures if p.part is part]
        if keys:
            text = "".join(f"{key}\n" for key in keys)
            yield Entry(f"ImageSets/Main/{name}.txt", text.encode())


def _as_xml(picture: LabelledPicture, faces: list[tuple[MarkLabel, Box]]) -> Element:
    width, height = picture_size(picture.path)
    root = Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", PurePosixPath(picture.key).name)
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
