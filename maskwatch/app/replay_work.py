"""The state that a replay saves while it runs, so that the same command continues after a power cut.

.NAME.replay/            beside the first output
  state                  where it is, and what is known there
  report.jsonl           the lines so far
  video-000001.mp4       the video so far, in segments
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from maskwatch import __version__
from maskwatch.app.footage import ReplayPlan, Resumption
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Frame
from maskwatch.models.loading import Models
from maskwatch.output.recent import Recent
from maskwatch.output.summary import Summary
from maskwatch.pipeline.camera import CameraMemory
from maskwatch.platform import saved_state
from maskwatch.platform.files import locked, make_folder, parents_of
from maskwatch.samples.known import stored_since
from maskwatch.sources.resumed import Place, place_of

log = logging.getLogger(__name__)

EVERY_S = 60.0  # of footage, between two checkpoints: one takes about as long as a frame,
MIN_FRAMES, MAX_FRAMES = 100, 3000  # and not fewer or more frames
STATE = "state"
CLASSES = ("core", "detect", "output", "pipeline", "rules", "sources", "tracking")  # of which a state is made


@dataclass(frozen=True, slots=True)
class ReplayState:
    """A replay's state between two frames. `asked` identifies the footage and settings; `saved_at` is the time of saving.

    `report_bytes`, `video_begins_ms` and `video_size` are the progress of the outputs.
    """

    asked: str
    saved_at: datetime
    place: Place
    memory: CameraMemory
    summary: Summary
    recent: Recent
    report_bytes: int = 0
    video_begins_ms: tuple[int, ...] = ()
    video_size: tuple[int, int] | None = None

    def resumption(self, plan: ReplayPlan) -> Resumption:
        """What the pipeline goes on with."""
        known = {} if plan.queue is None else stored_since(plan.queue.dir, plan.name, self.saved_at)
        return Resumption(self.place, self.memory, known)


@dataclass(slots=True)
class ReplayFolder:
    """The folder of one replay."""

    folder: Path
    asked: str
    packages: tuple[str, ...]
    is_kept: bool = field(default=False)
    """Whether there is something to go on with."""

    @property
    def report(self) -> Path:
        """The report's lines so far."""
        return self.folder / "report.jsonl"

    def load(self) -> ReplayState | None:
        """What an earlier replay left; None, and the folder is empty, where it left nothing that can be gone on with."""
        path = self.folder / STATE
        state = None
        if path.exists():
            try:
                found = saved_state.load(path, self.packages)
            except (OSError, ValueError) as e:
                log.warning("%s; it begins anew", e)
            else:
                if isinstance(found, ReplayState) and found.asked == self.asked and self._has_files_of(found):
                    state = found
                else:
                    log.info("%s: is of another footage, program or settings; it begins anew", path)
        self.is_kept = state is not None
        if state is None:
            self.clear()
        return state

    def save(self, state: ReplayState) -> None:
        """Take the place of what was saved before. Raises `OSError`."""
        saved_state.save(self.folder / STATE, state)
        self.is_kept = True

    def clear(self) -> None:
        """Remove all that an earlier replay left."""
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()

    def _has_files_of(self, state: ReplayState) -> bool:
        with suppress(OSError):
            segments = len(list(self.folder.glob("video-*.mp4")))
            size = self.report.stat().st_size if state.report_bytes else 0
            return size >= state.report_bytes and segments >= len(state.video_begins_ms)
        return False


@contextmanager
def work_in(
    folder: Path, plan: ReplayPlan, models: Models, outputs: tuple[Path | None, ...]
) -> Iterator[ReplayFolder]:
    """The work folder, for one replay at a time; it is removed at the end, unless there is something to go on with after an error.

    Raises `ConfigError` when another replay has it.
    """
    rules = {type(each).__module__.partition(".")[0] for each in plan.defaults.alert.rule_settings().values()}
    own = {f"maskwatch.{each}" for each in (*CLASSES, "app.replay_work")}
    work = ReplayFolder(folder, fingerprint(plan, models, outputs), tuple(own | rules - {"maskwatch"}))
    with parents_of(folder):
        make_folder(folder)
        folder.chmod(0o700)  # pictures of people, under any umask
        try:
            with locked(folder / "lock", wait=False):
                try:
                    yield work
                except BaseException as e:
                    if not work.is_kept:
                        shutil.rmtree(folder)
                    elif isinstance(e, KeyboardInterrupt):
                        log.info("%s: stopped; the same command goes on from here", plan.address)
                    raise
                shutil.rmtree(folder)
        except BlockingIOError:
            raise ConfigError(f"{folder}: another replay writes the same output") from None


def folder_beside(output: Path) -> Path:
    """Where the work for an output lies."""
    return output.with_name(f".{output.name}.replay")


def fingerprint(plan: ReplayPlan, models: Models, outputs: tuple[Path | None, ...] = ()) -> str:
    """What decides on what a replay leaves; another program, model, setting or file is another."""
    path = Path(plan.address.reveal())
    file = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else ()
    versions = models.versions(plan.defaults.detect, plan.defaults.classify)
    queue = None if plan.queue is None else plan.queue.model_dump_json()
    told = (
        __version__,
        str(path.absolute()),
        file,
        plan.name,
        plan.defaults.model_dump_json(),
        queue,
        plan.fps,
    )
    return sha256(repr((*told, sorted(versions.items()), outputs)).encode(errors="replace")).hexdigest()


class MinuteCheckpoints:
    """As the pipeline asks for them: every minute of footage, always at the same frames. `save` is given the place and what is known."""

    def __init__(self, save: Callable[[Place, CameraMemory], None]) -> None:
        self._save = save
        self._since: float | None = None
        self._count = 0
        self._now: Frame | None = None
        self._before: Frame | None = None

    def is_due(self, frame: Frame) -> bool:
        """See the pipeline's port."""
        since = frame.at if self._since is None else self._since
        enough = self._count >= MIN_FRAMES and abs(frame.at - since) >= EVERY_S
        is_due = self._now is not None and (enough or self._count >= MAX_FRAMES)
        if is_due or self._since is None:
            self._since, self._count = frame.at, 0
        self._count += 1
        self._before, self._now = self._now, frame
        return is_due

    def take(self, memory: Mapping[str, CameraMemory]) -> None:
        """See the pipeline's port."""
        assert self._before is not None
        self._save(place_of(self._before), next(iter(memory.values())))
