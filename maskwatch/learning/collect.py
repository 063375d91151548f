"""Pictures for training and for measuring: the cameras' samples, and the base data."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np

from maskwatch.core.errors import QueueError
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.faces import LabelledFace, SeenPicture, cut_faces
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledPicture, Part, Truth, shown
from maskwatch.evaluation.chosen import Chosen
from maskwatch.evaluation.pictures import choose
from maskwatch.learning.split import Place
from maskwatch.samples.sample import Sample, labelled_picture
from maskwatch.samples.store import Queue

MOST_SIDE_PX = 1280  # of a picture that is trained on: many whole frames have to fit into memory
MOST_SAMPLES = 400  # of the archive, the newest, that are trained on
BASE = "base"

Item = TypeVar("Item")


class Through(Protocol):
    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]: ...


Bar = Callable[[str], Through]
"""Shows what is gone through, under a name."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A labelled picture of a camera, or of the base."""

    camera: str
    labelled: LabelledPicture

    @property
    def part(self) -> Part:
        return self.labelled.part or Part.TRAIN

    @property
    def truths(self) -> tuple[Truth, ...]:
        return self.labelled.truths

    @property
    def whole(self) -> FaceLabel | None:
        """The label where it is the picture's and there are no boxes."""
        return self.truths[0].label if self.truths and self.truths[0].box is None else None

    def rgb(self) -> Rgb:
        """A face that nobody could tell is wiped: it is neither one to find nor one to leave."""
        return shown(self.labelled)


@dataclass(frozen=True, slots=True)
class Material:
    """`cameras` and `base`, each by part; `notes` is a line for everything that cannot be used."""

    cameras: Mapping[Part, Sequence[Picture]]
    base: Mapping[Part, Sequence[Picture]]
    notes: tuple[str, ...] = field(default=())

    def of(self, part: Part) -> list[Picture]:
        return [*self.cameras[part], *self.base[part]]


def sample_picture(sample: Sample, path: Path, part: Part) -> Picture:
    marks = sample.labels.faces if sample.labels else ()
    return Picture(sample.report.camera, labelled_picture(marks, path, path.stem, part))


def sample_pictures(samples: Queue, places: Mapping[str, Place]) -> dict[Part, list[Picture]]:
    """The labelled samples of the archive, the oldest left out of what is trained on when they are too many."""
    parts: dict[Part, list[Picture]] = {part: [] for part in Part}
    for sample in samples.samples():
        place = places.get(sample.id)
        if sample.labels is None or place is None:
            continue
        try:
            path = samples.picture(sample.id)
        except QueueError:  # somebody removed it meanwhile
            continue
        parts[place.part].append(sample_picture(sample, path, place.part))
    return {part: own if part is Part.TEST else own[-MOST_SAMPLES:] for part, own in parts.items()}


def base_pictures(
    folders: Sequence[Path], most: int, bar: Bar
) -> tuple[dict[Part, list[Picture]], list[str]]:
    """At most so many pictures of the training and the test part, always the same ones, and notes.

    The parts are those of `maskwatch train`, so that nothing is measured on what the models were ever trained on.
    """
    parts: dict[Part, list[Picture]] = {part: [] for part in Part}
    notes: list[str] = []
    for folder in folders:
        material = choose(str(folder), read(folder), Chosen.ALL, bar(f"opening {folder.name}"))
        notes += material.notes
        for picture in sorted(material.pictures, key=lambda each: _order(each.key)):
            parts[picture.part or Part.TRAIN].append(Picture(BASE, picture))
    shares = {Part.TRAIN: most, Part.VALIDATION: most // 4, Part.TEST: most}
    return {part: _mixed(own, shares[part]) for part, own in parts.items()}, notes


def _mixed(pictures: list[Picture], most: int) -> list[Picture]:
    """So many of all, evenly over the sets."""
    step = max(1.0, len(pictures) / max(1, most))
    return [pictures[int(number * step)] for number in range(min(most, len(pictures)))]


def _order(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def seen(picture: Picture, detector: Detector) -> SeenPicture | None:
    """For the detector's training, with the faces that people marked.

    Where the label is the picture's and there are no boxes, with those that the serving `detector` finds, so that
    what it knows is not lost; None where it finds none.
    """
    rgb = picture.rgb()
    boxes = [truth.box for truth in picture.truths if truth.box is not None]
    if picture.whole is not None:
        boxes = [face.box for face in detector.detect([rgb])[0]]
        if not boxes:
            return None
    scale = MOST_SIDE_PX / max(rgb.shape[:2])
    if scale < 1:
        size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        boxes = [Box(*(v * scale for v in box)) for box in boxes]
    return SeenPicture(rgb, tuple(boxes))


def faces(pictures: Iterable[Picture], detector: Detector) -> list[LabelledFace]:
    """For the classifier's training: the labelled faces that the detector finds, and in training the missed ones too."""
    result = []
    for picture in pictures:
        result += cut_faces(picture.rgb(), picture.labelled, detector)
    return result
