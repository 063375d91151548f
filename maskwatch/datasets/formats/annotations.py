"""What the formats have in common: a marked face is checked against its picture, and what is wrong is told.

A box that cannot be used still marks a face, so its place never becomes background: it is kept as an unclear one.
"""

import math
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path, PurePosixPath

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.records import Box
from maskwatch.datasets.class_names import ClassNames
from maskwatch.datasets.formats.pictures import Pictures
from maskwatch.datasets.labels import AnnotationLabel, Meaning
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Problems, Split
from maskwatch.sources.images import SUFFIXES, image_size

ROUNDING_PX = 1.0  # a box that leaves the frame by so little was rounded, not drawn wrong
SIZE_PX = 2  # sizes that differ by so little were rounded
ENOUGH_INSIDE = 0.5  # the share of its area that a box must have in the frame
PLACELESS = "where its face is is not known, so nothing of the picture counts but the known faces"

Finder = Callable[[Path], Path]
"""Tells where the picture is that a data set has, or should have, at a path."""


def in_place(path: Path) -> Path:
    """The path itself: the images lie inside the data set."""
    return path


@dataclass(frozen=True, slots=True)
class RawAnnotation:
    """A face as a file has it. `place` names file and item, for whoever has to mend it.

    The box is in pixels, or in shares of the picture; None where the file does not tell it. `fault` says why this
    mark cannot be used as it is; one that `is_crowd` is unclear although nothing is wrong.
    """

    place: str
    name: str
    box: Box | None
    in_shares: bool = False
    is_crowd: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """A picture that a data set should have at `path`, as its labels describe it.

    `size` is the width and height that the boxes are told in, None where the file does not tell. `whole` is a class
    that is said of the picture as a whole, where no face in it is marked.
    """

    path: Path
    key: str
    raw_annotations: list[RawAnnotation]
    split: Split | None = None
    size: tuple[int, int] | None = None
    whole: str = ""


@dataclass(slots=True)
class DatasetBuilder:
    """Collects the pictures of a data set that is being read. `declared` are its classes, and `declared_in` the file
    that lists them; `pictures` find those that the labels call otherwise.
    """

    classes: ClassNames
    find: Finder = in_place
    problems: list[str] = field(default_factory=Problems)
    described: dict[Path, Described] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    declared_in: Path | None = None
    pictures: Pictures | None = None
    _known: dict[Path, set[tuple[str, Box | None]]] = field(default_factory=dict)

    def meant_by(self, path: Path) -> Path | None:
        """The picture that lies under a name like a path's; None where there is none."""
        return None if self.pictures is None else self.pictures.meant_by(path)

    def add(self, described: Described) -> None:
        """A picture that is described twice has the faces of both."""
        before = self.described.setdefault(described.path, described)
        known = self._known.setdefault(described.path, set())
        new = [m for m in described.raw_annotations if m.box is None or (m.name, m.box) not in known]
        if before is not described:
            before.raw_annotations.extend(new)
        known |= {(raw_annotation.name, raw_annotation.box) for raw_annotation in new}

    def finished(self) -> DataSet:
        """The pictures that can be used, with the faces that can, and the unclear ones."""
        raw_annotations = [
            raw_annotation for each in self.described.values() for raw_annotation in each.raw_annotations
        ]
        beside = self.declared | {raw_annotation.name for raw_annotation in raw_annotations}
        beside |= {each.whole for each in self.described.values() if each.whole}
        meanings = {name: self.classes.meaning(name, beside) for name in beside}
        self._tell_unknown([m for m in raw_annotations if meanings[m.name] is None and not m.fault and m.box])
        images = [self._image(each, meanings) for each in self.described.values()]
        return DataSet([image for image in images if image is not None], self.problems)

    def _tell_unknown(self, raw_annotations: list[RawAnnotation]) -> None:
        """A line for each class of which nobody knows what it means."""
        of_name: dict[str, list[str]] = {}
        for raw_annotation in raw_annotations:
            of_name.setdefault(raw_annotation.name, []).append(raw_annotation.place)
        for name, places in of_name.items():
            boxes = "its 1 box is" if len(places) == 1 else f"its {len(places)} boxes are"
            option = shlex.quote(f"{name}={Meaning.PROTECTED}")
            self.problems.append(
                f"{self.declared_in or places[0]}: class {name!r} is unknown; {boxes} left out, neither learnt "
                f"from nor counted (--class {option} would say what it means; or {', '.join(list(Meaning)[1:])})"
            )

    def _image(self, described: Described, meanings: dict[str, Meaning | None]) -> LabelledImage | None:
        path, key, split = self.find(described.path), described.key, described.split
        inside = PurePosixPath(key)
        if inside.is_absolute() or ".." in inside.parts or not inside.name or "\0" in key:
            self.problems.append(f"{path}: lies outside the data set; left out")
            return None
        if not path.is_file():
            self.problems.append(absent(path))
            return None
        if not described.raw_annotations and not described.whole:
            return LabelledImage(path, key, (), split)
        try:
            if not described.raw_annotations:
                return _of_a_whole(described, path, meanings[described.whole])
            size = image_size(path)
        except SourceError as e:
            self.problems.append(str(e) if path.suffix.lower() in SUFFIXES else _not_read(path))
            return None
        truths: list[GroundTruth] = []
        unclear: list[Box] = []
        faults = _of_another_size(described.size, size)
        self.problems += [f"{path}: {fault}; used as they stand" for fault in faults]
        for raw_annotation in described.raw_annotations:
            box, fault = _inside(raw_annotation, size, self.problems)
            meaning = meanings[raw_annotation.name]
            label = None if meaning is None or raw_annotation.is_crowd or fault else meaning.known
            if label is not None:
                truths.append(GroundTruth(label, box, raw_annotation.name))
            elif meaning is not Meaning.NO_FACE:
                unclear.append(box)
                unknown = f"class {raw_annotation.name!r} is unknown" if meaning is None else ""
                faults += [fault or unknown] if fault or unknown else []
        return LabelledImage(path, key, tuple(truths), split, tuple(unclear), tuple(faults))


