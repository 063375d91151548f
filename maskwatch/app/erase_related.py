"""Data of a camera and some days other than samples and events: drift counts, unsent alerts, pictures that
`check` and `queue show` wrote, exports, and databases of events that were put aside as damaged.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from maskwatch.alerts import outbox
from maskwatch.alerts.outbox_settings import OutboxSettings
from maskwatch.app.erase import Erasure, StoredSamples
from maskwatch.config.load import Config
from maskwatch.core.errors import QueueError
from maskwatch.drift import confidences
from maskwatch.events import erase as of_events
from maskwatch.samples.export_notes import Export, delete_export, read_exports

UNFINISHED_S = 60.0  # nobody writes a message for so long


@dataclass(frozen=True, slots=True)
class RelatedFiles:
    """The files, by what they are; `exports` hold such samples, among others perhaps."""

    drift: tuple[Path, ...]
    messages: tuple[Path, ...]
    shown: tuple[Path, ...]
    damaged: tuple[Path, ...]
    exports: tuple[Export, ...]

    def rows(self) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """What people call them, and the files; exports left out."""
        yield "counts of drift", self.drift
        yield "alerts not sent yet", self.messages
        yield "pictures of check and queue show", self.shown
        yield "damaged events, of all cameras", self.damaged


def find_related(config: Config, kept: StoredSamples, erasure: Erasure) -> RelatedFiles:
    """What would go. Raises `QueueError`."""
    ids = [path.stem for path in (*kept.queue.records, *kept.archive.records)]
    temporary = Path(tempfile.gettempdir())
    shown = (path for name in ids if (path := temporary / f"{name}.png").is_file() and not path.is_symlink())
    checked = config.queue.dir.parent / "check" / f"{erasure.camera}.jpg"
    return RelatedFiles(
        tuple(confidences.files(config.drift.dir, erasure.camera, erasure.is_wanted)),
        tuple(_messages(_outboxes(config), erasure)),
        (*shown, *([checked] if _is_from(checked, erasure) else ())),
        tuple(of_events.damaged(config.events.dir, erasure.since)),
        tuple(e for e in read_exports(config.queue.dir) if e.holds(erasure.camera, erasure.is_wanted)),
    )


def erase_related(config: Config, found: RelatedFiles, erasure: Erasure, *, exports: bool) -> None:
    """Delete it for good, `exports` too if so wanted. To be called before the samples go, by whose ids some of it is found.

    Raises `QueueError` at the end when something may not be deleted.
    """
    problems = []
    for path in (*found.drift, *found.messages, *found.shown, *found.damaged):
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            problems.append(f"{path}: {e.strerror or e}")
    camera = config.drift.dir / erasure.camera
    if found.drift and camera.is_dir() and not any(camera.iterdir()):
        camera.rmdir()
    for export in found.exports if exports else ():
        try:
            delete_export(config.queue.dir, export)
        except QueueError as e:
            problems.append(str(e))
    if problems:
        raise QueueError("\n".join(problems))


def _is_from(path: Path, erasure: Erasure) -> bool:
    """Whether a file was written in these days."""
    try:
        return (erasure.since or 0.0) <= path.stat().st_mtime < erasure.until
    except OSError:
        return False


def _outboxes(config: Config) -> set[Path]:
    """The folders of sinks' queues, one for each target."""
    alerts = [config.defaults.alert, *(camera.alert for camera in config.cameras.values())]
    sinks: list[object] = [sink for alert in alerts for sink in alert.all_sink_settings()]
    folders = {sink.dir for sink in sinks if isinstance(sink, OutboxSettings)}
    return {each for folder in folders if folder.is_dir() for each in folder.iterdir() if each.is_dir()}


def _messages(folders: Iterable[Path], erasure: Erasure) -> Iterator[Path]:
    for folder in sorted(folders):
        for path in outbox.waiting(folder, erasure.since, erasure.until):
            if _is_of(path, erasure.camera):
                yield path


def _is_of(path: Path, camera: str) -> bool:
    """Whether a message is of that camera, or incomplete and left by a process that has ended."""
    try:
        if path.name.startswith("."):
            return time.time() - path.stat().st_mtime > UNFINISHED_S
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("camera") == camera
