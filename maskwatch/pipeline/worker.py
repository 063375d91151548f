"""A thread that does jobs in order, so that a slow disk or loudspeaker never holds the engine up."""

import os
import queue
import sys
import threading
from collections.abc import Callable

LOWEST_PRIORITY = 19


class Worker:
    """Runs jobs on one thread. A job that raises ends the worker: `on_crash` gets the exception.

    With `inline=True` there is no thread: a job runs where it is submitted, so that a replay gives the same result twice.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        on_crash: Callable[[BaseException], None],
        inline: bool = False,
    ) -> None:
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(capacity)
        self._on_crash = on_crash
        self._thread = None if inline else threading.Thread(target=self._run, name=name, daemon=True)
        if self._thread:
            self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs wait, about."""
        return self._jobs.qsize()

    def submit(self, job: Callable[[], object]) -> bool:
        """Hand over a job; False, and the job is not done, when `capacity` jobs wait already."""
        if self._thread is None:
            job()
            return True
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def close(self, timeout_s: float) -> None:
        """Finish what waits, for at most `timeout_s`."""
        if self._thread is None:
            return
        try:
            self._jobs.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job()
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            self._on_crash(e)


class BackgroundWorker:
    """Runs one job at a time, on a thread of the lowest priority. `on_crash` and `inline` are as for a `Worker`."""

    def __init__(self, name: str, *, on_crash: Callable[[BaseException], None], inline: bool = False) -> None:
        self._inline = inline
        self._worker = Worker(name, capacity=1, on_crash=on_crash, inline=inline)
        self._busy = threading.Event()

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way: then no other is to be submitted."""
        return self._busy.is_set()

    def submit(self, job: Callable[[], object]) -> None:
        """Start a job; to be called only while the worker is not busy."""
        self._busy.set()
        self._worker.submit(lambda: self._do(job))

    def close(self, timeout_s: float) -> None:
        """Wait for a job that is under way, at most `timeout_s`; there is no other after it."""
        self._worker.close(timeout_s)

    def _do(self, job: Callable[[], object]) -> None:
        try:
            if not self._inline:
                _step_back()
            job()
        finally:
            self._busy.clear()


def _step_back() -> None:
    """Give the calling thread, and those that it starts, the lowest priority; only Linux has priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
