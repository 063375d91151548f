"""One call for all who want its result at about the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def slot(every_s: float, now_s: float) -> int:
    """The number of the interval of `every_s` seconds in which the time lies."""
    return int(now_s / every_s)


async def next_slot(every_s: float, after: int | None) -> int:
    """Wait for an interval after the one of number `after`, None: do not wait; returns its number."""
    now = slot(every_s, time.monotonic())
    if now != after:
        return now
    await asyncio.sleep((now + 1) * every_s - time.monotonic())
    return max(now + 1, slot(every_s, time.monotonic()))  # a sleep may end early by its clock's resolution


class SharedCall(Generic[T]):
    """The result of `ask`, called at most once in each interval of `every_s` seconds, and only while somebody wants it.

    For one event loop. All callers of an interval get the same result or error; one that is cancelled does not cancel
    the call for the others.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], every_s: float) -> None:
        self._ask = ask
        self._every_s = every_s
        self._slot = -1
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Raises what `ask` raises."""
        now = slot(self._every_s, time.monotonic())
        if self._task is None or (self._task.done() and now != self._slot):
            self._slot = now
            self._task = asyncio.create_task(self._call())
            self._task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(self._task)

    async def _call(self) -> T:
        return await self._ask()


def _retrieve_exception(task: asyncio.Task[T]) -> None:
    """Where all callers were cancelled, asyncio would log that nobody retrieved the exception."""
    if not task.cancelled():
        task.exception()
