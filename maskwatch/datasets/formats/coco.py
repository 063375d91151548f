"""COCO: `annotations.json` beside `images/`, boxes as x, y, width, height in pixels.

Label Studio's `result.json` and CVAT's `annotations/*.json` are read, too.
An image may say its `part` (train, validation, test), which other readers of COCO pass over.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.marks import PARTS, Finder, RawAnnotation, annotated_image, boxed, in_place
from maskwatch.datasets.formats.sizes import image_size
from maskwatch.datasets.labels import AnnotationLabel, annotation_label_of
from maskwatch.datasets.records import DataSet, LabelledImage

ANNOTATIONS = "annotations.json"
LABELS = tuple(AnnotationLabel)


def matches(folder: Path) -> bool:
    return bool(_files(folder))


def read(folder: Path, find: Finder = in_place) -> DataSet:
    """Raises `DataError` when a file is not COCO."""
    found = [_read(path, folder, find) for path in _files(folder)]
    return DataSet([p for data in found for p in data.images], [p for data in found for p in data.problems])


def _files(folder: Path) -> list[Path]:
    """Ours and the like, Label Studio's, or those of CVAT, one a subset."""
    alone = [path for name in (ANNOTATIONS, "result.json") if (path := folder / name).is_file()]
    return alone[:1] or sorted((folder / "annotations").glob("*.json"))


def _read(path: Path, folder: Path, find: Finder) -> DataSet:
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        image_entries, annotations = list(coco["images"]), list(coco["annotations"])
        names = {c["id"]: str(c["name"]) for c in coco["categories"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e
    problems = [
        f"{path}: category {name!r} is unknown; its boxes are left out"
        for name in names.values()
        if annotation_label_of(name) is None
    ]
    raw_annotations = _raw_annotations(
        annotations, names, {_id(entry) for entry in image_entries}, path, problems
    )
    images = []
    for number, entry in enumerate(image_entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            problems.append(f"{path}: image {number} in the list: has no file_name; left out")
            continue
        part = PARTS.get(str(entry.get("part")))
        own = find(_place(folder, name))
        image = annotated_image(own, name, raw_annotations[_id(entry)], problems, part)
        images += [] if image is None else [image]
    return DataSet(images, problems)


def _place(folder: Path, name: str) -> Path:
    """Names are below `images/`, or, where that is absent or a part of the name, below the folder."""
    inside = folder / "images" / name
    return inside if inside.is_file() or not (folder / name).is_file() else folder / name


def _id(entry: Any) -> str:
    """As text: an id may be a number or a word, and a broken file may have anything there."""
    return repr(entry.get("id")) if isinstance(entry, dict) else ""


def _raw_annotations(
    annotations: list[Any], names: dict[Any, str], image_entries: set[str], path: Path, problems: list[str]
) -> dict[str, list[RawAnnotation]]:
    """The marked faces of each image, by its id."""
    raw_annotations: dict[str, list[RawAnnotation]] = defaultdict(list)
    for number, annotation in enumerate(annotations):
        place = f"{path}: annotation {number} in the list"
        try:
            place = f"{path}: annotation {annotation['id']}" if "id" in annotation else place
            entry, name = repr(annotation["image_id"]), names.get(annotation["category_id"])
            x, y, width, height = map(float, annotation["bbox"])
        except (KeyError, TypeError, ValueError) as e:
            problems.append(f"{place}: is malformed ({type(e).__name__}: {e}); left out")
            continue
        if name is None:
            problems.append(f"{place}: category {annotation['category_id']!r} is not in the list; left out")
        elif entry not in image_entries:
            problems.append(f"{place}: image {entry} is not in the list; left out")
        elif (label := annotation_label_of(name)) is not None:  # an unknown category was told once
            raw_annotations[entry].append(RawAnnotation(place, label, Box(x, y, x + width, y + height)))
    return raw_annotations


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, and `annotations.json` last. Raises `DataError`, before the first, where a label has no box."""
    return _entries(images, [boxed(image) for image in images])


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
    yield Entry(ANNOTATIONS, json.dumps(coco, ensure_ascii=False, indent=1).encode())
