"""COCO: `annotations.json` beside `images/`, boxes as x, y, width, height in pixels.

Read are also Label Studio's `result.json`, `annotations/*.json` of CVAT and Datumaro, whose pictures may lie in
`images/{train,val,test}/`, Roboflow's `{train,valid,test}/_annotations.coco.json` and FiftyOne's `labels.json`
beside `data/`. Where an annotation has no box, that of its polygons counts. An image may say its `part` (train,
validation, test), which other readers of COCO pass over; else the names of file and folders tell it.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import (
    DatasetBuilder,
    Described,
    Finder,
    RawAnnotation,
    box_about,
    in_place,
    require_boxes,
)
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.parts import PARTS, part_named, part_of, plain_path
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage
from maskwatch.sources.images import image_size

ANNOTATIONS = "annotations.json"
ROBOFLOW = "_annotations.coco.json"
LABELS = tuple(AnnotationLabel)

OUTWARDS = re.compile(
    r"/|[a-zA-Z][\w+.-]*:|(.*/)?\.\.(/|$)"
)  # absolute, with a drive or of the web, or with `..`


def matches(folder: Path) -> bool:
    """Whether a file stands where COCO's annotations are usually exported to; it is not opened."""
    return bool(_files(folder))


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Raises `DataError` when no file is COCO."""
    builder = DatasetBuilder(classes, find)
    files = _files(folder)
    for path in files:
        try:
            _read(path, folder, builder)
        except DataError as e:
            if len(files) == 1:
                raise
            builder.problems.append(f"{e}; left out")
    if len(files) == 1:
        builder.declared_in = files[0]
    if not builder.described and builder.problems:
        raise DataError(builder.problems[0])
    return builder.finished()


def _files(folder: Path) -> list[Path]:
    """Ours and the like, Label Studio's, FiftyOne's, or those of CVAT and of Roboflow, one a part."""
    names = (ANNOTATIONS, "result.json", ROBOFLOW)
    alone = [path for name in names if (path := folder / name).is_file()]
    if not alone and (folder / "data").is_dir() and (folder / "labels.json").is_file():
        alone = [folder / "labels.json"]
    several = sorted((folder / "annotations").glob("*.json"))
    return alone[:1] or several or sorted(folder.glob(f"*/{ROBOFLOW}"))


def _read(path: Path, folder: Path, builder: DatasetBuilder) -> None:
    try:
        coco = json.loads(path.read_bytes())
        image_entries, annotations = list(coco["images"]), list(coco["annotations"])
        names = {_id(c["id"]): str(c["name"]) for c in coco["categories"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e
    builder.declared |= set(names.values())
    ids = Counter(_id(entry["id"]) for entry in image_entries if isinstance(entry, dict) and "id" in entry)
    raw_annotations, lost = _raw_annotations(annotations, names, ids.keys(), path, builder)
    for number, entry in enumerate(image_entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            builder.problems.append(f"{path}: image {number} in the list: has no file_name; left out")
            continue
        place, key = _place(folder, path, name, builder.find)
        split = PARTS.get(str(entry.get("part")).lower()) or part_named(path.stem) or part_of(key)
        own, fault = raw_annotations[_id(entry.get("id"))], ""
        if ids[_id(entry.get("id"))] != 1:
            own, fault = [], "has no id of its own, so which faces are its is not known"
        elif lost and not own:
            fault = f"may be the one to which {lost} annotations without an image of the list belong"
        if fault:
            own = [RawAnnotation(f"{path}: image {name}", "", None, fault=fault)]
        builder.add(Described(place, key, own, split))


def _place(folder: Path, file: Path, name: str, find: Finder) -> tuple[Path, str]:
    """Where a picture lies, and its key.

    Names are below `images/`, or, where that is absent or a part of the name, below the folder. Other tools have
    them below `images/PART/`, `PART/` or `data/`, or beside the file. A name that leads out of the set, as the
    machine that wrote it had it, counts by its end.
    """
    part = re.sub(r"^(instances|person_keypoints|image_info)_", "", file.stem)
    plain = plain_path(name)
    bases = (folder / "images", folder, folder / "images" / part, folder / part, folder / "data", file.parent)
    leads_out = OUTWARDS.match(name.replace("\\", "/")) is not None
    for end in dict.fromkeys([plain, PurePosixPath(plain).name.split("?")[0]] if leads_out else [plain]):
        for base in bases:
            path = base / end
            if end and find(path).is_file():
                is_plain = base in bases[:2]
                return path, end if is_plain else str(path.relative_to(folder)).removeprefix("images/")
    return folder / "images" / (name if leads_out else plain), name if leads_out else plain


def _id(value: Any) -> str:
    """Tools write one id as 7, 7.0 or "7"; a broken file may have anything there."""
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"-?\d+\.0", text) else text


def _raw_annotations(
    annotations: list[Any],
    names: dict[str, str],
    image_entries: Collection[str],
    path: Path,
    builder: DatasetBuilder,
) -> tuple[dict[str, list[RawAnnotation]], int]:
    """The marked faces of each image, by its id, and how many belong to none."""
    raw_annotations: dict[str, list[RawAnnotation]] = defaultdict(list)
    lost = 0
    for number, annotation in enumerate(annotations):
        place = f"{path}: annotation {number} in the list"
        try:
            place = f"{path}: annotation {annotation['id']}" if "id" in annotation else place
            entry = _id(annotation["image_id"])
        except (KeyError, TypeError) as e:
            builder.problems.append(f"{place}: is malformed ({type(e).__name__}: {e}); left out")
            lost += 1
            continue
        if entry in image_entries:
            raw_annotations[entry].append(_mark(annotation, names, place, builder.classes))
        else:
            builder.problems.append(f"{place}: image {entry} is not in the list; left out")
            lost += 1
    return raw_annotations, lost


def _mark(
    annotation: dict[str, Any], names: dict[str, str], place: str, classes: ClassNames
) -> RawAnnotation:
    try:
        box = _box(annotation)
    except (KeyError, TypeError, ValueError) as e:
        return RawAnnotation(place, "", None, fault=f"is malformed ({type(e).__name__}: {e})")
    number = _id(annotation.get("category_id"))
    name = names.get(number, number if classes.is_said(number) else None)
    if name is None:
        return RawAnnotation(place, "", box, fault=f"category {number} is not in the list")
    is_crowd = any(str(annotation.get(key, 0)).lower() in {"1", "true"} for key in ("iscrowd", "ignore"))
    return RawAnnotation(place, name, box, is_crowd=is_crowd)


def _box(annotation: dict[str, Any]) -> Box:
    """The box, or the one about the polygons. Raises `KeyError`, `TypeError` and `ValueError`."""
    polygons = annotation.get("segmentation")
    given = annotation.get("bbox")
    if isinstance(polygons, list) and polygons and not (given and len(given) == 4 and any(given[2:])):
        numbers = [float(v) for polygon in polygons for v in polygon]
        return box_about(numbers[0::2], numbers[1::2])
    x, y, width, height = map(float, annotation["bbox"])
    return Box(x, y, x + width, y + height)


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, and `annotations.json` last. Raises `DataError`, before the first, where a label has no box."""
    return _entries(images, [require_boxes(image) for image in images])


def _entries(
    images: Sequence[LabelledImage], faces_of: list[list[tuple[AnnotationLabel, Box]]]
) -> Iterator[Entry]:
    image_entries: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, (image, faces) in enumerate(zip(images, faces_of, strict=True), 1):
        yield Entry(f"images/{image.key}", image.path)
        width, height = image_size(image.path)
        entry = {"id": number, "file_name": image.key, "width": width, "height": height}
        image_entries.append(entry | ({"part": image.split} if image.split else {}))
        for label, box in faces:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": LABELS.index(label) + 1,
                    "bbox": [round(v, 2) for v in (box.x1, box.y1, box.width, box.height)],
                    "area": round(box.width * box.height, 2),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": n, "name": label} for n, label in enumerate(LABELS, 1)]
    coco = {"images": image_entries, "annotations": annotations, "categories": categories}
    yield Entry(ANNOTATIONS, json.dumps(coco, ensure_ascii=False, indent=1).encode(errors="backslashreplace"))
