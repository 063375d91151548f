"""Label Studio's JSON, whole or JSON_MIN: tasks, whose results are rectangles and polygons in hundredths of the picture.

Of the annotations of a task the one that is marked as ground truth counts, else one that a reviewer accepted, else the
latest. A task that nobody has annotated, or that was skipped, is left out. A region's class is that of its label, or of
a choice that is said of it. A choice of the whole picture counts where no region is marked and it is a known class.
Written are `tasks.json`, `label_config.xml` and the pictures (see `label_studio_export.py`).
"""

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from maskwatch.core.errors import MALFORMED, DataError
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
from maskwatch.datasets.formats.parts import PARTS, part_of, plain_path
from maskwatch.datasets.formats.pictures import Pictures
from maskwatch.datasets.records import DataSet, Note
from maskwatch.sources.images import SUFFIXES

LABELS = ("rectanglelabels", "polygonlabels")
PLACELESS = {"choices", "textarea", "rating", "number", "relation", "taxonomy", "datetime", "pairwise"}
WHOLE = 100  # hundredths
UPLOADED = re.compile(
    r"^[0-9a-f]{8}-"
)  # what Label Studio puts before the name of a picture that was uploaded


def matches(folder: Path) -> bool:
    """Whether a JSON file of the folder is an export of Label Studio: a list of tasks."""
    return _found(folder) is not None


def _found(folder: Path) -> tuple[Path, list[dict[str, Any]]] | None:
    """The first file that is a list of tasks, and these; each is read, and there are few."""
    for path in sorted(folder.glob("*.json")):
        tasks = _tasks(path)
        if tasks is not None:
            return path, tasks
    return None


def _tasks(path: Path) -> list[dict[str, Any]] | None:
    """The tasks as the whole JSON has them, also of JSON_MIN; None where the file is neither."""
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, *MALFORMED):
        return None
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) for task in tasks):
        return None
    if all("data" in task and ("annotations" in task or "predictions" in task) for task in tasks):
        return tasks
    if all("annotation_id" in task and "annotator" in task for task in tasks):
        return _of_min(tasks)
    return None


