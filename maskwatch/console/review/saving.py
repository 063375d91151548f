"""Writes labels beside the work of hands, one sample's after another, and remembers what may be undone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from maskwatch.samples import teamwork
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import read_team


@dataclass(frozen=True, slots=True)
class Saved:
    """What `undo` and `redo` need: `revision` is the sample's after it, `opinion` that it is a second opinion."""

    sample_id: str
    revision: int
    faces: tuple[Annotation, ...]
    opinion: bool


class Saving:
    """What one person saves on one page."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._running: dict[str, asyncio.Task[Sample]] = {}
        self._saved: list[Saved] = []
        self._undone: list[Saved] = []

    async def save(self, sample: Sample, annotations: Sequence[Annotation], by: str) -> Sample:
        """Raises `LabelConflict` when somebody labelled the sample since it was read, else `QueueError`."""
        self._undone.clear()
        return await self._written(sample.id, lambda: self._save(sample, tuple(annotations), by))

    async def accept(self, sample: Sample, annotations: Sequence[Annotation], by: str) -> Sample:
        """As a reviewer; raises as `save` does. It is not undone."""
        return await self._written(
            sample.id,
            lambda: teamwork.accept(
                self._queue, sample.id, by, based_on=sample.revision, faces=tuple(annotations)
            ),
        )

    async def send_back(self, sample: Sample, comment: str, by: str) -> Sample:
        """As a reviewer; raises as `save` does."""
        return await self._written(
            sample.id,
            lambda: teamwork.send_back(self._queue, sample.id, by, comment, based_on=sample.revision),
        )

    async def _written(self, sample_id: str, write: Callable[[], Sample]) -> Sample:
        task = asyncio.create_task(asyncio.to_thread(write))
        self._running[sample_id] = task
        try:
            return await asyncio.shield(task)  # a page that is closed takes nothing back
        finally:
            if self._running.get(sample_id) is task:
                del self._running[sample_id]

    def _save(self, sample: Sample, faces: tuple[Annotation, ...], by: str) -> Sample:
        team = read_team(self._queue.folder)
        saved = teamwork.save(self._queue, team, sample.id, faces, by, based_on=sample.revision)
        self._saved.append(Saved(saved.id, saved.revision, faces, teamwork.is_opinion(team, saved, by)))
        return saved

    async def settled(self) -> None:
        """Return when nothing is being written."""
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def read(self, sample_id: str) -> Sample:
        """The sample as it is after all that was saved. Raises `QueueError`."""
        await self.settled()
        return await asyncio.to_thread(self._queue.sample, sample_id)

    async def undo(self, by: str) -> str | None:
        """Take back what was saved last; returns the sample's id, None when there is nothing left to undo.

        Raises `LabelConflict` when somebody changed it since; that one is then let be.
        """
        await self.settled()
        if not self._saved:
            return None
        last = self._saved.pop()
        if last.opinion:
            sample = await asyncio.to_thread(teamwork.withdraw, self._queue, last.sample_id, by)
        else:
            sample = await asyncio.to_thread(self._queue.undo, last.sample_id, by, based_on=last.revision)
        self._undone.append(Saved(last.sample_id, sample.revision, last.faces, last.opinion))
        return last.sample_id

    async def redo(self, by: str) -> str | None:
        """Save again what `undo` took back last; returns and raises as that does."""
        await self.settled()
        if not self._undone:
            return None
        last = self._undone.pop()
        sample = await self.read(last.sample_id)
        if sample.revision == last.revision:
            await asyncio.to_thread(self._save, sample, last.faces, by)
        return last.sample_id
