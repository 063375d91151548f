"""Where samples were copied to by `queue export`, so that `maskwatch erase` can tell which copies hold what is erased.

The note lies in the queue's folder. It has no picture and no box: paths, times, cameras and the first and last day.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from maskwatch.core.errors import QueueError
from maskwatch.samples.json_file import queue_errors, read_json, write_json
from maskwatch.samples.retention import exclusive

NAME = ".exports.json"
CHANGED_S = 5.0  # a file that is newer than the note by more was not written by the export


@dataclass(frozen=True, slots=True)
class Export:
    """A zip file or folder at `path`, whole at the Unix time `at`, with samples of so many days (`YYYY-MM-DD`) by camera."""

    path: str
    at: float
    days: dict[str, list[str]]

    def holds(self, camera: str, is_wanted: Callable[[str], bool]) -> bool:
        """Whether it has a sample of that camera and a wanted day."""
        return any(is_wanted(day) for day in self.days.get(camera, ()))


def read_exports(queue: Path) -> list[Export]:
    """Those that were noted and are still there. Raises `QueueError` for a note that cannot be read."""
    found = read_json(queue / NAME, lambda content: [Export(**each) for each in content["exports"]])
    return [each for each in found or () if Path(each.path).exists()]


def note_export(queue: Path, path: Path, samples: Iterable[tuple[str, str]]) -> None:
    """Remember an export; `samples` are the camera and the id of each. Raises `QueueError`."""
    days: dict[str, set[str]] = {}
    for camera, sample_id in samples:
        days.setdefault(camera, set()).add(f"{sample_id[:4]}-{sample_id[4:6]}-{sample_id[6:8]}")
    new = Export(str(path.absolute()), time.time(), {camera: sorted(each) for camera, each in days.items()})
    with queue_errors(queue), exclusive(queue):
        _write(queue, [*(each for each in read_exports(queue) if each.path != new.path), new])


def delete_export(queue: Path, export: Export) -> None:
    """Delete it whole. Raises `QueueError` when it may not be, or when it is a folder in which something was changed since."""
    path = Path(export.path)
    with queue_errors(path):
        if path.is_dir() and not path.is_symlink():
            newer = [each for each in path.rglob("*") if each.lstat().st_mtime > export.at + CHANGED_S]
            if newer:
                raise QueueError(
                    f"{newer[0]}: was changed since it was exported; {path} is left, delete it by hand"
                )
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        with exclusive(queue):
            _write(queue, [each for each in read_exports(queue) if each.path != export.path])


def _write(queue: Path, exports: Sequence[Export]) -> None:
    write_json(queue / NAME, {"exports": [asdict(each) for each in exports]})
