"""Labels that come back from the tools that people label with: taken over as a whole, and undone as a whole."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from maskwatch.core.errors import MALFORMED, DataError, LabelConflict, QueueError
from maskwatch.core.records import Box
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats import coco, cvat, label_studio, queue, voc, yolo
from maskwatch.datasets.formats.registry import Format
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Problems
from maskwatch.samples.annotations import Annotation, as_annotations, checked_name, validated_annotations
from maskwatch.samples.exports import REVISIONS
from maskwatch.samples.import_journal import Step, write_journal
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.unpack import unpack

READERS: dict[str, Format] = {
    "label_studio": label_studio,
    "coco": coco,
    "yolo": yolo,
    "voc": voc,
    "cvat": cvat,
    "queue": queue,
}
SAMPLE_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-\d{6,}")

PLACELESS = "its label is of the whole picture, and where the face is is not told"
SAME_BOX_PX = 0.15  # formats keep a tenth of a pixel


@dataclass(slots=True)
class Imported:
    """What became of a data set that came back: ids of samples, and a line for what did not fit.

    The samples of `refused` have labels of which one cannot be used, which `problems` tells.
    """

    labelled: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    newer_here: list[str] = field(default_factory=list)
    as_models_said: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=Problems)


def import_labels(
    store: Queue,
    source: Path,
    data_format: str | None,
    by: str,
    *,
    force: bool = False,
    skip_empty: bool = False,
    accept_unchanged: bool = False,
    classes: ClassNames = USUAL_NAMES,
) -> Imported:
    """Take the labels of a folder, a zip file or a JSON file over, matching pictures by the sample's id in their name.

    `data_format` is a key of `READERS`; None: auto-detect. Every picture that the set describes counts as labelled by
    `by`; with `skip_empty`, not those without a face. A picture of which a box cannot be used is refused: the rest of
    its boxes would say that there is no other face. In an unlabelled sample, annotations identical to the predictions
    are skipped (possibly unreviewed) unless `accept_unchanged`, or the set is Label Studio's own JSON, which has
    annotations only where somebody submitted them. Labels that were given here after the set went out
    stay, unless `force`; so do all that differ when the set does not tell when that was (`revisions.json`, or what
    tasks of Label Studio carry).
    `import_journal.undo_import` takes all of it back. Raises `DataError` when the source is no such data set, and
    `QueueError` for a name that is none.
    """
    by = checked_name(by)
    data, revisions, is_submitted = _read(store, source, data_format, classes)
    result = Imported(refused=_unread(store, data), problems=data.problems)
    how = _How(force, skip_empty, accept_unchanged or is_submitted)
    steps = list(_steps(store, data, revisions, how, result))
    if steps:
        write_journal(store.folder, source, by, steps)
    for step in steps:
        try:
            store.label(step.sample_id, step.faces, by, based_on=step.before)
            result.labelled.append(step.sample_id)
        except LabelConflict:
            result.newer_here.append(step.sample_id)
        except QueueError as e:
            result.problems.append(f"{step.sample_id}: {e}")
    return result


@dataclass(frozen=True, slots=True)
class _How:
    force: bool
    skip_empty: bool
    accept_unchanged: bool


def _read(
    store: Queue, source: Path, data_format: str | None, classes: ClassNames
) -> tuple[DataSet, dict[str, int], bool]:
    """The set, its pictures those of the queue, the revisions that went out, and whether people submitted each picture."""
    with TemporaryDirectory(prefix="maskwatch-") as temporary:
        staged = unpack(source, Path(temporary), READERS.values())
        kind = _kind(staged, data_format, source)
        paths = store.images()
        there = staged / coco.ANNOTATIONS if source.is_file() and source.suffix.lower() == ".json" else staged
        is_submitted = kind is label_studio
        try:
            data = kind.read(staged, lambda path: _found(path, paths), classes)
            told = label_studio.revisions(staged) if is_submitted else {}
            revisions = _revisions(staged) or told
        except DataError as e:  # whose file is gone when somebody reads it
            raise DataError(str(e).replace(str(there), str(source))) from e
        problems = Problems(data.problems).replaced(str(there), str(source))
        return DataSet(data.images, problems), revisions, is_submitted


def _unread(store: Queue, data: DataSet) -> list[str]:
    """The samples of which the set's problems tell that nothing of their labels can be read."""
    told = {name for line in data.problems for name in SAMPLE_ID.findall(line)}
    read = {image.path.stem for image in data.images}
    return sorted((told & store.images().keys()) - read)