def _of_min(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON_MIN has an entry an annotation, with the regions under the names of the controls."""
    tasks: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        task_id = entry.get("id", f"{number} in the list")
        data = {name: value for name, value in entry.items() if isinstance(value, str)}
        task = tasks.setdefault(str(task_id), {"id": task_id, "data": data, "annotations": []})
        values = [value if isinstance(value, list) else [value] for value in entry.values()]
        result = [_item_of_min(each) for value in values for each in value if isinstance(each, (dict, str))]
        task["annotations"].append({"result": result, "updated_at": str(entry.get("updated_at", ""))})
    return list(tasks.values())


def _item_of_min(value: dict[str, Any] | str) -> dict[str, Any]:
    """A region, or a choice: a text may be one, or what else a task holds, which is of no class."""
    if isinstance(value, str):
        return {"type": "choices", "value": {"choices": [value]}}
    kind = next((name for name in value if name in {*LABELS, *PLACELESS}), "rectangle")
    sizes = {name: value[name] for name in ("original_width", "original_height") if name in value}
    return {"type": kind, "value": value} | sizes


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Raises `DataError` when no file is a list of tasks."""
    found = _found(folder)
    if found is None:
        raise DataError(f"{folder}: no file is an export of Label Studio")
    path, tasks = found
    builder = DatasetBuilder(classes, find, declared_in=path, pictures=Pictures(folder))
    waiting = several = 0
    for number, task in enumerate(tasks, 1):
        place = f"{path}: task {task.get('id', number)}"
        name = _image_name(task)
        try:
            result = _result(task)
            said = None if result is None else _Said.of(result, place, classes)
        except MALFORMED as e:
            builder.problems.append(f"{place}: is malformed ({type(e).__name__}: {e}); left out")
            continue
        if said is None:
            waiting += 1
        elif name is None:
            builder.problems.append(f"{place}: names no picture; left out")
        else:
            inside, key = _place(folder, name, builder)
            split = PARTS.get(str(task["data"].get("part")).lower()) or part_of(key)
            builder.add(Described(inside, key, said.regions, split, whole=said.whole))
            several += len(task["annotations"]) > 1
    if several:
        line = f"{path}: {pluralize(several, 'task')} with several annotations: "
        builder.problems.append(Note(f"{line}the ground truth, else an accepted one, else the latest counts"))
    if waiting:
        line = f"{path}: {pluralize(waiting, 'task')} without an annotation left out"
        builder.problems.append(Note(line))
    return builder.finished()


def revisions(folder: Path) -> dict[str, int]:
    """Of the tasks that `label_studio_export` wrote of samples, the samples' ids and the revisions that went out."""
    _, tasks = _found(folder) or (folder, [])
    every = [task.get("meta") for task in tasks]
    told = [(meta.get("sample"), meta.get("revision")) for meta in every if isinstance(meta, dict)]
    return {
        sample: revision for sample, revision in told if isinstance(sample, str) and isinstance(revision, int)
    }


def _image_name(task: dict[str, Any]) -> str | None:
    """Of the values of a task the first that looks like a picture's address, as a path."""
    data = task["data"]
    values = [data.get("image"), *data.values()] if isinstance(data, dict) else []
    names = (_path_of(value) for value in values if isinstance(value, str))
    return next((name for name in names if PurePosixPath(name).suffix), None)


def _path_of(address: str) -> str:
    """The path in an address: local files and clouds have it as a parameter, a cloud's in base 64."""
    try:
        parts = urlsplit(address)
        told = parse_qs(parts.query)
        if "fileuri" in told:
            return _path_of(urlsafe_b64decode(told["fileuri"][0] + "==").decode())
    except ValueError:
        return unquote(address)
    if "d" in told:
        return told["d"][0]
    is_web = bool(parts.scheme and parts.netloc) or bool(parts.query)
    return unquote(f"{parts.netloc}{parts.path}" if is_web else address)


def _place(folder: Path, name: str, builder: DatasetBuilder) -> tuple[Path, str]:
    """The picture with the longest end of the address that lies in the set; else where it should.

    A picture that was uploaded may lie there under its own name.
    """
    words = [word for word in plain_path(name).split("/") if word not in {"", ".."}] or [""]
    ends = ["/".join(words[start:]) for start in range(len(words))]
    ends += [UPLOADED.sub("", words[-1])] if UPLOADED.match(words[-1]) else []
    bases = (folder / "images", folder)
    for end in ends:
        for base in bases:
            if builder.find(base / end).is_file():
                return base / end, end.removeprefix("images/") if base == folder else end
    for end in ends:
        for base in bases:
            like = builder.meant_by(base / end)
            if like is not None:
                return like, str(like.relative_to(folder)).removeprefix("images/")
    last = words[-1] if PurePosixPath(words[-1]).suffix.lower() in SUFFIXES else ends[-1]
    return folder / "images" / last, last


def _result(task: dict[str, Any]) -> list[Any] | None:
    """What holds of what people said; None where nobody did. Raises `KeyError`, `TypeError` and `AttributeError`."""
    given = [each for each in task.get("annotations") or [] if not each.get("was_cancelled")]
    if not given:
        return None
    return list(max(given, key=_rank)["result"])


def _rank(annotation: dict[str, Any]) -> tuple[bool, bool, str]:
    reviews = annotation.get("reviews") or []
    accepted = bool(reviews) and isinstance(reviews[-1], dict) and bool(reviews[-1].get("accepted"))
    return bool(annotation.get("ground_truth")), accepted, str(annotation.get("updated_at", ""))


@dataclass(slots=True)
class _Said:
    """What an annotation says: the regions, and where there are none, the class of the whole picture."""

    regions: list[RawAnnotation] = field(default_factory=list)
    whole: str = ""

    @classmethod
    def of(cls, result: Sequence[Any], place: str, classes: ClassNames) -> "_Said":
        choices = dict(_choices_of_regions(result, classes))
        said = cls(list(_raw_annotations(result, choices, place)))
        words = [word for item in result for word in _choices(item) if _region(item) is None]
        if not said.regions:
            said.whole = next((word for word in words if classes.meaning(word) is not None), "")
        return said


def _choices(item: Any) -> list[str]:
    value = item.get("value") if isinstance(item, dict) else None
    words = value.get("choices") if isinstance(value, dict) else None
    return [str(word) for word in words] if isinstance(words, list) else []


def _region(item: Any) -> tuple[Any, ...] | None:
    """Where a region lies, by which a choice that is said of it is known to be; None for what is said of the picture."""
    value = item.get("value") if isinstance(item, dict) else None
    if not isinstance(value, dict):
        return None
    if "points" in value:
        return (str(value["points"]),)
    return tuple(value[side] for side in ("x", "y", "width", "height")) if "width" in value else None


def _choices_of_regions(result: Sequence[Any], classes: ClassNames) -> Iterator[tuple[tuple[Any, ...], str]]:
    for item in result:
        region = _region(item)
        for word in _choices(item):
            if region is not None and classes.meaning(word) is not None:
                yield region, word


def _raw_annotations(
    result: Sequence[Any], choices: dict[tuple[Any, ...], str], place: str
) -> Iterator[RawAnnotation]:
    for number, item in enumerate(result, 1):
        where = f"{place}: region {number}"
        try:
            value = item["value"]
            if item.get("type", "") in PLACELESS or "choices" in value:
                continue  # of the whole picture, of no place, or of a region that is told besides
            names = next((value[key] for key in LABELS if key in value), None)
            if names is None and item.get("type") not in {"rectangle", "polygon"}:
                raise ValueError(f"a region of the kind {item.get('type')!r}")  # noqa: TRY301 - told like the others
            if item.get("image_rotation"):
                raise ValueError(f"the picture was turned by {item['image_rotation']} degrees")  # noqa: TRY301
            name = choices.get(_region(item) or (), str(names[0]) if names else "")
            yield RawAnnotation(where, name, _box(item), in_shares=True)
        except MALFORMED as e:
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
