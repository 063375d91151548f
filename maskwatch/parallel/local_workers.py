"""Workers that are processes of this machine."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, Self

from maskwatch.core.errors import MaskwatchError
from maskwatch.parallel.workers import (
    AHEAD,
    Attempt,
    Done,
    Piece,
    Result_co,
    Setup,
    StartingDeaths,
    retry_or_fail,
)

STARTED = "started"  # what a worker says first


@dataclass(slots=True)
class _Worker(Generic[Piece]):
    process: BaseProcess
    connection: Connection
    has_started: bool = False
    attempt: Attempt[Piece] | None = None


class LocalWorkers(Generic[Piece, Result_co]):
    """`Workers` that are `count` processes, each with one thread, as the same work on more threads may round otherwise."""

    def __init__(self, setup: Setup[Piece, Result_co], count: int) -> None:
        self._setup = setup
        self._count = count
        self._waiting: deque[Attempt[Piece]] = deque()
        self._failed: deque[Done[Piece, Result_co]] = deque()
        self._workers: list[_Worker[Piece]] = []
        self._starting_deaths = StartingDeaths()

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
        """The process ids of the living workers."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def submit(self, piece: Piece) -> None:
        self._waiting.append(Attempt(piece))
        self._give_out()

    def next_done(self) -> Done[Piece, Result_co]:
        while not self._failed:
            self._give_out()
            ready = set(wait([worker.connection for worker in self._workers]))
            for worker in [each for each in self._workers if each.connection in ready]:
                if (done := self._received(worker)) is not None:
                    return done
        return self._failed.popleft()

    def _give_out(self) -> None:
        idle = [worker for worker in self._workers if worker.has_started and worker.attempt is None]
        while self._waiting and idle:
            worker = idle.pop()
            worker.attempt = self._waiting.popleft()
            try:
                worker.connection.send(worker.attempt.piece)
            except OSError:  # it died meanwhile, which `next_done` sees
                continue
        if self._starting_deaths.are_many:
            return
        starting = sum(not worker.has_started for worker in self._workers)
        for _ in range(min(self._count - len(self._workers), len(self._waiting) - starting)):
            self._start()

    def _start(self) -> None:
        """A new process, not a fork: OpenCV hangs in those. Ctrl-C is this process's, which kills it."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._setup, theirs), daemon=True)
        with _inherited():
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _received(self, worker: _Worker[Piece]) -> Done[Piece, Result_co] | None:
        attempt = worker.attempt
        try:
            told = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return None
        if isinstance(told, MaskwatchError):  # another worker could do no better
            raise told
        self._starting_deaths.forget()
        if not worker.has_started:
            worker.has_started = True
            return None
        worker.attempt = None
        assert attempt is not None
        return Done(attempt.piece, told)

    def _bury(self, worker: _Worker[Piece]) -> None:
        self._workers.remove(worker)
        worker.process.join()
        worker.connection.close()
        if not worker.has_started:
            self._starting_deaths.note(others=any(each.has_started for each in self._workers))
            return
        self._starting_deaths.forget()
        if worker.attempt is not None:
            retry_or_fail(worker.attempt, self._waiting, self._failed)


@contextmanager
def _inherited() -> Iterator[None]:
    """The environment of processes started in the block: one thread for libraries, which read it as they load, and no SIGINT."""
    resource_tracker.ensure_running()  # else it is started there, and lets SIGINT through again
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # what came meanwhile comes here


def _serve(setup: Setup[Piece, Result_co], connection: Connection) -> None:
    """A worker's main loop: until it is killed, or its parent is gone."""
    try:
        work = setup()
        connection.send(STARTED)
        while True:
            connection.send(work(connection.recv()))
    except MaskwatchError as e:
        connection.send(e)
    except (EOFError, BrokenPipeError):
        return
