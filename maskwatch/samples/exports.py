"""Samples out to the tools that people label with; `imports.py` takes their labels back in."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path, PurePosixPath

from maskwatch.core.errors import DataError
from maskwatch.datasets.formats import label_studio_export
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.registry import WRITERS, with_flat_names
from maskwatch.datasets.records import LabelledImage
from maskwatch.platform.paths import looked_at
from maskwatch.samples.annotations import as_annotations
from maskwatch.samples.sample import Sample, labelled_image
from maskwatch.samples.store import Queue

FORMS = (*WRITERS, "queue")
REVISIONS = "revisions.json"  # which revision of each sample went out


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples: saved from `since` until before `until`, of a camera, labelled or not, for a reason; None: all."""

    since: datetime | None = None
    until: datetime | None = None
    camera: str | None = None
    labelled: bool | None = None
    reason: str | None = None

    def fits(self, sample: Sample) -> bool:
        """Whether the sample meets every condition."""
        return (
            (self.since is None or sample.saved_at >= self.since)
            and (self.until is None or sample.saved_at < self.until)
            and (self.camera is None or sample.report.camera == self.camera)
            and (self.labelled is None or (sample.labels is not None) is self.labelled)
            and (self.reason is None or self.reason in sample.reasons)
        )


def moment(text: str, *, end: bool = False) -> datetime:
    """A day or a time as people write it, in UTC unless it says otherwise; with `end`, where that day ends.

    Raises `ValueError`.
    """
    at = datetime.fromisoformat(text)
    if len(text) <= len("2026-11-01"):
        at = datetime.combine(at, time()) + timedelta(days=end)
    return at.replace(tzinfo=at.tzinfo or UTC)


def exported(store: Queue, wanted: SampleFilter, form: str, *, flat: bool = False) -> Iterator[Entry]:
    """The files of a data set in one of `FORMS` (`queue`: the samples as they are), one after the other.

    A sample that nobody has labelled goes with what the models said of it, to Label Studio as a prediction. With
    `flat` no picture lies in a sub-folder, which the queue's own form always has. Raises `DataError` when there is no
    such sample.
    """
    samples = [sample for sample in store.samples() if wanted.fits(sample)]
    if not samples:
        raise DataError(f"{looked_at(store.folder)}: no sample is asked for by that")
    paths = store.images()
    present = [sample for sample in samples if sample.id in paths]
    images = [_as_image(sample, paths[sample.id]) for sample in present]
    images = with_flat_names(images) if flat else images
    if form == "queue":
        entries = _as_they_are(present, paths)
    elif form == "label_studio":
        entries = label_studio_export.task_entries(
            [_as_task(sample, image) for sample, image in zip(present, images, strict=True)]
        )
    else:
        entries = WRITERS[form].entries(images)
    return _with_revisions(entries, present)


def _with_revisions(entries: Iterator[Entry], samples: Sequence[Sample]) -> Iterator[Entry]:
    yield from entries
    revisions = {sample.id: sample.revision for sample in samples}
    yield Entry(REVISIONS, json.dumps(revisions, indent=1).encode())


def _as_they_are(samples: Sequence[Sample], paths: dict[str, Path]) -> Iterator[Entry]:
    for sample in samples:
        path = paths[sample.id]
        yield Entry(_key(path), path)
        yield Entry(_key(path.with_suffix(".json")), path.with_suffix(".json").read_bytes())


def _key(path: Path) -> str:
    """The path inside the queue."""
    return str(PurePosixPath(*path.parts[-3:]))


def _as_task(sample: Sample, image: LabelledImage) -> label_studio_export.Task:
    faces = sample.report.faces
    said = zip(as_annotations(faces), faces, strict=True)
    prediction = label_studio_export.Prediction(
        ", ".join(sample.models.values()) or "maskwatch",
        sample.lowest_confidence,
        [(annotation.label, annotation.box, face.score) for annotation, face in said],
    )
    meta: dict[str, object] = {"sample": sample.id, "revision": sample.revision}
    meta |= {"camera": sample.report.camera, "reasons": list(sample.reasons)}
    return label_studio_export.Task(image, sample.labels is not None, prediction, meta)


def _as_image(sample: Sample, path: Path) -> LabelledImage:
    return labelled_image(sample.annotations, path, _key(path))
