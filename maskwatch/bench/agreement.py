"""How well each way to compute the detector finds faces, and how far it agrees with float32 on the processor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from maskwatch.core.geometry import iou
from maskwatch.core.progress import Bar
from maskwatch.core.records import Face
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.detection import search_lowered
from maskwatch.evaluation.images import choose, need_boxes, opened
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.loading import Models

SAME_IOU = (0.9, 0.5)  # at which a box of the device is one of the processor's


def recall(
    ways: Mapping[str, Mapping[str, object]], min_face_px: float, data: Path, models: Models, bar: Bar
) -> dict[str, object]:
    """Recall by class and precision of each way, and how many of its boxes are those of float32 on the processor.

    `ways` are settings of the detector by their names; the test part of `data` counts.
    """
    material = choose(str(data), read(data), SplitChoice.TEST, bar("opening pictures"))
    need_boxes(str(data), material.images)
    cpu = Models(torch.device("cpu"))
    every = {"processor, float32": (cpu, {"backend": "torch", "min_face_px": min_face_px})}
    every |= {way: (models, {"min_face_px": min_face_px, **how}) for way, how in ways.items()}
    images = [rgb for _, _, rgb in opened(material.images, bar("opening pictures"), None)]
    result: dict[str, object] = {"images": len(images)}
    theirs: list[tuple[Face, ...]] = []
    for way, (loaded, how) in every.items():
        settings = Settings.model_validate(how)
        found = search_lowered(loaded.mtcnn, settings, material, bar(f"finding faces, {way}"))
        ours = [loaded.mtcnn(settings).detect([rgb])[0] for rgb in images]
        theirs = theirs or ours
        all_faces = found.counts()
        right = sum(found.hits & (found.scores > found.threshold))
        result[way] = {
            "recall": all_faces.recall,
            "recall_by_class": {str(label): found.counts(label=label).recall for label in FaceLabel},
            "precision": float(right / max(1, right + all_faces.false_alarms)),
            "boxes": sum(map(len, ours)),
            "shared_with_processor": {str(bound): shared(ours, theirs, bound) for bound in SAME_IOU},
        }
    return result


def shared(ours: Sequence[Sequence[Face]], theirs: Sequence[Sequence[Face]], bound: float) -> float | None:
    """The share (0..1) of their boxes that lie on one of ours with an IoU of at least `bound`; None where there is none."""
    hits = [
        any(iou(face.box, each.box) >= bound for each in mine)
        for mine, other in zip(ours, theirs, strict=True)
        for face in other
    ]
    return sum(hits) / len(hits) if hits else None
