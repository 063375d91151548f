"""Writes labels beside the work of hands, one sample's after another, and remembers what may be undone."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue


@dataclass(frozen=True, slots=True)
class Saved:
    """What `Saving.undo` needs to take a label back: `revision` is the one that saving made."""

    sample_id: str
    revision: int


class Saving:
    """What one person saves on one page."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._running: dict[str, asyncio.Task[Sample]] = {}
        self._saved: list[Saved] = []

    async def save(self, sample: Sample, annotations: Sequence[Annotation], by: str) -> Sample:
        """Raises `LabelConflict` when somebody labelled the sample since it was read, else `QueueError`."""
        label = asyncio.to_thread(
            self._queue.label, sample.id, tuple(annotations), by, based_on=sample.revision
        )
        task = asyncio.create_task(label)
        self._running[sample.id] = task
        try:
            saved = await asyncio.shield(task)  # a page that is closed takes nothing back
        finally:
            if self._running.get(sample.id) is task:
                del self._running[sample.id]
        self._saved.append(Saved(saved.id, saved.revision))
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
        await asyncio.to_thread(self._queue.undo, last.sample_id, by, based_on=last.revision)
        return last.sample_id
