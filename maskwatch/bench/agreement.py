"""How well each way to compute the detector finds faces, and how far it agrees with float32 on the processor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from maskwatch.bench.parts import Figures
from maskwatch.core.geometry import iou
from maskwatch.core.progress import Bar
from maskwatch.core.records import Face, Rgb
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.detection import Detection, search_lowered
from maskwatch.evaluation.images import choose, need_boxes, opened
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.loading import Models

SAME_IOU = (0.9, 0.5)  # at which a box of the device is one of the processor's


Ways = Mapping[str, Mapping[str, object]]
"""Settings of the detector by the name of a way to compute."""


def agreement(
    ways: Ways, min_face_px: float, images: Sequence[Rgb], models: Models, bar: Bar
) -> dict[str, Figures]:
    """Of each way, how many of the boxes of float32 on the processor are its, too, in images `(H, W, 3)` uint8 RGB."""
    theirs: list[tuple[Face, ...]] = []
    result: dict[str, Figures] = {}
    for way, (loaded, settings) in _with_processor(ways, min_face_px, models).items():
        detector = loaded.mtcnn(settings)
        ours = [detector.detect([rgb])[0] for rgb in bar(f"comparing boxes, {way}")(images)]
        theirs = theirs or ours
        result[way] = {
            "boxes": sum(map(len, ours)),
            "shared_with_processor": {str(bound): shared(ours, theirs, bound) for bound in SAME_IOU},
        }
    return result


def recall(ways: Ways, min_face_px: float, data: Path, models: Models, bar: Bar) -> Figures:
    """Recall by class and precision of each way, and its `agreement`, on the test part of `data`."""
    material = choose(str(data), read(data), SplitChoice.TEST, bar("opening pictures"))
    need_boxes(str(data), material.images)
    images = [rgb for _, _, rgb in opened(material.images, bar("opening pictures"), None)]
    agreed = agreement(ways, min_face_px, images, models, bar)
    result: Figures = {"images": len(images)}
    for way, (loaded, settings) in _with_processor(ways, min_face_px, models).items():
        found = search_lowered(loaded.mtcnn, settings, material, bar(f"finding faces, {way}"))
        result[way] = accuracy(found) | agreed[way]
    return result


def accuracy(found: Detection) -> Figures:
    """Recall, that of each class, and precision, at the detector's own threshold."""
    counts = found.counts()
    right = sum(found.hits & (found.scores > found.threshold))
    return {
        "recall": counts.recall,
        "recall_by_class": {str(label): found.counts(label=label).recall for label in FaceLabel},
        "precision": float(right / max(1, right + counts.false_alarms)),
    }


def _with_processor(ways: Ways, min_face_px: float, models: Models) -> dict[str, tuple[Models, Settings]]:
    """What each way is computed by, float32 on the processor first."""
    cpu = Models(torch.device("cpu"))
    every = {"processor, float32": (cpu, {"backend": "torch", "min_face_px": min_face_px})}
    every |= {way: (models, {"min_face_px": min_face_px, **how}) for way, how in ways.items()}
    return {way: (loaded, Settings.model_validate(how)) for way, (loaded, how) in every.items()}


def shared(ours: Sequence[Sequence[Face]], theirs: Sequence[Sequence[Face]], bound: float) -> float | None:
    """The share (0..1) of their boxes that lie on one of ours with an IoU of at least `bound`; None where there is none."""
    hits = [
        any(iou(face.box, each.box) >= bound for each in mine)
        for mine, other in zip(ours, theirs, strict=True)
        for face in other
    ]
    return sum(hits) / len(hits) if hits else None
