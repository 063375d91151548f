"""COCO: `annotations.json` beside `images/`, boxes as x, y, width, height in pixels."""

import json
from pathlib import Path
from typing import Any

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.learn.dataset import DataSet, LabelledPicture, Truth
from maskwatch.learn.labels import NAMES


def matches(folder: Path) -> bool:
    return (folder / "annotations.json").is_file()


def read(folder: Path) -> DataSet:
    """Raises `DataError` when the file is not COCO."""
    path = folder / "annotations.json"
    try:
        coco = json.loads(path.read_text())
        return _read(coco, folder, path)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e


def _read(coco: dict[str, Any], folder: Path, path: Path) -> DataSet:
    names = {c["id"]: c["name"] for c in coco["categories"]}
    problems = [
        f"{path}: category {name!r} is unknown; its boxes are left out"
        for name in names.values()
        if name not in NAMES
    ]
    truths: dict[int, list[Truth]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        x, y, width, height = annotation["bbox"]
        name = names[annotation["category_id"]]
        if name in NAMES:
            truths[annotation["image_id"]].append(Truth(NAMES[name], Box(x, y, x + width, y + height)))
    images = folder / "images" if (folder / "images").is_dir() else folder
    pictures = []
    for image in coco["images"]:
        file = images / image["file_name"]
        if file.is_file():
            pictures.append(LabelledPicture(file, image["file_name"], tuple(truths[image["id"]])))
        else:
            problems.append(f"{file}: is missing")
    return DataSet(pictures, problems)
