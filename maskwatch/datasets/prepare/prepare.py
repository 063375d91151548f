"""A folder of good faces from labelled pictures: looked at, chosen, and written with a list of all that happened."""

import csv
import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from maskwatch.core.errors import DataError
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.prepare.choose import balanced, contradicted, parts, without_near_duplicates
from maskwatch.datasets.prepare.records import Criteria, FaceStatus, FoundFace, ScanOutcome, outcome_of
from maskwatch.datasets.prepare.scan import FaceModels, Named, Progress, ScanWork, scan
from maskwatch.datasets.records import DataSet, Split
from maskwatch.parallel.settings import WorkerSettings
from maskwatch.platform.files import parents_of, write_atomically

LIST = "prepared.csv"
STAGING = ".faces"
COLUMNS = ("file", "face", "box", "label", "px", "sharpness", "turn", "part", "to", "why", "detail")


def prepare(
    sets: Mapping[str, DataSet],
    load: Callable[[], FaceModels],
    criteria: Criteria,
    out: Path,
    *,
    worker_settings: WorkerSettings | None = None,
    progress: Progress,
) -> list[ScanOutcome]:
    """Write `out` with `{part}/{label}/` and `prepared.csv`, in the place of what an earlier run wrote there.

    `sets` are data sets by names of which no two are equal. Returns what became of every picture and face, in
    a fixed order; the same pictures, criteria and detector give the same folder, whatever the settings, whose workers
    each `load` the models; None is this process. Raises `DataError` when nothing
    is left; then, as after any failure, `out` is as it was.
    """
    images: list[Named] = [(name, image) for name, data in sets.items() for image in data.images]
    outcomes = [
        ScanOutcome(FaceStatus.UNUSABLE, name, line) for name, data in sets.items() for line in data.problems
    ]
    with _whole(out) as building:
        staging = building / STAGING
        staging.mkdir()
        seen = scan(
            images, ScanWork(load, criteria), staging, worker_settings=worker_settings, progress=progress
        )
        outcomes += seen.outcomes
        disputed = contradicted(seen.opened)
        undisputed = []
        for face in seen.faces:
            if face.sha256 in disputed:
                outcomes.append(outcome_of(face, FaceStatus.CONTRADICTED, disputed[face.sha256]))
            else:
                undisputed.append(face)
        kept = without_near_duplicates(undisputed, parts(seen.opened), outcomes)
        if criteria.balance:
            kept = balanced(kept, criteria.seed, outcomes)
        if not kept:
            raise DataError(f"{out}: no face is left: {_most_frequent(outcomes)}")
        outcomes += [_placed(face, where, building) for face, where in kept]
        shutil.rmtree(staging)
        outcomes.sort(key=lambda each: (each.file, each.number or 0, each.status, each.detail))
        write_atomically(building / LIST, _as_csv(outcomes).encode())
    return outcomes


def _most_frequent(outcomes: Sequence[ScanOutcome]) -> str:
    statuses = [outcome.status for outcome in outcomes]
    return max(statuses, key=statuses.count) if statuses else "there are no pictures"


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder that takes the place `out` when the block ends well, and is removed when it does not."""
    building, old = (out.with_name(f"{out.name}.{suffix}") for suffix in ("part", "old"))
    if out.exists() and any(out.iterdir()) and not (out / LIST).is_file():
        raise DataError(f"{out}: holds no {LIST}, so it is not replaced")
    if building.exists() and not (building / STAGING).is_dir():
        raise DataError(f"{building}: is in the way")
    shutil.rmtree(building, ignore_errors=True)  # what a killed run left
    replaces = out.exists()
    with parents_of(out):
        try:
            building.mkdir()
            yield building
            if replaces:
                out.rename(old)
            building.rename(out)
        except BaseException:
            if replaces and not out.exists():
                old.rename(out)
            shutil.rmtree(building, ignore_errors=True)
            raise
    shutil.rmtree(old, ignore_errors=True)


def _placed(face: FoundFace, split: Split, root: Path) -> ScanOutcome:
    """Give a crop its place; the name keeps the picture's, and a hash because two sets may have one name."""
    stem = re.sub(r"[^\w.-]+", "_", Path(face.image.key).stem)[:80]
    digest = hashlib.sha256(f"{face.set_name}/{face.image.key}".encode()).hexdigest()[:8]
    to = Path(split) / face.label / f"{stem}-{digest}-{face.number}.jpg"
    (root / to).parent.mkdir(parents=True, exist_ok=True)
    face.staged.rename(root / to)
    return outcome_of(face, FaceStatus.KEPT, split=split, to=str(to))


def _as_csv(outcomes: Sequence[ScanOutcome]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in outcomes:
        box = "" if each.box is None else " ".join(f"{v:.1f}" for v in each.box)
        measures = [f"{v:.1f}" for v in each.measures] if each.measures else ["", "", ""]
        where = [each.split or "", each.to, each.status, each.detail]
        writer.writerow([each.file, each.number or "", box, each.label or "", *measures, *where])
    return text.getvalue()


def counts(outcomes: Sequence[ScanOutcome]) -> dict[str, dict[str, int]]:
    """How many faces of each label went where: kept ones by part, the rest by the reason."""
    table: dict[str, dict[str, int]] = {f"{FaceStatus.KEPT}: {split}": {} for split in Split}
    table |= {str(status): {} for status in FaceStatus if status is not FaceStatus.KEPT}
    for each in outcomes:
        row = table[f"{FaceStatus.KEPT}: {each.split}" if each.status is FaceStatus.KEPT else each.status]
        column = each.label if isinstance(each.label, FaceLabel) else "-"
        row[column] = row.get(column, 0) + 1
    return {name: row for name, row in table.items() if row or name.startswith(FaceStatus.KEPT)}
