"""COCO: `annotations.json` beside `images/`, boxes as x, y, width, height in pixels.

An image may say its `part` (train, validation, test), which other readers of COCO pass over.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskwatch.core.errors import DataError
from maskwatch.core.files import write_atomically
from maskwatch.core.records import Box
from maskwatch.learn.dataset import DataSet, LabelledPicture
from maskwatch.learn.formats.marks import PARTS, Mark, boxed, copy_picture, marked_picture
from maskwatch.learn.formats.sizes import picture_size
from maskwatch.learn.labels import FaceLabel, label_of

ANNOTATIONS = "annotations.json"
LABELS = tuple(FaceLabel)


def matches(folder: Path) -> bool:
    return (folder / ANNOTATIONS).is_file()


def read(folder: Path) -> DataSet:
    """Raises `DataError` when the file is not COCO."""
    path = folder / ANNOTATIONS
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = list(coco["images"]), list(coco["annotations"])
        names = {c["id"]: str(c["name"]) for c in coco["categories"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e
    problems = [
        f"{path}: category {name!r} is unknown; its boxes are left out"
        for name in names.values()
        if label_of(name) is None
    ]
    marks = _marks(annotations, names, {_id(image) for image in images}, path, problems)
    place = folder / "images" if (folder / "images").is_dir() else folder
    pictures = []
    for number, image in enumerate(images):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str):
            problems.append(f"{path}: image {number} in the list: has no file_name; left out")
            continue
        part = PARTS.get(str(image.get("part")))
        picture = marked_picture(place / name, name, marks[_id(image)], problems, part)
        pictures += [] if picture is None else [picture]
    return DataSet(pictures, problems)


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
        elif (label := label_of(name)) is not None:  # an unknown category was told once
            marks[image].append(Mark(place, label, Box(x, y, x + width, y + height)))
    return marks


def write(pictures: Sequence[LabelledPicture], folder: Path) -> None:
    """Copies the pictures; `annotations.json` comes last. Raises `DataError` where a label has no box."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    faces_of = [boxed(picture) for picture in pictures]  # all, before anything is written
    for number, (picture, faces) in enumerate(zip(pictures, faces_of, strict=True), 1):
        copy_picture(picture, folder / "images")
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
    write_atomically(folder / ANNOTATIONS, json.dumps(coco, ensure_ascii=False, indent=1).encode())
