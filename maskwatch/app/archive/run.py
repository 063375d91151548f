"""`maskwatch archive`: gives chunks to workers, keeps their results on disk, and writes a report for each complete clip.

OUT/clips/NAME/report.jsonl, report.parquet    what was seen in each frame
OUT/clips/NAME/clip.json                       how it went; it is written last
OUT/work/DIGEST/000000                         a chunk's result, until its clip is done
OUT/events/                                    the event store
"""

import json
import logging
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from maskwatch.app.archive.analysis import ChunkResult
from maskwatch.app.archive.chunks import Chunk, Clip, chunks_of
from maskwatch.app.archive.outputs import ClipEvents, Reports
from maskwatch.app.archive.recorded import PicturedSamples, RecordedSource
from maskwatch.app.footage import ReplayPlan, footage_camera, footage_queue
from maskwatch.app.replay import EndSink
from maskwatch.app.replay_work import fingerprint
from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import SampleStore
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Decision
from maskwatch.events.store import EventStore
from maskwatch.models.loading import Models
from maskwatch.output.summary import Summary
from maskwatch.output.timeline import Timeline
from maskwatch.parallel.workers import WorkError, Workers, in_parallel
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform.files import make_folder, write_atomically
from maskwatch.sources.clips import began_at

DONE = "clip.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """The output folder, and how the clips are analysed; the plan's address is replaced by each clip's. `site` is for the events."""

    out: Path
    plan: ReplayPlan
    models: Models
    site: str


@dataclass(frozen=True, slots=True)
class ClipResult:
    """A clip's summary. Lengths in seconds; `people` by their last verdict, `passages` by direction and verdict. `broken` is why it ended early."""

    name: str
    asked: str
    frames: int = 0
    length_s: float = 0.0
    people: dict[str, int] = field(default_factory=dict)
    passages: dict[str, int] = field(default_factory=dict)
    alerts: int = 0
    samples: int = 0
    broken: str | None = None


@dataclass(slots=True)
class _Job:
    """A clip under way, and its chunks that are not done. `held` are results that must not be written to disk."""

    clip: Clip
    asked: str
    chunks: list[Chunk]
    open: set[int]
    failed: str | None = None
    held: dict[int, bytes] = field(default_factory=dict)


