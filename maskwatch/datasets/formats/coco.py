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
from maskwatch.datasets.formats.marks import PARTS, Finder, Mark, boxed, in_place, marked_picture
from maskwatch.datasets.formats.sizes import picture_size
from maskwatch.datasets.labels import MarkLabel, mark_of
from maskwatch.datasets.records import DataSet, LabelledPicture

ANNOTATIONS = "annotations.json"
LABELS = tuple(MarkLabel)


def matches(folder: Path) -> bool:
    return bool(_files(folder))


def read(folder: Path, find: Finder = in_place) -> DataSet:
    """Raises `DataError` when a file is not COCO."""
    found = [_read(path, folder, find) for path in _files(folder)]
    return DataSet([p for data in found for p in data.pictures], [p for data in found for p in data.problems])


def _files(folder: Path) -> list[Path]:
    """Ours and the like, Label Studio's, or those of CVAT, one a subset."""
    alone = [path for name in (ANNOTATIONS, "result.json") if (path := folder / name).is_file()]
    return alone[:1] or sorted((folder / "annotations").glob("*.json"))


def _read(path: Path, folder: Path, find: Finder) -> DataSet:
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = list(coco["images"]), list(coco["annotations"])
        names = {c["id"]: str(c["name"]) for c in coco["categories"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e
    problems = [
        f"{path}: category {name!r} is unknown; its boxes are left out"
        for name in names.values()
        if mark_of(name) is None
    ]
    marks = _marks(annotations, names, {_id(image) for image in images}, path, problems)
    pictures = []
    for number, image in enumerate(images):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str):
            problems.append(f"{path}: image {number} in the list: has no file_name; left out")
            continue
        part = PARTS.get(str(image.get("part")))
        own = find(_place(folder, name))
        picture = marked_picture(own, name, marks[_id(image)], problems, part)
        pictures += [] if picture is None else [picture]
    return DataSet(pictures, problems)


def _place(folder: Path, name: str) -> Path:
    """Names are below `images/`, or, where that is absent or a part of the name, below the folder."""
    inside = folder / "images" / name
    return inside if inside.is_file() or not (folder / name).is_file() else folder / name


def _id(image: Any) -> str:
    """As text: an id may be a number or a word, and a broken file may have anything there."""
    return repr(image.get("id")) if isinstance(image, dict) else ""


def _marks(
    annotations: list[Any], names: dict[Any, str], images: set[str], path: Path, problems: list[str]
) -> dict[str, list[Mark]]:
    """The marked faces of each image, by its id."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    for number, annotation in enumerate(annotations):
        place = f"{path}: annotation {number} in the list"
        try:
            place = f"{path}: annotation {annotation['id']}" if "id" in annotation else place
            image, name = repr(annotation["image_id"]), names.get(annotation["category_id"])
            x, y, width, height = map(float, annotation["bbox"])
        except (KeyError, TypeError, ValueError) as e:
            problems.append(f"{place}: is malformed ({type(e).__name__}: {e}); left out")
            continue
        if name is None:
            problems.append(f"{place}: category {annotation['category_id']!r} is not in the list; left out")
        elif image not in images:
            problems.append(f"{place}: image {image} is not in the list; left out")
        elif (label := mark_of(name)) is not None:  # an unknown category was told once
            marks[image].append(Mark(place, label, Box(x, y, x + width, y + height)))
    return marks


def entries(pictures: Sequence[LabelledPicture]) -> Iterator[Entry]:
    """The pictures, and `annotations.json` last. Raises `DataError`, before the first, where a label has no box."""
    return _entries(pictures, [boxed(picture) for picture in pictures])


def _entries(
    pictures: Sequence[LabelledPicture], faces_of: list[list[tuple[MarkLabel, Box]]]
) -> Iterator[Entry]:
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, (picture, faces) in enumerate(zip(pictures, faces_of, strict=True), 1):
        yield Entry(f"images/{picture.key}", picture.path)
        width, height = picture_size(picture.path)
        image = {"id": number, "file_name": picture.key, "width": width, "height": height}
        images.append(image | ({"part": picture.part} if picture.part else {}))
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
    coco = {"images": images, "annotations": annotations, "categories": categories}
    yield Entry(ANNOTATIONS, json.dumps(coco, ensure_ascii=False, indent=1).encode())
