"""Pictures for training and for measuring: the cameras' samples, and the base data."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from maskwatch.core.errors import QueueError, SourceError
from maskwatch.core.evenly import evenly
from maskwatch.core.ports import Detector
from maskwatch.core.progress import Bar
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.faces import LabelledFace, SeenImage, cut_faces
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.datasets.sets import merge_splits, named
from maskwatch.evaluation.images import choose
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.learning.split import SplitAssignment
from maskwatch.samples.sample import Sample, labelled_image
from maskwatch.samples.store import Queue
from maskwatch.sources.images import read_rgb

log = logging.getLogger(__name__)

MAX_SIDE_PX = 1280  # of a picture that is trained on: many whole frames have to fit into memory
MAX_SAMPLES = 400  # of the archive, the newest, that are trained on
BASE = "base"


@dataclass(frozen=True, slots=True)
class SampleImage:
    """A labelled picture of a camera, or of the base data."""

    camera: str
    labelled: LabelledImage

    @property
    def truths(self) -> tuple[GroundTruth, ...]:
        """The labelled faces; boxes in pixels of the image."""
        return self.labelled.truths

    @property
    def whole(self) -> FaceLabel | None:
        """The label where it is the picture's and there are no boxes."""
        return self.truths[0].label if self.truths and self.truths[0].box is None else None

    def rgb(self) -> Rgb:
        """The image, read anew each time: `(H, W, 3)` uint8, RGB. Raises `SourceError`."""
        return read_rgb(self.labelled.path)

    def readable(self) -> Rgb | None:
        """Like `rgb`, but None where the picture cannot be read any more, which is logged."""
        try:
            return self.rgb()
        except SourceError as e:
            log.warning("%s; left out", e)
            return None


@dataclass(frozen=True, slots=True)
class LearningData:
    """Pictures of `cameras` and `base`, each by split; `notes` has a line for everything that cannot be used."""

    cameras: Mapping[Split, Sequence[SampleImage]]
    base: Mapping[Split, Sequence[SampleImage]]
    notes: tuple[str, ...] = field(default=())

    def of(self, split: Split) -> list[SampleImage]:
        """The images of one split, those of the cameras before those of the base."""
        return [*self.cameras[split], *self.base[split]]


def sample_image(sample: Sample, path: Path, split: Split) -> SampleImage:
    """A sample as an image of the split; `path` is its clean frame. Without labels it has no faces."""
    annotations = sample.labels.faces if sample.labels else ()
    return SampleImage(sample.report.camera, labelled_image(annotations, path, path.stem, split))


def sample_images(
    samples: Queue, assignments: Mapping[str, SplitAssignment]
) -> dict[Split, list[SampleImage]]:
    """The labelled samples of the archive; when they are too many, the oldest are not trained on."""
    by_split: dict[Split, list[SampleImage]] = {split: [] for split in Split}
    for sample in samples.samples():
        assignment = assignments.get(sample.id)
        if sample.labels is None or assignment is None:
            continue
        try:
            path = samples.image(sample.id)
        except QueueError:  # somebody removed it meanwhile
            continue
        by_split[assignment.split].append(sample_image(sample, path, assignment.split))
    return {split: own if split is Split.TEST else own[-MAX_SAMPLES:] for split, own in by_split.items()}


def base_images(
    folders: Sequence[Path], most: int, bar: Bar
) -> tuple[dict[Split, list[SampleImage]], list[str]]:
    """At most so many pictures of the training and the test split, always the same ones, and notes.

    The splits are those of `maskwatch train`, so that models are never measured on pictures they were trained on.
    Only pictures whose every box can be used are measured on.
    """
    by_split: dict[Split, list[SampleImage]] = {split: [] for split in Split}
    notes: list[str] = []
    sets = {name: read(folder) for name, folder in named(folders).items()}
    for name, data in merge_splits(sets, bar("comparing pictures")).items():
        material = choose(name, data, SplitChoice.ALL, bar(f"opening {name}"))
        notes += material.notes
        for image in sorted(material.images, key=lambda each: _order(each.key)):
            if image.split is not Split.TEST or not image.faults:
                by_split[image.split or Split.TRAIN].append(SampleImage(BASE, image))
    shares = {Split.TRAIN: most, Split.VALIDATION: most // 4, Split.TEST: most}
    return {split: evenly(own, shares[split]) for split, own in by_split.items()}, notes


def _order(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def seen(image: SampleImage, detector: Detector) -> SeenImage | None:
    """The pictures for the detector's training, with the faces that people marked.

    Where a picture has a label but no boxes, with the faces that the serving `detector` finds, so that
    what it knows is not lost; None where it finds none, or the picture cannot be read.
    """
    rgb = image.readable()
    if rgb is None:
        return None
    boxes = [truth.box for truth in image.truths if truth.box is not None]
    if image.whole is not None:
        boxes = [face.box for face in detector.detect([rgb])[0]]
        if not boxes:
            return None
    unclear = list(image.labelled.unclear)
    scale = MAX_SIDE_PX / max(rgb.shape[:2])
    if scale < 1:
        size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        boxes, unclear = ([Box(*(v * scale for v in box)) for box in each] for each in (boxes, unclear))
    labels = () if image.whole is not None else tuple(truth.label for truth in image.truths if truth.box)
    return SeenImage(rgb, tuple(boxes), tuple(unclear), labels)


def faces(images: Iterable[SampleImage], detector: Detector) -> list[LabelledFace]:
    """The faces for the classifier's training: the labelled ones that the detector finds and, for the training split, the missed ones."""
    result = []
    for image in images:
        rgb = image.readable()
        result += [] if rgb is None else cut_faces(rgb, image.labelled, detector)
    return result
