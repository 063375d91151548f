"""Samples out to the tools that people label with, and their labels back in."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from maskwatch.core.errors import DataError, LabelConflict, QueueError
from maskwatch.core.records import Box
from maskwatch.datasets.formats import coco, queue, voc, yolo
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.formats.registry import WRITERS, Format
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.samples.annotations import Annotation, accepted
from maskwatch.samples.sample import Sample, labelled_image
from maskwatch.samples.store import Queue

READERS: dict[str, Format] = {"coco": coco, "yolo": yolo, "voc": voc, "queue": queue}
FORMS = tuple(READERS)
REVISIONS = "revisions.json"  # which revision of each sample went out
SAMPLE_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-\d{6,}")
TEXTS = {".json", ".txt", ".xml", ".yaml", ".yml", ".names"}  # pictures that come back are not needed
MAX_FILES = 200_000
MAX_TEXT_MB = 512  # unpacked, all files together
SAME_BOX_PX = 0.15  # formats keep a tenth of a pixel
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples: saved from `since` until before `until`, of a camera, labelled or not, for a reason; None: all."""

    since: datetime | None = None
    until: datetime | None = None
    camera: str | None = None
    labelled: bool | None = None
    reason: str | None = None

    def fits(self, sample: Sample) -> bool:
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


def exported(store: Queue, wanted: SampleFilter, form: str) -> Iterator[Entry]:
    """The files of a data set (`coco`, `yolo`, `voc`, or `queue`, the samples as they are), one after the other.

    A sample that nobody has labelled goes with what the models said of it. Raises `DataError` when
    there is no such sample.
    """
    samples = [sample for sample in store.samples() if wanted.fits(sample)]
    if not samples:
        raise DataError("queue: no sample is asked for by that")
    paths = store.images()
    present = [sample for sample in samples if sample.id in paths]
    if form == "queue":
        entries = _as_they_are(present, paths)
    else:
        entries = WRITERS[form].entries([_as_image(sample, paths[sample.id]) for sample in present])
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


def _as_image(sample: Sample, path: Path) -> LabelledImage:
    annotations = accepted(sample.report.faces) if sample.labels is None else sample.labels.faces
    return labelled_image(annotations, path, _key(path))


@dataclass(slots=True)
class Imported:
    """What became of a data set that came back: ids of samples, and a line for what did not fit."""

    labelled: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    newer_here: list[str] = field(default_factory=list)
    as_models_said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_labels(
    store: Queue,
    source: Path,
    form: str | None,
    by: str,
    *,
    force: bool = False,
    skip_empty: bool = False,
    accept_unchanged: bool = False,
) -> Imported:
    """Take the labels of a folder or zip file over, matching pictures by the sample's id in their name.

    `form` None: whichever it is. Every picture that the set describes counts as looked at by `by`;
    with `skip_empty`, not those without a face. What had no labels and comes back as the models said may be what
    nobody looked at: it is left without, unless `accept_unchanged`. Labels that were given here after the set went out stay,
    unless `force`; so do all that differ when the set does not tell when that was (`revisions.json`).
    Raises `DataError` when the source is no such data set.
    """
    result = Imported()
    with TemporaryDirectory(prefix="maskwatch-") as temporary:
        staged = _unpacked(source, Path(temporary))
        kind = _kind(staged, form, source)
        paths = store.images()
        data = kind.read(staged, lambda path: _found(path, paths))
        result.problems += [line.replace(str(staged), str(source)) for line in data.problems]
        revisions = _revisions(staged)
    for image in sorted(data.images, key=lambda image: image.path.stem):  # oldest first
        annotations, sample_id = _annotations(image), image.path.stem
        if not annotations and skip_empty:
            continue
        try:
            sample = store.sample(sample_id)
            if not accept_unchanged and _is_as_models_said(sample, annotations):
                result.as_models_said.append(sample_id)
                continue
            went_out = None if force else revisions.get(sample_id, 0)
            changed = _label(store, sample, annotations, by, went_out)
            (result.labelled if changed else result.unchanged).append(sample_id)
        except LabelConflict:
            result.newer_here.append(sample_id)
        except QueueError as e:
            result.problems.append(f"{sample_id}: {e}")
    return result


def _label(
    store: Queue, sample: Sample, annotations: list[Annotation], by: str, went_out: int | None
) -> bool:
    """Whether these labels are others than those that are there.

    Raises `LabelConflict` where there is a newer revision than the one that went out.
    """
    if sample.labels is not None and _sorted(sample.labels.faces) == _sorted(_rounded(annotations)):
        return False
    based_on = None if went_out is None else min(went_out, sample.revision)
    store.label(sample.id, annotations, by, based_on=based_on)
    return True


def _is_as_models_said(sample: Sample, annotations: list[Annotation]) -> bool:
    """Whether a sample without labels has these marks from the models; a set's boxes are good to a tenth of a pixel."""
    said = _sorted(_rounded(accepted(sample.report.faces)))
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
    except (ValueError, TypeError, AttributeError, RecursionError) as e:
        raise DataError(f"{path.name}: does not tell the samples' revisions") from e


def _kind(folder: Path, form: str | None, source: Path) -> Format:
    if form is not None:
        if not READERS[form].matches(folder):
            raise DataError(f"{source}: is no data set of the format {form}")
        return READERS[form]
    for kind in READERS.values():
        if kind.matches(folder):
            return kind
    raise DataError(f"{source}: is no data set ({', '.join(READERS)})")


def _unpacked(source: Path, folder: Path) -> Path:
    """The texts of a folder or zip file, below `folder`; where all lie in one folder, that."""
    try:
        if source.is_dir():
            _copy_texts(source, folder)
        else:
            _unzip_texts(source, folder)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
        raise DataError(f"{source}: cannot be read ({e})") from e
    inside = list(folder.iterdir())
    known = any(kind.matches(folder) for kind in READERS.values())
    return inside[0] if not known and len(inside) == 1 and inside[0].is_dir() else folder


def _copy_texts(source: Path, folder: Path) -> None:
    budget = _Budget(source)
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in TEXTS and path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            budget.spend(path.stat().st_size)
            shutil.copyfile(path, target)


def _unzip_texts(source: Path, folder: Path) -> None:
    """A zip file from strangers: no path leads out of `folder`, and no more is written than the budget allows."""
    budget = _Budget(source)
    with zipfile.ZipFile(source) as archive:
        for about in archive.infolist():
            name = PurePosixPath(about.filename)
            if about.is_dir() or name.suffix.lower() not in TEXTS:
                continue
            if name.is_absolute() or ".." in name.parts or "\\" in about.filename or ":" in about.filename:
                raise DataError(f"{source}: holds {about.filename!r}, which lies outside of it; refused")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(about) as packed, target.open("wb") as file:
                _copy(packed.read, file.write, budget)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], int], budget: "_Budget") -> None:
    budget.spend(0)
    while chunk := read(CHUNK):
        budget.spend(len(chunk), files=0)  # what comes out, whatever the header promised
        write(chunk)


class _Budget:
    """How much may be unpacked. Raises `DataError` when it is spent."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._files = MAX_FILES
        self._bytes = MAX_TEXT_MB * 1_000_000

    def spend(self, count: int, files: int = 1) -> None:
        self._files -= files
        self._bytes -= count
        if self._files < 0 or self._bytes < 0:
            raise DataError(
                f"{self._source}: more than {MAX_FILES} files or {MAX_TEXT_MB} MB of labels; refused"
            )
