"""What the formats have in common: a marked face is checked against its picture, and what is wrong is told."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from maskwatch.core.errors import DataError, SourceError
from maskwatch.core.records import Box
from maskwatch.datasets.formats.sizes import image_size
from maskwatch.datasets.labels import AnnotationLabel, annotation_label_of
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split

ROUNDING_PX = 1.0  # a box that leaves the frame by so little was rounded, not drawn wrong
ENOUGH_INSIDE = 0.5  # the share of its area that a box must have in the frame

PARTS = {
    "train": Split.TRAIN,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "test": Split.TEST,
}
"""What data sets call their parts."""


@dataclass(frozen=True, slots=True)
class RawAnnotation:
    """A face as a file has it. `place` names file and item, for whoever has to mend it.

    The box is in pixels, or in shares of the picture.
    """

    place: str
    label: AnnotationLabel
    box: Box
    in_shares: bool = False


Finder = Callable[[Path], Path]
"""Tells where the picture is that a data set has, or should have, at a path."""


def in_place(path: Path) -> Path:
    return path


def known_label(name: str, place: str, problems: list[str]) -> AnnotationLabel | None:
    label = annotation_label_of(name)
    if label is None:
        problems.append(f"{place}: class {name!r} is unknown; left out")
    return label


def annotated_image(
    path: Path,
    key: str,
    raw_annotations: Iterable[RawAnnotation],
    problems: list[str],
    part: Split | None = None,
) -> LabelledImage | None:
    """The picture with those marks that can be used; None when there is no such picture.

    A box that lies half in the frame or more is cut at the edge. What is wrong is added to `problems`.
    """
    if PurePosixPath(key).is_absolute() or ".." in PurePosixPath(key).parts:
        problems.append(f"{path}: lies outside the data set; left out")
        return None
    if not path.is_file():
        problems.append(f"{path}: is missing")
        return None
    raw_annotations = list(raw_annotations)
    if not raw_annotations:
        return LabelledImage(path, key, (), part)
    try:
        size = image_size(path)
    except SourceError as e:
        problems.append(str(e))
        return None
    truths: list[GroundTruth] = []
    unclear: list[Box] = []
    for raw_annotation in raw_annotations:
        box = _inside(raw_annotation, size, problems)
        label = raw_annotation.label.known
        if box is not None and label is not None:
            truths.append(GroundTruth(label, box))
        elif box is not None:
            unclear.append(box)
    return LabelledImage(path, key, tuple(truths), part, tuple(unclear))


def _inside(raw_annotation: RawAnnotation, size: tuple[int, int], problems: list[str]) -> Box | None:
    width, height = size
    box = raw_annotation.box
    if raw_annotation.in_shares:
        box = Box(box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)
    if not all(map(math.isfinite, box)) or box.width <= 0 or box.height <= 0:
        problems.append(f"{raw_annotation.place}: the box has no size; left out")
        return None
    cut = box.within(width, height)
    if (
        max(abs(a - b) for a, b in zip(box, cut, strict=True)) <= ROUNDING_PX
        and min(cut.width, cut.height) > 0
    ):
        return cut
    inside = cut.width * cut.height / (box.width * box.height)
    verdict = "cut at its edge" if inside >= ENOUGH_INSIDE else "left out"
    problems.append(
        f"{raw_annotation.place}: the box reaches outside the picture of {width} x {height} px "
        f"({inside:.0%} of it is inside); {verdict}"
    )
    return cut if inside >= ENOUGH_INSIDE else None


def part_of(key: str) -> Split | None:
    """The part that one of the folders in a key is named after."""
    return next((PARTS[name] for name in PurePosixPath(key).parts[:-1] if name in PARTS), None)


def boxed(image: LabelledImage) -> list[tuple[AnnotationLabel, Box]]:
    """What a writer needs, the unclear faces last. Raises `DataError` when a label is the whole picture's."""
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
