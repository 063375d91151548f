"""Label Studio's own JSON: a list of tasks, whose results are rectangles and polygons in hundredths of the picture.

Of the annotations of a task the one that is marked as ground truth counts, else the latest. A task that nobody has
annotated is left out.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.core.text import pluralize
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import (
    DatasetBuilder,
    Described,
    Finder,
    RawAnnotation,
    box_about,
    in_place,
)
from maskwatch.datasets.formats.parts import part_of, plain_path
from maskwatch.datasets.records import DataSet

LABELS = ("rectanglelabels", "polygonlabels")
WHOLE = 100  # hundredths


def matches(folder: Path) -> bool:
    """Whether a JSON file of the folder is an export of Label Studio: a list of tasks."""
    return _file(folder) is not None


def _file(folder: Path) -> Path | None:
    """The first file that is a list of tasks; each is read, and there are few."""
    return next((path for path in sorted(folder.glob("*.json")) if _tasks(path) is not None), None)


def _tasks(path: Path) -> list[Any] | None:
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_tasks = isinstance(tasks, list) and bool(tasks)
    return (
        tasks
        if is_tasks and all(isinstance(t, dict) and "data" in t and "annotations" in t for t in tasks)
        else None
    )


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Raises `DataError` when no file is a list of tasks."""
    path = _file(folder)
    if path is None:
        raise DataError(f"{folder}: no file is an export of Label Studio")
    builder, waiting = DatasetBuilder(classes, find, declared_in=path), 0
    for number, task in enumerate(_tasks(path) or [], 1):
        place = f"{path}: task {task.get('id', number)}"
        name = _image_name(task)
        try:
            result = _result(task)
        except (KeyError, TypeError, AttributeError) as e:
            builder.problems.append(f"{place}: is malformed ({type(e).__name__}: {e}); left out")
            continue
        if result is None:
            waiting += 1
        elif name is None:
            builder.problems.append(f"{place}: names no picture; left out")
        else:
            inside, key = _place(folder, name, find)
            builder.add(Described(inside, key, list(_raw_annotations(result, place)), part_of(key)))
    if waiting:
        builder.problems.append(f"{path}: {pluralize(waiting, 'task')} without an annotation left out")
    return builder.finished()


def _image_name(task: dict[str, Any]) -> str | None:
    """Of the values of a task the first that looks like a picture's address, as text."""
    data = task["data"]
    values = [data.get("image"), *data.values()] if isinstance(data, dict) else []
    found = next(
        (value for value in values if isinstance(value, str) and "." in PurePosixPath(value).name), None
    )
    return None if found is None else unquote(found.split("?d=")[-1])


def _place(folder: Path, name: str, find: Finder) -> tuple[Path, str]:
    """The picture with the longest end of the address that lies in the set; else where it should."""
    words = [word for word in plain_path(name).split("/") if word not in {"", ".."}]
    ends = ["/".join(words[start:]) for start in range(len(words))]
    for end in ends:
        for base in (folder / "images", folder):
            if find(base / end).is_file():
                return base / end, end
    return folder / "images" / ends[-1], ends[-1]


def _result(task: dict[str, Any]) -> list[Any] | None:
    """What holds of what people said; None where nobody did. Raises `KeyError`, `TypeError` and `AttributeError`."""
    given = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if not given:
        return None
    best = max(given, key=lambda each: (bool(each.get("ground_truth")), str(each.get("updated_at", ""))))
    return list(best["result"])


def _raw_annotations(result: list[Any], place: str) -> Iterator[RawAnnotation]:
    for number, item in enumerate(result, 1):
        where = f"{place}: region {number}"
        try:
            value = item["value"]
            names = next((value[key] for key in LABELS if key in value), None)
            if names is None:
                if item.get("type", "") in {"choices", "textarea", "rating", "number", "relation"}:
                    continue  # of the whole picture, or of no place
                raise ValueError(f"a region of the kind {item.get('type')!r}")  # noqa: TRY301 - told like the others
            yield RawAnnotation(where, str(names[0]) if names else "", _box(item), in_shares=True)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
            yield RawAnnotation(where, "", None, fault=f"is malformed ({type(e).__name__}: {e})")


def _box(item: dict[str, Any]) -> Box:
    """The box about a region, in shares. Raises `KeyError`, `TypeError` and `ValueError`."""
    value = item["value"]
    if "points" in value:
        return box_about(*([float(point[axis]) / WHOLE for point in value["points"]] for axis in (0, 1)))
    x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
    turn = math.radians(float(value.get("rotation") or 0))
    if not turn:
        return Box(x / WHOLE, y / WHOLE, (x + width) / WHOLE, (y + height) / WHOLE)
    # turned about its first corner, in pixels
    across, down = float(item["original_width"]), float(item["original_height"])
    corners = [(i * width * across, j * height * down) for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
    xs = [x + (a * math.cos(turn) - b * math.sin(turn)) / across for a, b in corners]
    ys = [y + (a * math.sin(turn) + b * math.cos(turn)) / down for a, b in corners]
    return box_about((v / WHOLE for v in xs), (v / WHOLE for v in ys))
