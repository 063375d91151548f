"""Workers that are actors of a Ray cluster. Nodes added during the work are used; a node that dies costs its actors' pieces."""

import logging
import socket
from collections import deque
from types import TracebackType
from typing import Any, Generic, Self

from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.text import one_line
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

CORES = 1  # an actor
CONNECT_S = 10.0
NO_CLUSTER = "no Ray cluster answers there"


class RayWorkers(Generic[Piece, Result_co]):
    """`Workers` that are actors of the cluster at `address` (`auto`, `local`, host:port, ray://…), at most `most` at once.

    One actor more than there are is always asked for, so that a core that becomes free, on a node that is added say, is used.
    Files have to be at the same path on every node. Raises `ConfigError` where Ray is not installed, or is not there.
    """

    def __init__(self, setup: Setup[Piece, Result_co], address: str, most: int | None) -> None:
        self._setup = setup
        self._address = address
        self._most = most
        self._waiting: deque[Attempt[Piece]] = deque()
        self._failed: deque[Done[Piece, Result_co]] = deque()
        self._asked: dict[Any, Any] = {}  # an actor that is to come, by its first answer
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Attempt[Piece]]] = {}
        self._is_ours = False
        self._starting_deaths = StartingDeaths()

    def __enter__(self) -> Self:
        try:
            import ray
        except ImportError:
            raise ConfigError("--ray: Ray is not installed (pip install 'maskwatch[scale]')") from None
        self._ray = ray
        if not ray.is_initialized():
            self._join_cluster()
        self._actor = ray.remote(num_cpus=CORES, max_restarts=0)(_Actor)
        self._shared_setup = ray.put(self._setup)
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
        """How many actors there are now."""
        return len(self._idle) + len(self._busy)

    @property
    def room(self) -> int:
        return max(1, self.count) * AHEAD - len(self._waiting)

    def submit(self, piece: Piece) -> None:
        self._waiting.append(Attempt(piece))
        self._give_out()

    def next_done(self) -> Done[Piece, Result_co]:
        while not self._failed:
            self._give_out()
            (ready, *_), _ = self._ray.wait([*self._busy, *self._asked], num_returns=1)
            if ready in self._asked:
                self._welcome(ready)
            elif (done := self._received(ready)) is not None:
                return done
        return self._failed.popleft()

    def _join_cluster(self) -> None:
        address = self._address
        _require_listener(address)
        try:
            self._ray.init(
                address=None if address == "local" else address,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError) as e:
            raise ConfigError(f"--ray: {address}: {_why(e)}") from e
        self._is_ours = True

    def _give_out(self) -> None:
        while self._waiting and self._idle:
            actor, attempt = self._idle.pop(), self._waiting.popleft()
            self._busy[actor.work.remote(attempt.piece)] = actor, attempt
        is_full = self._most is not None and self.count >= self._most
        if not self._asked and not is_full and not self._starting_deaths.are_many:
            actor = self._actor.remote(self._shared_setup)
            self._asked[actor.begin.remote()] = actor

    def _welcome(self, ready: Any) -> None:
        actor = self._asked.pop(ready)
        try:
            problem = self._ray.get(ready)
        except self._ray.exceptions.RayActorError:  # its node went away, or it died as it loaded its models
            self._starting_deaths.note(others=self.count > 0)
            return
        self._starting_deaths.forget()
        if problem is not None:
            raise problem
        self._idle.append(actor)

    def _received(self, ready: Any) -> Done[Piece, Result_co] | None:
        actor, attempt = self._busy.pop(ready)
        self._starting_deaths.forget()
        try:
            result = self._ray.get(ready)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError):
            retry_or_fail(attempt, self._waiting, self._failed)
            return None
        self._idle.append(actor)
        if isinstance(result, MaskwatchError):  # another worker could do no better
            raise result
        return Done(attempt.piece, result)


def _require_listener(address: str) -> None:
    """Raises `ConfigError` where nothing listens at all, which Ray would find out after minutes."""
    if address in {"auto", "local"}:
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise ConfigError(f"--ray: must be auto, local, host:port or ray://host:port, got {address}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError):
        raise ConfigError(f"--ray: {address}: {NO_CLUSTER}") from None


def _why(error: Exception) -> str:
    """Why Ray failed, in one line: a cluster that is not there it reports in many words."""
    return NO_CLUSTER if isinstance(error, ConnectionError) else one_line(str(error))


class _Actor:
    """An actor, which keeps what it loaded from piece to piece. Ray gives its process as many threads as the actor has cores."""

    def __init__(self, setup: Setup[Any, Any]) -> None:
        self._setup = setup

    def begin(self) -> MaskwatchError | None:
        """Load what the work needs; returns why that failed, None where it did not."""
        try:
            self._work = self._setup()
        except MaskwatchError as e:
            return e
        return None

    def work(self, piece: Any) -> Any:
        """A piece's result, as the worker of another process gives it, or the error that it raised."""
        try:
            return self._work(piece)
        except MaskwatchError as e:
            return e
