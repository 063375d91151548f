"""The archive of used samples: the split of each, doubtful labels, and the batch under way.

archive/samples/<camera>/<date>/    as in a queue; those held out among them
archive/parts.json                  the split assignment of each, which never changes
archive/doubted.json                labels that contradicted the models; they stay in the queue
archive/erased.json                 how many samples of each split were erased since the last training
archive/batches/<id>/               batch.json, report.html, report.json, and while it is trained, its checkpoints
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maskwatch.core.errors import MALFORMED, DataError
from maskwatch.datasets.records import Split
from maskwatch.learning.split import SampleHashes, SplitAssignment
from maskwatch.platform.files import locked, make_folder, write_atomically
from maskwatch.samples.erase import erase
from maskwatch.samples.store import Queue


@dataclass(frozen=True, slots=True)
class LearningBatch:
    """A training and its samples. `parent` is the version that it starts from; `done` when its outcome is decided."""

    id: str
    parent: str
    samples: tuple[str, ...]
    done: bool = False
    decision: Mapping[str, Any] = field(default_factory=dict)


class Archive:
    """The archive's folder: used samples, their split assignments, doubted labels, and the batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples_folder = folder / "samples"
        self.samples = Queue(self.samples_folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One training at a time, over processes. Raises `DataError` while another one runs."""
        make_folder(self.folder)
        try:
            with locked(self.folder / ".lock", wait=False):
                yield
        except BlockingIOError:
            raise DataError(f"{self.folder}: another training runs") from None

    def assignments(self) -> dict[str, SplitAssignment]:
        """The split assignment of every sample so far."""
        with self._reading("parts.json") as told:
            return {
                name: SplitAssignment(
                    each["camera"], Split(each["part"]), SampleHashes(*(int(h, 16) for h in each["look"]))
                )
                for name, each in told.items()
            }

    def save_assignments(self, new: Mapping[str, SplitAssignment]) -> None:
        """Write the assignments of more samples to `parts.json`."""
        whole = self.assignments() | dict(new)
        self._write(
            "parts.json",
            {
                name: {
                    "camera": each.camera,
                    "part": each.split.value,
                    "look": [f"{each.hashes.frame:016x}", f"{each.hashes.face:016x}"],
                }
                for name, each in whole.items()
            },
        )

    def doubted(self) -> dict[str, int]:
        """The revision of each sample's labels that contradicted the models."""
        with self._reading("doubted.json") as told:
            return {name: int(revision) for name, revision in told.items()}

    def save_doubted(self, revisions: Mapping[str, int]) -> None:
        """Write the ids of more samples with doubted labels, and the labels' revisions, to `doubted.json`."""
        self._write("doubted.json", self.doubted() | dict(revisions))

    def forget(self, camera: str, is_wanted: Callable[[str], bool], left: Collection[str]) -> None:
        """Remove erased samples from the records: those of a camera and of wanted days (`YYYY-MM-DD`) that are not in `left`.

        Doubtful labels are recorded without a camera: all of such a day that belong to no sample in `left` are removed.
        """
        with self._reading("parts.json") as assigned:
            of_camera = [name for name, each in assigned.items() if each["camera"] == camera]
        gone = {name for name in of_camera if _is_of(name, is_wanted) and name not in left}
        if gone:
            erased = self.erased() + Counter(Split(assigned[name]["part"]) for name in gone)
            self._write("erased.json", {split.value: number for split, number in erased.items()})
            self._write("parts.json", {name: each for name, each in assigned.items() if name not in gone})
        doubted = self.doubted()
        kept = {name: each for name, each in doubted.items() if name in left or not _is_of(name, is_wanted)}
        if len(kept) < len(doubted):
            self._write("doubted.json", kept)

    def erased(self) -> Counter[Split]:
        """How many samples of each split were erased since the last training: the holdout may have shrunk by them."""
        with self._reading("erased.json") as told:
            return Counter({Split(name): int(number) for name, number in told.items()})

    def forget_erased(self) -> None:
        """Reset the counts of erased samples, after a training has reported them."""
        (self.folder / "erased.json").unlink(missing_ok=True)

    def erase(
        self,
        camera: str,
        is_wanted: Callable[[str], bool],
        queue: Path,
        advance: Callable[[], None] = lambda: None,
    ) -> int:
        """Delete a camera's samples of wanted days (`YYYY-MM-DD`) for good, with all records of them; returns how many there were.

        The records of samples that are still in `queue` stay. Raises `QueueError`. To be called
        while no training runs: in `alone`.
        """
        count = erase(self.samples_folder, camera, is_wanted, advance)
        self.forget(camera, is_wanted, {*Queue(queue).images(), *self.samples.images()})
        return count

    def holdout(self) -> list[str]:
        """The ids of the held-out samples that are there."""
        assigned = self.assignments()
        return [
            name for name in self.samples.images() if name in assigned and assigned[name].split is Split.TEST
        ]

    def batches(self) -> list[LearningBatch]:
        """Oldest first."""
        found = []
        for path in sorted((self.folder / "batches").glob("[!.]*/batch.json")):
            with self._reading(str(path.relative_to(self.folder))) as data:
                found.append(
                    LearningBatch(
                        data["id"], data["parent"], tuple(data["samples"]), data["done"], data["decision"]
                    )
                )
        return found

    def unfinished(self) -> LearningBatch | None:
        """The batch under way, if any."""
        return next((batch for batch in self.batches() if not batch.done), None)

    def save_batch(self, batch: LearningBatch) -> None:
        """Write a batch to its folder, replacing what was there."""
        self._write(f"batches/{batch.id}/batch.json", asdict(batch))

    def batch_folder(self, batch: LearningBatch) -> Path:
        """Where a batch's record, report and checkpoints are."""
        return self.folder / "batches" / batch.id

    @contextmanager
    def _reading(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield a JSON record, empty where there is none. Raises `DataError` for a damaged one, also where the block finds it so."""
        path = self.folder / name
        try:
            data = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            if not isinstance(data, dict):
                raise DataError(f"{path}: is no record of the archive")
            yield data
        except (OSError, *MALFORMED) as e:
            raise DataError(f"{path}: cannot be read ({type(e).__name__})") from e

    def _write(self, name: str, data: Mapping[str, Any]) -> None:
        text = json.dumps(data, ensure_ascii=False, indent=1)
        write_atomically(self.folder / name, f"{text}\n".encode())


def _is_of(sample_id: str, is_wanted: Callable[[str], bool]) -> bool:
    """Whether a sample's id, which starts with its UTC time, is of a wanted day."""
    return is_wanted(f"{sample_id[:4]}-{sample_id[4:6]}-{sample_id[6:8]}")
