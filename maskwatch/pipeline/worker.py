"""A thread that does jobs in order, so that a slow disk or loudspeaker never holds the engine up."""

import queue
import threading
from collections.abc import Callable


class Worker:
    """Runs jobs on one thread. A job that raises ends the worker: `on_crash` gets the exception.

    With `inline=True` there is no thread: a job runs where it is submitted, for replays that give the
    same result twice.
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
