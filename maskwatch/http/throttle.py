"""Answering takes so much of a processor and no more: who asks beyond that waits, and what the process is for goes on."""

import asyncio
import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARE = (
    0.1  # of a core, or of what the process gets where that is less, for the thread that answers, on average
)
IDLE = 0.25  # of a core that a process counts as getting which has little to do
BURST_S = 0.05  # of a core's time that may be taken at once
MAX_WAIT_S = 0.5  # for one turn, whatever was taken before


class Throttle:
    """An ASGI application around another: requests, and the pieces of a long answer, wait for their turn, in order.

    What the event loop's thread takes of the processor is counted; while it is above `share`, of a core or of what the whole
    process gets, the next has to wait. Requests for the paths `apart` wait in a line of their own, so
    that others do not keep them waiting.
    """

    def __init__(self, app: ASGIApp, share: float = SHARE, apart: Collection[str] = ()) -> None:
        self._app = app
        self._share = share
        self._apart = apart
        self._turns = {
            is_apart: asyncio.Lock() for is_apart in (False, True)
        }  # they wake in the order of coming
        self._taken_s = 0.0  # beyond the share, of a core's time
        self._at_s = time.monotonic()
        self._cpu_s = self._all_cpu_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        turn = self._turns[scope["path"] in self._apart]

        async def in_turn(message: Message) -> None:
            if message.get("more_body"):
                await self._wait(turn)
            await send(message)

        await self._wait(turn)
        await self._app(scope, receive, in_turn)

    async def _wait(self, turn: asyncio.Lock) -> None:
        async with turn:
            self._look()
            if self._taken_s > BURST_S:
                await asyncio.sleep(min((self._taken_s - BURST_S) / self._share, MAX_WAIT_S))

    def _look(self) -> None:
        at_s, cpu_s, all_cpu_s = time.monotonic(), time.thread_time(), time.process_time()
        passed_s = at_s - self._at_s
        free_s = self._share * min(max(all_cpu_s - self._all_cpu_s, IDLE * passed_s), passed_s)
        # a thread that is another's successor counts from 0
        took_s = max(0.0, cpu_s - self._cpu_s)
        self._taken_s = min(max(0.0, self._taken_s + took_s - free_s), BURST_S + self._share * MAX_WAIT_S)
        self._at_s, self._cpu_s, self._all_cpu_s = at_s, cpu_s, all_cpu_s
