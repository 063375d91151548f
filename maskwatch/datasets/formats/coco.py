"""COCO: `annotations/instances_PART.json` beside `images/PART/`, boxes as x, y, width, height in pixels.

PART is train, val, test, or default where nothing tells the parts, as CVAT and Datumaro have it. Read are also
`annotations.json` beside `images/`, Label Studio's `result.json`, Roboflow's `{train,valid,test}/_annotations.coco.json`
and FiftyOne's `labels.json` beside `data/`, alone or one a part. Where an annotation has no box, that of its polygons or
its mask of runs counts. An image may say its `part` (train, validation, test) and its `key` in the set, which other
readers of COCO pass over; else the names of file and folders tell them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

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
    require_boxes,
)
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.parts import PARTS, part_named, part_of, plain_path
from maskwatch.datasets.formats.pictures import Pictures
from maskwatch.datasets.formats.runs import box_of_runs
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Split
from maskwatch.sources.images import image_size

ANNOTATIONS = "annotations.json"
ROBOFLOW = "_annotations.coco.json"
LABELS = tuple(AnnotationLabel)
DEFAULT = "default"
SUBSETS = {None: DEFAULT, Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}

OUTWARDS = re.compile(
    r"/|[a-zA-Z][\w+.-]*:|(.*/)?\.\.(/|$)"
)  # absolute, with a drive or of the web, or with `..`


def matches(folder: Path) -> bool:
    """Whether a file stands where COCO's annotations are usually exported to; it is not opened."""
    return bool(_files(folder))


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Raises `DataError` when no file is COCO."""
    builder = DatasetBuilder(classes, find, pictures=Pictures(folder))
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
    alone = _alone(folder)
    several = sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("instances_*.json"))
    if alone or several:
        return alone[:1] or several
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [path for part in inside if part_named(part.name) for path in _alone(part)[:1]]


def _alone(folder: Path) -> list[Path]:
    found = [path for name in (ANNOTATIONS, "result.json", ROBOFLOW) if (path := folder / name).is_file()]
    of_fiftyone = (folder / "data").is_dir() and (folder / "labels.json").is_file()
    return found or ([folder / "labels.json"] if of_fiftyone else [])


def _read(path: Path, folder: Path, builder: DatasetBuilder) -> None:
    try:
        coco = json.loads(path.read_bytes())
        image_entries, annotations = list(coco["images"]), list(coco["annotations"])
        names = {_id(c["id"]): str(c["name"]) for c in coco["categories"]}
    except (OSError, *MALFORMED) as e:
        raise DataError(f"{path}: is not COCO ({type(e).__name__}: {e})") from e
    builder.declared |= set(names.values())
    ids = Counter(_id(entry["id"]) for entry in image_entries if isinstance(entry, dict) and "id" in entry)
    raw_annotations, lost = _raw_annotations(annotations, names, ids.keys(), path, builder)
    bases, of_folder = _bases(folder, path), part_of(str(path.relative_to(folder)))
    for number, entry in enumerate(image_entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            builder.problems.append(f"{path}: image {number} in the list: has no file_name; left out")
            continue
        place, key = _place(folder, bases, name, builder)
        split = (
            PARTS.get(str(entry.get("part")).lower()) or part_named(path.stem) or part_of(key) or of_folder
        )
        key = entry["key"] if isinstance(entry.get("key"), str) else key
        own, fault = raw_annotations[_id(entry.get("id"))], ""
        if ids[_id(entry.get("id"))] != 1:
            own, fault = [], "has no id of its own, so which faces are its is not known"
        elif lost and not own:
            fault = f"may be the one to which {lost} annotations without an image of the list belong"
        if fault:
            own = [RawAnnotation(f"{path}: image {name}", "", None, fault=fault)]
        builder.add(Described(place, key, own, split, _size(entry)))


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    try:
        return int(entry["width"]), int(entry["height"])
    except MALFORMED:
        return None


def _bases(folder: Path, file: Path) -> list[Path]:
    """Where the pictures of a file may lie.

    Names are below `images/`, or, where that is absent or a part of the name, below the folder. Other tools have
    them below `images/PART/`, `PART/` or `data/`, or beside the file.
    """
    part = re.sub(r"^(instances|person_keypoints|image_info)_", "", file.stem)
    bases = [folder / "images", folder, folder / "images" / part, folder / part, folder / "data"]
    bases += [file.parent, file.parent / "images", file.parent / "data"]
    return [base for base in dict.fromkeys(bases) if base.is_dir()]


def _place(folder: Path, bases: Sequence[Path], name: str, builder: DatasetBuilder) -> tuple[Path, str]:
    """Where a picture lies, and its key.

    A name that leads out of the set, as the machine that wrote it had it, counts by its end.
    """
    plain = plain_path(name)
    leads_out = OUTWARDS.match(name.replace("\\", "/")) is not None
    ends = dict.fromkeys([plain, PurePosixPath(plain).name.split("?")[0]] if leads_out else [plain])
    places = [(end, base) for end in ends if end for base in bases]
    for end, base in places:
        if builder.find(base / end).is_file():
            is_plain = base in {folder / "images", folder}
            return base / end, end if is_plain else _key(base / end, folder)
    for end, base in places:  # not before all are looked for by their very names
        like = builder.meant_by(base / end)
        if like is not None:
            return like, _key(like, folder)
    return folder / "images" / (name if leads_out else plain), name if leads_out else plain


def _key(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)).removeprefix("images/")


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
        except MALFORMED as e:
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
    except MALFORMED as e:
        return RawAnnotation(place, "", None, fault=f"is malformed ({type(e).__name__}: {e})")
    number = _id(annotation.get("category_id"))
    name = names.get(number, number if classes.is_said(number) else None)
    if name is None:
        return RawAnnotation(place, "", box, fault=f"category {number} is not in the list")
    is_crowd = any(str(annotation.get(key, 0)).lower() in {"1", "true"} for key in ("iscrowd", "ignore"))
    return RawAnnotation(place, name, box, is_crowd=is_crowd)


def _box(annotation: dict[str, Any]) -> Box:
    """The box, or the one about the polygons or the mask. Raises `KeyError`, `TypeError` and `ValueError`."""
    segmentation = annotation.get("segmentation")
    given = annotation.get("bbox")
    if segmentation and not (given and len(given) == 4 and any(given[2:])):
        if isinstance(segmentation, dict):
            return box_of_runs(segmentation)
        numbers = [float(v) for polygon in segmentation for v in polygon]
        return box_about(numbers[0::2], numbers[1::2])
    x, y, width, height = map(float, annotation["bbox"])
    return Box(x, y, x + width, y + height)


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, and the files of annotations last. Raises `DataError`, before the first, where a label has no box."""
    faces_of = [require_boxes(image) for image in images]
    return _entries(images, faces_of, _names_inside(images))


