"""Pieces of work and the workers that do them. When a worker dies, its piece is done again by another."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from maskwatch.core.errors import MaskwatchError

MAX_DEATHS = 4  # of workers by one piece, or as they start
AHEAD = 2  # pieces that wait, a worker

Piece = TypeVar("Piece")
Result_co = TypeVar("Result_co", covariant=True)

Setup = Callable[[], Callable[[Piece], Result_co]]
"""Loads what the work needs, in the process that is to do it, and returns what does a piece.

It can be pickled, and so can pieces and results. A `MaskwatchError` of either ends the whole work.
"""


class WorkError(MaskwatchError):
    """A piece could not be done: every worker that tried it died, or could not start."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Piece, Result_co]):
    """A piece's result, or why there is none."""

    piece: Piece
    result: Result_co | WorkError


class Workers(Protocol[Piece, Result_co]):
    """Does pieces, in any order; use it in a `with`. `str(piece)` names the piece in messages."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def room(self) -> int:
        """How many pieces may be submitted now, so that no worker waits and few pieces do."""
        ...

    def submit(self, piece: Piece) -> None:
        """Give a piece to the workers. Does not wait."""
        ...

    def next_done(self) -> Done[Piece, Result_co]:
        """Wait until another piece is done; at least one must have been submitted."""
        ...


class Numbered(Protocol):
    """A piece that knows its place in the order."""

    @property
    def number(self) -> int:
        """The piece's place among all, counted from 0."""
        ...


NumberedPiece = TypeVar("NumberedPiece", bound=Numbered)


def in_parallel(
    workers: Workers[Piece, Result_co], pieces: Iterable[Piece]
) -> Iterator[Done[Piece, Result_co]]:
    """The outcome of each piece, as they are done; a piece is taken from the iterator only when there is room for it."""
    left, under_way = iter(pieces), 0
    while True:
        while workers.room > 0 and (piece := next(left, None)) is not None:
            workers.submit(piece)
            under_way += 1
        if not under_way:
            return
        under_way -= 1
        yield workers.next_done()


def in_order(
    workers: Workers[NumberedPiece, Result_co], pieces: Iterable[NumberedPiece]
) -> Iterator[Result_co]:
    """The results in the pieces' order. Raises the `WorkError` of a piece that could not be done."""
    waiting: dict[int, Result_co] = {}
    place = 0
    for done in in_parallel(workers, pieces):
        if isinstance(done.result, WorkError):
            raise done.result
        waiting[done.piece.number] = done.result
        while place in waiting:
            yield waiting.pop(place)
            place += 1


@dataclass(slots=True)
class StartingDeaths:
    """Counts the workers that died in a row while starting, with no other worker doing anything.

    Such deaths cost no piece, and end nothing while others work: a machine may hold fewer workers than are asked for.
    """

    count: int = 0

    @property
    def are_many(self) -> bool:
        """Whether to start no more until a worker does something."""
        return self.count >= MAX_DEATHS

    def note(self, *, others: bool) -> None:
        """Count one more. Raises `WorkError` where they are many and there are no `others` that have started."""
        self.count += 1
        if self.are_many and not others:
            raise WorkError(f"{self.count} workers died as they started, one after the other")

    def forget(self) -> None:
        """Start counting anew: a worker has started, has done a piece, or died doing one."""
        self.count = 0


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Piece]):
    """A piece, and how many workers died of it so far."""

    piece: Piece
    deaths: int = 0


def retry_or_fail(
    attempt: Attempt[Piece], waiting: deque[Attempt[Piece]], failed: deque[Done[Piece, Result_co]]
) -> None:
    """A worker died doing it: the piece waits for another worker, or has failed."""
    again = replace(attempt, deaths=attempt.deaths + 1)
    if again.deaths < MAX_DEATHS:
        waiting.append(again)
    else:
        failed.append(Done(again.piece, WorkError(f"{again.piece}: {MAX_DEATHS} workers died of it")))
