"""Asks for something once for all who want it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def slot(every_s: float, now_s: float) -> int:
    """The number of the stretch of `every_s` in which the time lies."""
    return int(now_s / every_s)


async def next_slot(every_s: float, after: int | None) -> int:
    """Wait for a stretch later than `after`, None for no waiting; returns its number."""
    now = slot(every_s, time.monotonic())
    if now != after:
        return now
    await asyncio.sleep((now + 1) * every_s - time.monotonic())
    return max(now + 1, slot(every_s, time.monotonic()))  # a sleep may end early by its clock's resolution


class Shared(Generic[T]):
    """What `ask` gives, asked at most once in each stretch of `every_s`, and only where somebody wants it.

    For the event loop. All who come within a stretch get the same, its error too; one of them who goes away does not
    end the asking for the others.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], every_s: float) -> None:
        self._ask = ask
        self._every_s = every_s
        self._slot = -1
        self._asking: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Raises what `ask` raises."""
        now = slot(self._every_s, time.monotonic())
        if self._asking is None or (self._asking.done() and now != self._slot):
            self._slot = now
            self._asking = asyncio.create_task(self._asked())
            self._asking.add_done_callback(_taken_note_of)
        return await asyncio.shield(self._asking)

    async def _asked(self) -> T:
        return await self._ask()


def _taken_note_of(task: asyncio.Task[T]) -> None:
    """Who wanted it may be gone, and asyncio would complain of an error that nobody looked at."""
    if not task.cancelled():
        task.exception()
