"""An answer for all who ask at about the same time."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

KEPT_S = 0.5

Answer = TypeVar("Answer")


class SharedAnswer(Generic[Answer]):
    """What `make` returns, made on a thread at most once in `KEPT_S`. Who asks while it is made waits for it.

    For one event loop. What `make` raises is raised for all who waited for it, and the next has it made anew.
    """

    def __init__(self, make: Callable[[], Answer]) -> None:
        self._make = make
        self._made: asyncio.Future[Answer] | None = None
        self._begun_s = 0.0

    async def __call__(self) -> Answer:
        """The answer: the one that is being made, or was begun `KEPT_S` ago at most, or a new one."""
        if self._made is None or self._is_over(self._made):
            self._begun_s = time.monotonic()
            self._made = asyncio.ensure_future(run_in_threadpool(self._make))
        return await asyncio.shield(self._made)

    def _is_over(self, made: asyncio.Future[Answer]) -> bool:
        if not made.done():
            return False
        failed = made.cancelled() or made.exception() is not None
        return failed or time.monotonic() - self._begun_s >= KEPT_S