def _of_a_whole(described: Described, path: Path, meaning: Meaning | None) -> LabelledImage:
    """A picture in which no face is marked: of no face, or of one of the class that is said of it as a whole."""
    key, split = described.key, described.split
    if meaning is Meaning.NO_FACE:
        return LabelledImage(path, key, (), split)
    if meaning is not None and meaning.known is not None:
        return LabelledImage(path, key, (GroundTruth(meaning.known, class_name=described.whole),), split)
    return LabelledImage(path, key, (), split, (Box(0, 0, *image_size(path)),))


def _of_another_size(told: tuple[int, int] | None, size: tuple[int, int]) -> list[str]:
    """What is wrong where labels are told in pixels of a larger or smaller picture, or of one that was turned."""
    if told is None or min(told) <= 0 or all(abs(a - b) <= SIZE_PX for a, b in zip(told, size, strict=True)):
        return []
    return [f"its labels are of a picture of {told[0]} x {told[1]} px, and it has {size[0]} x {size[1]}"]


def absent(path: Path) -> str:
    """Why there is no picture at a path: none at all, or one of a kind that is not read."""
    others = sorted(path.parent.glob(f"{escape(path.stem)}.*")) if path.parent.is_dir() else []
    known = SUFFIXES | {".txt", ".xml", ".json"}
    other = next((each for each in others if each.suffix.lower() not in known), None)
    return f"{path}: is missing" if other is None else _not_read(other)


def _not_read(path: Path) -> str:
    return f"{path}: pictures ending in {path.suffix} are not read"


def _inside(raw_annotation: RawAnnotation, size: tuple[int, int], problems: list[str]) -> tuple[Box, str]:
    """Where the mark's face is, the whole picture where nobody knows, and why it cannot be used, if so."""
    width, height = size
    whole, fault = Box(0, 0, width, height), raw_annotation.fault
    if raw_annotation.box is None:
        problems.append(f"{raw_annotation.place}: {fault}; left out: {PLACELESS}")
        return whole, fault
    box = raw_annotation.box
    if raw_annotation.in_shares:
        box = Box(box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)
    if not all(map(math.isfinite, box)) or box.width <= 0 or box.height <= 0:
        fault = "the box has no size"
        problems.append(f"{raw_annotation.place}: {fault}; left out: {PLACELESS}")
        return whole, fault
    if fault:
        problems.append(f"{raw_annotation.place}: {fault}; left out")
    cut = box.within(width, height)
    if min(cut.width, cut.height) > 0 and _is_near(box, cut):
        return cut, fault
    inside = cut.width * cut.height / (box.width * box.height)
    reaches = f"the box reaches outside the picture of {width} x {height} px ({inside:.0%} of it is inside)"
    if inside >= ENOUGH_INSIDE:
        problems.append(f"{raw_annotation.place}: {reaches}; cut at its edge")
        return cut, fault
    if min(cut.width, cut.height) > 0:
        problems.append(f"{raw_annotation.place}: {reaches}; left out")
        return cut, reaches
    problems.append(f"{raw_annotation.place}: {reaches}; left out: {PLACELESS}")
    return whole, reaches


def _is_near(box: Box, cut: Box) -> bool:
    return max(abs(a - b) for a, b in zip(box, cut, strict=True)) <= ROUNDING_PX


def box_about(xs: Iterable[float], ys: Iterable[float]) -> Box:
    """The smallest box about points."""
    across, down = list(xs), list(ys)
    return Box(min(across), min(down), max(across), max(down))


def require_boxes(image: LabelledImage) -> list[tuple[AnnotationLabel, Box]]:
    """The labels and boxes of a picture, the unclear faces last. Raises `DataError` when a label is the whole picture's."""
    result = []
    for truth in image.truths:
        if truth.box is None:
            raise DataError(f"{image.path}: its label is the whole picture's; this format needs boxes")
        result.append((AnnotationLabel(truth.label.value), truth.box))
    return result + [(AnnotationLabel.UNKNOWN, box) for box in image.unclear]


def refuse_shared_names(images: Iterable[LabelledImage]) -> None:
    """Raises `DataError` when two pictures would have one label file, which is named after the picture."""
    seen: dict[PurePosixPath, LabelledImage] = {}
    for image in images:
        other = seen.setdefault(PurePosixPath(image.key).with_suffix(""), image)
        if other is not image:
            raise DataError(f"{image.path}: would share its label file with {other.path}")
