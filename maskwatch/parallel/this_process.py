"""A single worker: this process itself."""

from collections import deque
from typing import Generic, Self

from maskwatch.parallel.workers import Done, Piece, Result_co, Setup


class ThisProcess(Generic[Piece, Result_co]):
    """`Workers` for work that is not worth another process, or needs this one's graphics card: pieces are done in order, when asked for."""

    def __init__(self, setup: Setup[Piece, Result_co]) -> None:
        self._work = setup()
        self._waiting: deque[Piece] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()

    @property
    def room(self) -> int:
        return 1 - len(self._waiting)

    def submit(self, piece: Piece) -> None:
        self._waiting.append(piece)

    def next_done(self) -> Done[Piece, Result_co]:
        piece = self._waiting.popleft()
        return Done(piece, self._work(piece))
