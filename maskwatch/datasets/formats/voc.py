"""Pascal VOC: an XML file a picture, in `Annotations/` beside `JPEGImages/`, or `annotations/` beside `images/`.

Boxes are corners in pixels, taken as they stand; they are written with fractions. Lists in `ImageSets/Main/`
tell the parts.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml import EntitiesForbidden
from defusedxml.ElementTree import parse

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
    known_label,
    part_of,
    refuse_shared_names,
)
from maskwatch.datasets.formats.sizes import image_size
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Split
from maskwatch.sources.images import SUFFIXES

LAYOUTS = (("Annotations", "JPEGImages"), ("annotations", "images"))
LISTS = {Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}
SIDES = ("xmin", "ymin", "xmax", "ymax")


def matches(folder: Path) -> bool:
    return any(next((folder / name).rglob("*.xml"), None) is not None for name, _ in LAYOUTS)


def read(folder: Path, find: Finder = in_place) -> DataSet:
    """Never raises: an XML file that cannot be read is a problem of its picture."""
    annotations, image_folder = next(
        (folder / a, folder / i) for a, i in LAYOUTS if next((folder / a).rglob("*.xml"), None)
    )
    problems: list[str] = []
    parts = _parts(folder, problems)
    images: list[LabelledImage] = []
    described = set()
    for file in sorted(annotations.rglob("*.xml")):
        inside = file.relative_to(annotations)
        try:
            root = _parsed(file)
        except DataError as e:
            problems.append(str(e))
            described |= {
                path.relative_to(image_folder) for path in image_folder.glob(f"{inside.with_suffix('')}.*")
            }
            continue
        name = (root.findtext("filename") or "").strip() or _named_alike(image_folder, inside)
        key = str(inside.parent / name)
        described.add(Path(key))
        part = parts.get(str(inside.with_suffix(""))) or part_of(key)
        raw_annotations = list(_raw_annotations(root, file, problems))
        image = annotated_image(find(image_folder / key), key, raw_annotations, problems, part)
        images += [] if image is None else [image]
    alone = [
        path
        for path in sorted(image_folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.relative_to(image_folder) not in described
    ]
    problems += [f"{path}: no file in {annotations.name} describes it; left out" for path in alone]
    bare = sum(not image.truths for image in images)
    if bare:
        problems.append(f"{folder}: {bare} pictures without a label are used as pictures without faces")
    return DataSet(images, problems)


def _parsed(path: Path) -> Element:
    """The root of a file of strangers. Raises `DataError`, naming it, when it is no XML or declares entities."""
    try:
        root: Element = parse(path).getroot()
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from e
    except EntitiesForbidden as e:
        raise DataError(f"{path}: declares the entity {e.name!r}; files with entities are not read") from e
    except (ParseError, ValueError, LookupError) as e:  # also an encoding that is none
        raise DataError(f"{path}: is not XML ({e})") from e
    return root


def _named_alike(image_folder: Path, inside: Path) -> str:
    found = sorted((image_folder / inside.parent).glob(f"{inside.stem}.*"))
    return found[0].name if found else f"{inside.stem}.jpg"


def _parts(folder: Path, problems: list[str]) -> dict[str, Split]:
    """By the pictures' names without ending."""
    parts: dict[str, Split] = {}
    for name, part in PARTS.items():
        path = folder / "ImageSets" / "Main" / f"{name}.txt"
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        except (OSError, ValueError) as e:
            problems.append(f"{path}: cannot be read ({type(e).__name__})")
            continue
        parts |= {line.strip(): part for line in lines}
    return parts


def _raw_annotations(root: Element, file: Path, problems: list[str]) -> Iterator[RawAnnotation]:
    for number, item in enumerate(root.findall("object"), 1):
        place = f"{file}: object {number}"
        try:
            box = Box(*(float(item.findtext(f"bndbox/{side}") or "") for side in SIDES))
        except ValueError:
            problems.append(f"{place}: has no box of four numbers; left out")
            continue
        label = known_label(item.findtext("name") or "", place, problems)
        if label is not None:
            yield RawAnnotation(place, label, box)


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, each before its XML file.

    Raises `DataError`, before the first, where a label has no box, or two pictures' names differ in their
    endings alone.
    """
    refuse_shared_names(images)
    return _entries(images, [boxed(image) for image in images])


def _entries(
    images: Sequence[LabelledImage], faces_of: list[list[tuple[AnnotationLabel, Box]]]
) -> Iterator[Entry]:
    for image, faces in zip(images, faces_of, strict=True):
        root = _as_xml(image, faces)
        yield Entry(f"JPEGImages/{image.key}", image.path)
        name = str(PurePosixPath("Annotations", image.key).with_suffix(".xml"))
        yield Entry(name, tostring(root, encoding="utf-8", xml_declaration=True))
    for part, name in LISTS.items():
        keys = [str(PurePosixPath(p.key).with_suffix("")) for p in images if p.split is part]
        if keys:
            text = "".join(f"{key}\n" for key in keys)
            yield Entry(f"ImageSets/Main/{name}.txt", text.encode())


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
