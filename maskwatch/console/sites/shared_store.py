"""The store that several services share, as the pages ask it: one that is away or slow holds nothing else up."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

from maskwatch.console.shared_call import SharedCall
from maskwatch.core.errors import EventError
from maskwatch.events import postgres
from maskwatch.events.sites import Site, cameras_of, sites_of
from maskwatch.events.store import EventStore

EVERY_S = 10.0  # the sites are looked up so often, for all who look
NAMES_S = 60.0  # and their cameras' names
PATIENCE_S = 15.0  # longer than the store gives itself for an answer
THREADS = 4  # that may wait for it at a time
NO_ANSWER = "events: the shared store does not answer in time"
P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """The sites as they were at the Unix time `at`, 0 before they were ever known. `problem` is why they are not known now."""

    sites: Sequence[Site] = ()
    at: float = 0.0
    problem: str = ""


class SharedStore:
    """For the event loop. `sites` and `names` are looked up once for all who look, and only while somebody does."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._places = threading.BoundedSemaphore(THREADS)
        self._known = Known()
        self._is_checked = False
        self._fails = False
        self.sites = SharedCall(self._sites, EVERY_S)
        self.names = SharedCall(self._names, NAMES_S)

    async def read(
        self, ask: Callable[Concatenate[EventStore, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `ask` gives of the store. Raises `EventError`, also when the store does not answer in time.

        The first failure is logged, and the first answer after it.
        """
        try:
            answer = await self._answer(lambda: ask(self._store, *args, **kwargs))
        except EventError as e:
            if not self._fails:
                log.warning("the shared store cannot be read, and is asked again: %s", e)
            self._fails = True
            raise
        if self._fails:
            log.info("the shared store can be read again")
        self._fails = False
        return answer

    async def _answer(self, ask: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def work() -> None:
            future.set_running_or_notify_cancel()
            try:
                future.set_result(self._asked(ask))
            except Exception as e:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(e)

        # not of the loop's pool: those that wait for ever would keep the other pages from theirs, and the process from its end
        threading.Thread(target=work, name="shared store", daemon=True).start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise EventError(NO_ANSWER) from None

    def _asked(self, ask: Callable[[], T]) -> T:
        if not self._places.acquire(timeout=PATIENCE_S):
            raise EventError(NO_ANSWER)
        try:
            return ask()
        finally:
            self._places.release()

    async def _sites(self) -> Known:
        """Those that were known last, where the store cannot be read."""
        try:
            self._known = await self.read(self._look)
        except EventError as e:
            self._known = replace(self._known, problem=str(e))
        return self._known

    def _look(self, store: EventStore) -> Known:
        now = time.time()
        if store.is_shared and not self._is_checked:
            with store.errors():
                missing = postgres.missing_indexes(store.engine)
            self._is_checked = True
            if missing:
                log.warning("the shared store lacks the indexes %s: it may be slow", ", ".join(missing))
        return Known(sites_of(store, now), now)

    async def _names(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for site, camera in await self.read(cameras_of):
            found.setdefault(site, []).append(camera)
        return found
