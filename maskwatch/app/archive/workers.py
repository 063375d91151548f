"""Who does the work: processes of this machine. `ray_workers` has the same for many machines."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Protocol, Self

from maskwatch.app.archive.chunks import Chunk
from maskwatch.core.errors import MaskwatchError

MAX_DEATHS = 4  # of workers by one chunk; it is given up then
AHEAD = 2  # chunks that wait, a worker

Analyse = Callable[[Chunk], bytes]
Setup = Callable[[], Analyse]


class WorkError(MaskwatchError):
    """A chunk could not be done: each worker that tried it died, or could not even begin."""


@dataclass(frozen=True, slots=True)
class Done:
    """A chunk's result, or why there is none."""

    chunk: Chunk
    result: bytes | WorkError


class Workers(Protocol):
    """Does chunks, in any order; use it in a `with`. A worker that dies costs the chunk that it was at, which is done again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def room(self) -> int:
        """How many chunks may be submitted now, so that no worker waits and few chunks do."""
        ...

    def submit(self, chunk: Chunk) -> None:
        """Have it done. Does not wait."""
        ...

    def next_done(self) -> Done:
        """Wait until another one is done; some must have been submitted."""
        ...


def in_parallel(workers: Workers, chunks: Iterable[Chunk]) -> Iterator[Done]:
    """What becomes of each chunk, as they are done; a chunk is not asked for before there is room for it."""
    left, under_way = iter(chunks), 0
    while True:
        while workers.room > 0 and (chunk := next(left, None)) is not None:
            workers.submit(chunk)
            under_way += 1
        if not under_way:
            return
        under_way -= 1
        yield workers.next_done()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A chunk, and how many workers died of it so far."""

    chunk: Chunk
    deaths: int = 0

    def after_death(self) -> "Attempt | Done":
        """Another attempt, or that it is given up."""
        again = replace(self, deaths=self.deaths + 1)
        if again.deaths < MAX_DEATHS:
            return again
        why = f"{self.chunk.path}: {MAX_DEATHS} workers died at {self.chunk.begin:.0f} s"
        return Done(self.chunk, WorkError(why))


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    attempt: Attempt | None = None


class LocalWorkers:
    """`Workers` that are processes of this machine, each with one thread, as the same work on more threads may round otherwise."""

    def __init__(self, setup: Setup, count: int) -> None:
        self._setup = setup
        self._count = count
        self._waiting: deque[Attempt] = deque()
        self._failed: deque[Done] = deque()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()  # it writes nothing
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    @property
    def room(self) -> int:
        return self._count * AHEAD - len(self._waiting)

    @property
    def pids(self) -> list[int]:
        """Of the processes that live."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def submit(self, chunk: Chunk) -> None:
        self._waiting.append(Attempt(chunk))
        self._give_out()

    def next_done(self) -> Done:
        while not self._failed:
            self._give_out()
            ready = set(wait([worker.connection for worker in self._workers]))
            for worker in [each for each in self._workers if each.connection in ready]:
                if (done := self._received(worker)) is not None:
                    return done
        return self._failed.popleft()

    def _give_out(self) -> None:
        idle = [worker for worker in self._workers if worker.attempt is None]
        while self._waiting and (idle or len(self._workers) < self._count):
            worker = idle.pop() if idle else self._started()
            worker.attempt = self._waiting.popleft()
            try:
                worker.connection.send(worker.attempt.chunk)
            except OSError:  # it died meanwhile, which `next_done` sees
                continue

    def _started(self) -> _Worker:
        """A new process, not a fork: OpenCV hangs in those."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._setup, theirs), daemon=True)
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"  # read when its libraries load
        try:
            process.start()
        finally:
            if before is None:
                del os.environ["OMP_NUM_THREADS"]
            else:
                os.environ["OMP_NUM_THREADS"] = before
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _received(self, worker: _Worker) -> Done | None:
        attempt = worker.attempt
        try:
            told = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return None
        if isinstance(told, MaskwatchError):  # it could not even begin, and so could no other
            raise told
        worker.attempt = None
        assert attempt is not None
        return Done(attempt.chunk, told)

    def _bury(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        worker.connection.close()
        if worker.attempt is not None:
            again = worker.attempt.after_death()
            if isinstance(again, Done):
                self._failed.append(again)
            else:
                self._waiting.append(again)


def _serve(setup: Setup, connection: Connection) -> None:
    """A worker's life: until it is killed, or nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which kills it
    try:
        analyse = setup()
        while True:
            connection.send(analyse(connection.recv()))
    except MaskwatchError as e:
        connection.send(e)
    except (EOFError, BrokenPipeError):
        return
