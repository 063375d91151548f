"""CVAT's own XML ("CVAT for images"): `annotations.xml` beside `images/`, boxes as corners in pixels.

An image's `subset` tells its part. Of a polygon or a mask the box about it counts; tags of a known class are of the whole
picture where no shape is drawn.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

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
)
from maskwatch.datasets.formats.parts import part_named, part_of, plain_path
from maskwatch.datasets.formats.pictures import Pictures
from maskwatch.datasets.formats.xml_file import parse_xml
from maskwatch.datasets.records import DataSet

ANNOTATIONS = "annotations.xml"
SIDES = ("xtl", "ytl", "xbr", "ybr")


def matches(folder: Path) -> bool:
    """Whether `annotations.xml` lies in the folder; it is not opened."""
    return (folder / ANNOTATIONS).is_file()


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Raises `DataError` when the file is no XML of CVAT, or one of a video."""
    path = folder / ANNOTATIONS
    root = parse_xml(path)
    if root.tag != "annotations" or root.find("track") is not None:
        raise DataError(f"{path}: is not CVAT's XML of images (export tracks as COCO, YOLO or VOC)")
    names = {(each.text or "").strip() for each in root.iterfind(".//label/name")}
    builder = DatasetBuilder(classes, find, declared_in=path, pictures=Pictures(folder))
    builder.declared |= names
    for number, item in enumerate(root.findall("image"), 1):
        name = plain_path(item.get("name") or "")
        if not name:
            builder.problems.append(f"{path}: image {number}: has no name; left out")
            continue
        place, key = _place(folder, name, builder)
        split = part_named(item.get("subset") or "") or part_of(key)
        regions = list(_raw_annotations(item, f"{path}: image {name}"))
        tags = (tag.get("label") or "" for tag in item.findall("tag"))
        whole = next((tag for tag in tags if classes.meaning(tag, names) is not None), "")
        builder.add(Described(place, key, regions, split, _size(item), whole))
    return builder.finished()


def _place(folder: Path, name: str, builder: DatasetBuilder) -> tuple[Path, str]:
    for base in (folder / "images", folder):
        if builder.find(base / name).is_file():
            return base / name, name
    for base in (folder / "images", folder):
        like = builder.meant_by(base / name)
        if like is not None:
            return like, str(like.relative_to(folder)).removeprefix("images/")
    return folder / "images" / name, name


def _size(item: Element) -> tuple[int, int] | None:
    try:
        return int(item.get("width") or ""), int(item.get("height") or "")
    except MALFORMED:
        return None


def _raw_annotations(item: Element, place: str) -> Iterator[RawAnnotation]:
    for number, shape in enumerate((each for each in item if each.tag != "tag"), 1):
        where, name = f"{place}: {shape.tag} {number}", (shape.get("label") or "").strip()
        try:
            yield RawAnnotation(where, name, _box(shape))
        except MALFORMED as e:
            yield RawAnnotation(where, name, None, fault=f"cannot be read ({e})")


def _box(shape: Element) -> Box:
    """The box of a shape, or about it. Raises `ValueError`."""
    if shape.tag == "polygon":
        corners = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
        return box_about(
            *([float(corner[axis]) for corner in corners if len(corner) == 2] for axis in (0, 1))
        )
    if shape.tag == "mask":
        left, top, width, height = (
            float(shape.get(side) or "") for side in ("left", "top", "width", "height")
        )
        return Box(left, top, left + width, top + height)
    if shape.tag != "box" or float(shape.get("rotation") or 0):
        turned = " that is turned" if shape.tag == "box" else ""
        raise ValueError(f"a {shape.tag}{turned}")
    return Box(*(float(shape.get(side) or "") for side in SIDES))
