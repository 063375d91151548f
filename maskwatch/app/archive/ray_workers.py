"""Who does the work: actors of a Ray cluster. Nodes that are added meanwhile are used, and those that die cost a chunk each."""

import logging
from collections import deque
from types import TracebackType
from typing import Any, Self

from maskwatch.app.archive.chunks import Chunk
from maskwatch.app.archive.workers import AHEAD, MAX_DEATHS, Attempt, Done, Setup, WorkError
from maskwatch.core.errors import ConfigError, MaskwatchError

CORES = 1  # an actor


class RayWorkers:
    """`Workers` that are actors of the cluster at `address` (`auto`, `local`, host:port, ray://…), at most `most` at once.

    One actor more than there are is always asked for, so that a core that becomes free, on a node that is added say, is used.
    Clips have to be at the same path on every node. Raises `ConfigError` where Ray is not installed, or is not there.
    """

    def __init__(self, setup: Setup, address: str, most: int | None) -> None:
        self._setup = setup
        self._address = None if address == "local" else address
        self._most = most
        self._waiting: deque[Attempt] = deque()
        self._failed: deque[Done] = deque()
        self._asked: dict[Any, Any] = {}  # an actor that is to come, by its first answer
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Attempt]] = {}
        self._is_ours = False
        self._stillborn = 0  # one after the other

    def __enter__(self) -> Self:
        try:
            import ray
        except ImportError:
            raise ConfigError("--ray: Ray is not installed (pip install 'maskwatch[scale]')") from None
        self._ray = ray
        if not ray.is_initialized():
            try:
                ray.init(address=self._address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as e:
                raise ConfigError(f"--ray: {self._address}: {' '.join(str(e).split())}") from e
            self._is_ours = True
        self._actor = ray.remote(num_cpus=CORES, max_restarts=0)(_Actor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        busy = [actor for actor, _ in self._busy.values()]
        for actor in (*self._asked.values(), *self._idle, *busy):
            self._ray.kill(actor)
        if self._is_ours:
            self._ray.shutdown()

    @property
    def count(self) -> int:
        """How many there are now."""
        return len(self._idle) + len(self._busy)

    @property
    def room(self) -> int:
        return max(1, self.count) * AHEAD - len(self._waiting)

    def submit(self, chunk: Chunk) -> None:
        self._waiting.append(Attempt(chunk))
        self._give_out()

    def next_done(self) -> Done:
        while not self._failed:
            self._give_out()
            (ready, *_), _ = self._ray.wait([*self._busy, *self._asked], num_returns=1)
            if ready in self._asked:
                self._welcome(ready)
            elif (done := self._received(ready)) is not None:
                return done
        return self._failed.popleft()

    def _give_out(self) -> None:
        while self._waiting and self._idle:
            actor, attempt = self._idle.pop(), self._waiting.popleft()
            self._busy[actor.analyse.remote(attempt.chunk)] = actor, attempt
        if not self._asked and (self._most is None or self.count < self._most):
            actor = self._actor.remote(self._setup)
            self._asked[actor.begin.remote()] = actor

    def _welcome(self, ready: Any) -> None:
        actor = self._asked.pop(ready)
        try:
            problem = self._ray.get(ready)
        except (
            self._ray.exceptions.RayActorError
        ) as e:  # its node went away, or they die as they load their models
            self._stillborn += 1
            if self._stillborn >= MAX_DEATHS:
                raise WorkError(f"--ray: {MAX_DEATHS} workers died before they began: {e}") from e
            return
        self._stillborn = 0
        if problem is not None:
            raise problem
        self._idle.append(actor)

    def _received(self, ready: Any) -> Done | None:
        actor, attempt = self._busy.pop(ready)
        try:
            result = self._ray.get(ready)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError):
            again = attempt.after_death()
            if isinstance(again, Done):
                self._failed.append(again)
            else:
                self._waiting.append(again)
            return None
        self._idle.append(actor)
        return Done(attempt.chunk, result)


class _Actor:
    """Keeps its models from chunk to chunk. Ray gives its process as many threads as it has cores."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def begin(self) -> MaskwatchError | None:
        """Load the models; why that cannot be, where it cannot."""
        try:
            self._analyse = self._setup()
        except MaskwatchError as e:
            return e
        return None

    def analyse(self, chunk: Chunk) -> bytes:
        """As the worker of another process does."""
        return self._analyse(chunk)
