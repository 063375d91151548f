"""Every picture opened, its faces found, measured and cut, by as many workers as there are."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import torch

from maskwatch.core.errors import SourceError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.batches import ImageBatch, batches
from maskwatch.datasets.faces import FOUND_IOU
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.prepare.measures import cut, sharpness
from maskwatch.datasets.prepare.records import Criteria, FaceStatus, FoundFace, ScanOutcome, outcome_of
from maskwatch.datasets.records import LabelledImage, perceptual_hash
from maskwatch.detect.landmarks import Landmarks, turn
from maskwatch.detect.loading import ready_detector
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock
from maskwatch.parallel.settings import WorkerSettings, workers_of
from maskwatch.parallel.workers import in_order
from maskwatch.platform.threads import in_threads
from maskwatch.sources.images import encoded, read_rgb

Named = tuple[str, LabelledImage]
"""A picture after the name of its data set."""

Progress = Callable[[Iterable[Named]], Iterable[Named]]

HASH_MARGIN = 0.25  # of the face's side: with more, two faces before one background look the same


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image that can be read: `hash` is its `perceptual_hash`, `sha256` its file's, in hexadecimal."""

    set_name: str
    image: LabelledImage
    hash: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What was seen: the pictures that can be read, the faces that are good enough, and why others are not."""

    opened: list[OpenedImage] = field(default_factory=list)
    faces: list[FoundFace] = field(default_factory=list)
    outcomes: list[ScanOutcome] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FaceModels:
    """What finds faces, and the landmarks by which their turn is told."""

    detector: Detector
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class ImageScan:
    """What was seen in one picture: the good faces, each with its crop as a JPEG, and why others are not."""

    opened: OpenedImage
    faces: tuple[tuple[FoundFace, bytes], ...]
    outcomes: tuple[ScanOutcome, ...]


@dataclass(frozen=True, slots=True)
class ScanWork:
    """How pictures are looked at: by the models that `load` returns in the process that is to use them."""

    load: Callable[[], FaceModels]
    criteria: Criteria

    def __call__(self) -> "Scanner":
        """Load the models."""
        return Scanner(self.load(), self.criteria)


class Scanner:
    """Looks at one batch of pictures after the other. What it sees in one depends on nothing but it."""

    def __init__(self, models: FaceModels, criteria: Criteria) -> None:
        self._models = models
        self._criteria = criteria

    def __call__(self, batch: ImageBatch[Named]) -> list[ImageScan | ScanOutcome]:
        """Of each picture what was seen, or why it cannot be read."""
        files = in_threads(lambda named: _open(named[1].path), batch.items)
        return [
            ScanOutcome(FaceStatus.BROKEN, str(image.path), str(file))
            if isinstance(file, SourceError)
            else self._seen(set_name, image, file)
            for (set_name, image), file in zip(batch.items, files, strict=True)
        ]

    def _seen(self, set_name: str, image: LabelledImage, file: tuple[Rgb, str, int]) -> ImageScan:
        rgb, sha256, image_hash = file
        opened = OpenedImage(set_name, image, image_hash, sha256)
        faces: list[tuple[FoundFace, bytes]] = []
        outcomes: list[ScanOutcome] = []
        for face in _faces(opened, rgb, self._models, self._criteria, outcomes):
            found = _measured(opened, rgb, face)
            fault = _fault(found, self._criteria)
            if fault is None:
                faces.append((found, encoded(cut(rgb, face.box, self._criteria.margin))))
            else:
                outcomes.append(outcome_of(found, *fault))
        return ImageScan(opened, tuple(faces), tuple(outcomes))


def scan(
    images: Sequence[Named],
    work: ScanWork,
    staging: Path,
    *,
    worker_settings: WorkerSettings | None,
    progress: Progress,
) -> ScanResult:
    """Have all pictures looked at by the settings, in their order; crops of the good faces go to `staging`.

    Of files that are the same, the first counts.
    """
    seen = ScanResult()
    first: dict[str, OpenedImage] = {}
    with workers_of(worker_settings, work) as workers:
        results = chain.from_iterable(in_order(workers, batches(images)))
        for (_, image), result in zip(progress(images), results, strict=True):
            if isinstance(result, ScanOutcome):
                seen.outcomes.append(result)
                continue
            seen.opened.append(result.opened)
            original = first.setdefault(result.opened.sha256, result.opened)
            if original is not result.opened:
                detail = f"as {original.image.path}"
                seen.outcomes.append(ScanOutcome(FaceStatus.SAME_FILE, str(image.path), detail))
                continue
            seen.outcomes.extend(result.outcomes)
            for face, jpeg in result.faces:
                staged = staging / f"{len(seen.faces):08d}.jpg"
                staged.write_bytes(jpeg)
                seen.faces.append(replace(face, staged=staged))
    return seen


def load_face_models(settings: Settings, device: torch.device) -> FaceModels:
    """The detector of these settings, and the published O-Net's landmarks. Raises `ModelError`."""
    return FaceModels(ready_detector(settings, device), Landmarks(load_stock().onet))