def _steps(
    store: Queue, data: DataSet, revisions: Mapping[str, int], how: _How, result: Imported
) -> Iterator[Step]:
    """What is to be labelled, oldest first; what is not is told in `result`."""
    for image in sorted(data.images, key=lambda image: image.path.stem):
        annotations, sample_id = _annotations(image), image.path.stem
        faults = [*image.faults, *(PLACELESS for truth in image.truths if truth.box is None)]
        if faults:
            result.refused.append(sample_id)
            result.problems.append(f"{sample_id}: is refused, because {_and(faults)}")
        elif annotations or not how.skip_empty:
            try:
                sample = store.sample(sample_id)
                faces = validated_annotations(annotations, sample.report.size)
            except QueueError as e:
                result.problems.append(f"{sample_id}: {e}")
                continue
            if not how.accept_unchanged and _is_as_models_said(sample, annotations):
                result.as_models_said.append(sample_id)
            elif sample.labels is not None and _sorted(sample.labels.faces) == _sorted(faces):
                result.unchanged.append(sample_id)
            elif not how.force and revisions.get(sample_id, 0) < sample.revision:
                result.newer_here.append(sample_id)
            else:
                yield Step(sample_id, sample.revision, faces)


def _and(faults: Iterable[str]) -> str:
    """Each once, with how often it occurs."""
    lines = list(faults)
    return "; ".join(
        line if lines.count(line) == 1 else f"{line} ({lines.count(line)} boxes)"
        for line in dict.fromkeys(lines)
    )


def _is_as_models_said(sample: Sample, annotations: list[Annotation]) -> bool:
    """Whether an unlabelled sample's predictions are these annotations; a set's boxes are good to a tenth of a pixel."""
    said = _sorted(_rounded(as_annotations(sample.report.faces)))
    given = _sorted(_rounded(annotations))
    return (
        sample.labels is None
        and len(said) == len(given)
        and all(
            mine[1] == theirs[1]
            and max(abs(a - b) for a, b in zip(mine[0], theirs[0], strict=True)) < SAME_BOX_PX
            for mine, theirs in zip(said, given, strict=True)
        )
    )


def _found(path: Path, paths: dict[str, Path]) -> Path:
    named = SAMPLE_ID.search(path.name)
    return paths.get(named.group(), path) if named else path


def _annotations(image: LabelledImage) -> list[Annotation]:
    known = [Annotation(t.box, AnnotationLabel(t.label.value)) for t in image.truths if t.box is not None]
    return known + [Annotation(box, AnnotationLabel.UNKNOWN) for box in image.unclear]


def _rounded(annotations: Iterable[Annotation]) -> list[Annotation]:
    return [
        Annotation(Box(*(round(v, 1) for v in annotation.box)), annotation.label)
        for annotation in annotations
    ]


def _sorted(annotations: Iterable[Annotation]) -> list[tuple[Box, str]]:
    """The order of faces means nothing."""
    return sorted((annotation.box, annotation.label.value) for annotation in annotations)


def _revisions(folder: Path) -> dict[str, int]:
    path = folder / REVISIONS
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return {str(name): int(revision) for name, revision in found.items()}
    except MALFORMED as e:
        raise DataError(f"{path}: does not tell the samples' revisions") from e


def _kind(folder: Path, data_format: str | None, source: Path) -> Format:
    if data_format is not None:
        if not READERS[data_format].matches(folder):
            raise DataError(f"{source}: is no data set of the format {data_format}")
        return READERS[data_format]
    for kind in READERS.values():
        if kind.matches(folder):
            return kind
    raise DataError(f"{source}: is no data set ({', '.join(READERS)})")