def _names_inside(images: Sequence[LabelledImage]) -> list[str]:
    """The names of the pictures in the folders of their parts; a folder that a key begins with and that says the same, once."""
    short = []
    for image in images:
        first, _, rest = image.key.partition("/")
        said = first.lower() == DEFAULT if image.split is None else PARTS.get(first.lower()) is image.split
        short.append(rest if rest and said else image.key)
    places = {(image.split, name) for image, name in zip(images, short, strict=True)}
    return short if len(places) == len(images) else [image.key for image in images]


def _entries(
    images: Sequence[LabelledImage],
    faces_of: list[list[tuple[AnnotationLabel, Box]]],
    names: Sequence[str],
) -> Iterator[Entry]:
    files: dict[str, _File] = {}
    for image, faces, name in zip(images, faces_of, names, strict=True):
        part = SUBSETS[image.split]
        yield Entry(f"images/{part}/{name}", image.path)
        files.setdefault(part, _File()).add(image, name, faces)
    for part, file in files.items():
        yield Entry(f"annotations/instances_{part}.json", file.encoded())


class _File:
    """The annotations of a part. Ids of images and annotations begin at 1 in each."""

    def __init__(self) -> None:
        self._images: list[dict[str, object]] = []
        self._annotations: list[dict[str, object]] = []

    def add(self, image: LabelledImage, name: str, faces: list[tuple[AnnotationLabel, Box]]) -> None:
        width, height = image_size(image.path)
        entry = {"id": len(self._images) + 1, "file_name": name, "width": width, "height": height}
        said: dict[str, object] = {"part": image.split} if image.split else {}
        self._images.append(entry | said | {"key": image.key})
        for label, box in faces:
            place = [round(v, 2) for v in (box.x1, box.y1, box.width, box.height)]
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": len(self._images),
                    "category_id": LABELS.index(label) + 1,
                    "bbox": place,
                    "area": round(box.width * box.height, 2),
                    "segmentation": [],
                    "iscrowd": 0,
                }
            )

    def encoded(self) -> bytes:
        categories = [{"id": n, "name": label, "supercategory": ""} for n, label in enumerate(LABELS, 1)]
        coco = {
            "info": {},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": categories,
        }
        return json.dumps(coco, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