def _open(path: Path) -> tuple[Rgb, str, int] | SourceError:
    try:
        rgb = read_rgb(path)
    except SourceError as e:
        return e
    return rgb, hashlib.sha256(path.read_bytes()).hexdigest(), perceptual_hash(rgb)


@dataclass(frozen=True, slots=True)
class _Labelled:
    number: int
    box: Box
    label: FaceLabel
    turn: float


def _faces(
    opened: OpenedImage, rgb: Rgb, models: FaceModels, criteria: Criteria, outcomes: list[ScanOutcome]
) -> Iterator[_Labelled]:
    """The found faces that have a label, numbered from left to right; of the others it is told why not."""
    truths, file = opened.image.truths, str(opened.image.path)
    if not truths:
        outcomes.append(ScanOutcome(FaceStatus.BACKGROUND, file))
        return
    found = sorted(face.box for face in models.detector.detect([rgb])[0])
    if criteria.one_face and max(len(found), len(truths)) > 1:
        detail = f"{max(len(found), len(truths))} of them"
        outcomes.append(ScanOutcome(FaceStatus.MANY_FACES, file, detail, label=_whole_label(opened.image)))
        return
    if not found:
        outcomes.append(ScanOutcome(FaceStatus.NO_FACE, file, label=_whole_label(opened.image)))
        return
    owner = _owners(found, opened.image)
    missed = set(range(len(truths))) - set(owner.values())
    outcomes.extend(
        ScanOutcome(FaceStatus.MISSED, file, box=truths[place].box, label=truths[place].label)
        for place in sorted(missed)
    )
    points = models.landmarks.find(rgb, found)
    for number, box in enumerate(found):
        if number in owner:
            label = truths[owner[number]].label
            yield _Labelled(number + 1, box, label, turn(points[number]).most)
        else:
            outcomes.append(ScanOutcome(FaceStatus.UNMARKED, file, number=number + 1, box=box))


def _whole_label(image: LabelledImage) -> FaceLabel | None:
    """The label of a picture as a whole, where it has one."""
    return image.truths[0].label if image.truths[0].box is None else None


def _owners(found: list[Box], image: LabelledImage) -> dict[int, int]:
    """The truth that each found face belongs to: the label of a whole picture is its largest face's."""
    truths = image.truths
    if truths[0].box is None:
        return {max(range(len(found)), key=lambda i: found[i].width * found[i].height): 0}
    pairs = [
        (iou(box, truth.box), i, j)
        for i, box in enumerate(found)
        for j, truth in enumerate(truths)
        if truth.box is not None
    ]
    owner: dict[int, int] = {}
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if overlap >= FOUND_IOU and i not in owner and j not in owner.values():
            owner[i] = j
    return owner


def _measured(opened: OpenedImage, rgb: Rgb, face: _Labelled) -> FoundFace:
    near = cut(rgb, face.box, HASH_MARGIN)
    return FoundFace(
        opened.set_name,
        opened.image,
        face.number,
        face.box,
        face.label,
        px=min(face.box.width, face.box.height),
        sharpness=sharpness(rgb, face.box),
        turn=face.turn,
        hash=perceptual_hash(near) if near.size else 0,
        image_hash=opened.hash,
        sha256=opened.sha256,
    )


def _fault(face: FoundFace, criteria: Criteria) -> tuple[FaceStatus, str] | None:
    if face.px < criteria.min_px:
        return FaceStatus.SMALL, f"{face.px:.0f} px, less than {criteria.min_px:g}"
    if face.sharpness < criteria.min_sharpness:
        return FaceStatus.BLURRED, f"sharpness {face.sharpness:.0f}, less than {criteria.min_sharpness:g}"
    if not face.turn <= criteria.max_turn:  # also when there are no points to tell it by
        return FaceStatus.TURNED, f"by {face.turn:.0f} degrees, more than {criteria.max_turn:g}"
    return None
