"""How right the models were on samples that were drawn at random, whatever they said of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from maskwatch.core.interval import wilson
from maskwatch.core.records import Face, Label, Versions
from maskwatch.drift.confidences import named
from maskwatch.evaluation.matching import match
from maskwatch.samples.annotations import Labels
from maskwatch.samples.sample import Sample

REASON = "audit"


@dataclass(frozen=True, slots=True)
class Audit:
    """Of one camera: labelled faces in samples that were drawn, and those that were found and judged right."""

    camera: str
    samples: int
    faces: int
    right: int

    @property
    def share(self) -> float | None:
        """Right / labelled faces, 0..1; None where no face is labelled."""
        return self.right / self.faces if self.faces else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of 95 %."""
        return wilson(self.right, self.faces)


def audits(samples: Iterable[Sample], versions: dict[str, str]) -> list[Audit]:
    """For each camera, of the labelled samples that were drawn while its present models judged."""
    found: dict[str, list[tuple[int, int]]] = {camera: [] for camera in versions}
    for sample in samples:
        camera, models = sample.report.camera, sample.models
        judged_by = named(Versions(models.get("detector", ""), models.get("classifier", "")))
        if REASON in sample.reasons and sample.labels is not None and versions.get(camera) == judged_by:
            found[camera].append(_counted(sample.report.faces, sample.labels))
    return [
        Audit(camera, len(each), sum(faces for faces, _ in each), sum(right for _, right in each))
        for camera, each in sorted(found.items())
    ]


def _counted(faces: tuple[Face, ...], labels: Labels) -> tuple[int, int]:
    """Labelled faces, and those of them that were found and judged right."""
    annotations = [
        (annotation.box, known)
        for annotation in labels.faces
        if (known := annotation.label.known) is not None
    ]
    matching = match(faces, [box for box, _ in annotations])
    right = 0
    for face, place in zip(matching.found, matching.truths, strict=True):
        if place is not None:
            wanted = Label.PROTECTED if annotations[place][1].protected else Label.UNPROTECTED
            right += face.label is wanted
    return len(annotations), right