class ArchiveRun:
    """Analyses clips and yields the summary of each as it is done. `advance` is called with the bytes of footage done."""

    def __init__(
        self, archive: ArchivePlan, workers: Workers[Chunk, bytes], advance: Callable[[int], None]
    ) -> None:
        self._archive = archive
        self._workers = workers
        self._advance = advance
        motion = archive.plan.defaults.motion
        self._full_s = motion.full_s if motion.gate else None
        self._jobs: dict[Path, _Job] = {}
        self._again: deque[Chunk] = deque()
        self._ready: deque[ClipResult | _Job] = deque()

    def results(self, clips: Sequence[Clip]) -> Iterator[ClipResult]:
        """Of each clip, those of an earlier run among them."""
        make_folder(self._archive.out / "events")
        try:
            with closing(EventStore.in_folder(self._archive.out / "events")) as events:
                for done in in_parallel(self._workers, _Left(self._again, self._wanted(clips))):
                    self._take(done.piece, done.result)
                    yield from self._finished(events)
                yield from self._finished(events)
        except KeyboardInterrupt:
            log.info("%s: stopped; the same command goes on from here", self._archive.out)
            raise
        finally:
            with suppress(OSError):  # there are chunks of clips that are not done, or none ever were
                (self._archive.out / "work").rmdir()

    def _wanted(self, clips: Sequence[Clip]) -> Iterator[Chunk]:
        for clip in clips:
            asked = fingerprint(self._plan_of(clip), self._archive.models)
            before = read_result(self._folder(clip))
            if before is not None and before.asked == asked:
                self._advance(clip.path.stat().st_size)
                self._ready.append(before)
                continue
            chunks = chunks_of(clip, self._full_s)
            if self._file(asked, None).exists():  # it cannot be read in parts, as an earlier run found
                chunks = [Chunk(clip.path)]
            left = [chunk for chunk in chunks if not self._file(asked, chunk).exists()]
            job = self._jobs[clip.path] = _Job(clip, asked, chunks, {chunk.number for chunk in left})
            self._count(job, len(chunks) - len(left))
            if not left:
                self._ready.append(self._jobs.pop(clip.path))
            yield from left

    def _take(self, chunk: Chunk, result: bytes | WorkError) -> None:
        job = self._jobs.get(chunk.path)
        if job is None or chunk not in job.chunks:  # of a clip that is read in one piece now
            return
        if isinstance(result, WorkError):
            job.failed = str(result)
        elif chunk.end is not None and ChunkResult.read(result).is_unsteady:
            self._in_one_piece(job)
            return
        elif self._archive.plan.defaults.privacy is Privacy.AGGREGATE:  # which stores no boxes
            job.held[chunk.number] = result
        else:
            write_atomically(self._file(job.asked, chunk), result)
        job.open.discard(chunk.number)
        self._count(job, 1)
        if not job.open:
            self._ready.append(self._jobs.pop(chunk.path))

    def _in_one_piece(self, job: _Job) -> None:
        whole = Chunk(job.clip.path)
        shutil.rmtree(self._file(job.asked, whole).parent, ignore_errors=True)
        write_atomically(self._file(job.asked, None), b"")
        job.chunks, job.open, job.held = [whole], {0}, {}
        self._again.append(whole)

    def _finished(self, events: EventStore) -> Iterator[ClipResult]:
        while self._ready:
            ready = self._ready.popleft()
            if isinstance(ready, ClipResult):
                yield ready
            elif ready.failed is not None:  # not noted as done: the next run tries again
                yield ClipResult(ready.clip.name, ready.asked, broken=ready.failed)
            else:
                yield self._join(ready, events)

    def _join(self, job: _Job, events: EventStore) -> ClipResult:
        """The clip's decisions from the results of all its chunks."""
        archive, folder = self._archive, self._folder(job.clip)
        plan = self._plan_of(job.clip)
        found = (
            ChunkResult.read(job.held.get(chunk.number) or self._file(job.asked, chunk).read_bytes())
            for chunk in job.chunks
        )
        source = RecordedSource(job.clip.name, found)
        summary = Summary(Timeline(plan.defaults.alert.protected_ratio))
        happened = ClipEvents(job.clip.name, _began(job.clip.path), archive.site)
        sinks = EndSink(summary.end), EndSink(happened.end)
        camera = replace(footage_camera(plan, archive.models, source, sinks), second_look=None)
        with Reports(folder, plan.defaults.privacy) as reports:

            def on_decision(decision: Decision) -> None:
                summary.add(decision)
                happened.add(decision)
                reports.write(decision)

            store = self._store(plan, job)
            with Pipeline(
                [camera], store=store, replay=True, on_decision=on_decision, analyse=source.analyse
            ) as pipeline:
                try:
                    pipeline.run()
                except SourceError as e:
                    summary.broken = e
        summary.timeline.finish()
        events.add(happened.all(summary.timeline.last_at))
        result = _result(job, summary)
        write_atomically(
            folder / DONE, json.dumps(asdict(result), ensure_ascii=False, indent=1).encode(errors="replace")
        )
        shutil.rmtree(self._file(job.asked, job.chunks[0]).parent, ignore_errors=True)
        return result

    def _store(self, plan: ReplayPlan, job: _Job) -> SampleStore | None:
        queue = footage_queue(plan, self._archive.models)
        if queue is None:
            return None
        return PicturedSamples(queue, job.clip.path, job.chunks, plan.defaults.aspect)

    def _plan_of(self, clip: Clip) -> ReplayPlan:
        return replace(self._archive.plan, address=Address(str(clip.path)))

    def _folder(self, clip: Clip) -> Path:
        return self._archive.out / "clips" / clip.name

    def _file(self, asked: str, chunk: Chunk | None) -> Path:
        """A chunk's result; of None, the note that the clip is read in one piece."""
        name = "in one piece" if chunk is None else f"{chunk.number:06d}"
        return self._archive.out / "work" / asked[:32] / name

    def _count(self, job: _Job, chunks: int) -> None:
        with suppress(OSError):
            self._advance(job.clip.path.stat().st_size * chunks // len(job.chunks))


class _Left:
    """What is still to be done; after its end there may be more."""

    def __init__(self, again: deque[Chunk], chunks: Iterator[Chunk]) -> None:
        self._again = again
        self._chunks = chunks

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        return self._again.popleft() if self._again else next(self._chunks)


def read_result(folder: Path) -> ClipResult | None:
    """A clip's summary from an earlier run; None where it was not completed."""
    try:
        return ClipResult(**json.loads((folder / DONE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _result(job: _Job, summary: Summary) -> ClipResult:
    seen = summary.timeline
    return ClipResult(
        job.clip.name,
        job.asked,
        seen.frames,
        round(seen.end, 3) if seen.frames else 0.0,
        {label.value: count for label, count in sorted(seen.verdicts().items())},
        dict(
            sorted(
                Counter(
                    {f"{way.value} {label.value}": n for (way, label), n in summary.passed.items()}
                ).items()
            )
        ),
        len(summary.alerts),
        summary.queued,
        None if summary.broken is None else str(summary.broken),
    )


def _began(path: Path) -> float:
    """When a clip began, Unix time: by its name; where that does not tell, when its file was last written."""
    told = began_at(path)
    return path.stat().st_mtime if told is None else told


def total_bytes(clips: Sequence[Clip]) -> int:
    """How much footage that is."""
    return sum(clip.path.stat().st_size for clip in clips)
