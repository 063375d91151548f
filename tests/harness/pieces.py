"""Pieces of work that take no models: a piece's result is its own description."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.errors import DataError, ModelError


@dataclass(frozen=True)
class Piece:
    number: int

    def __str__(self):
        return f"piece {self.number}"


@dataclass(frozen=True)
class Describe:
    """Told `die_of`, a worker dies of that piece, each time, or only until `mark` is there.

    With `broken`, none can begin; with `slots`, a file that is made is one, so many start, and every other dies of it.
    """

    die_of: int | None = None
    mark: Path | None = None
    broken: bool = False
    refuses: int | None = None
    takes_s: float = 0.0
    slots: tuple[Path, ...] | None = None

    def __call__(self):
        if self.slots is not None and not any(_taken(slot) for slot in self.slots):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.broken:
            raise ModelError("weights.safetensors: is damaged")
        return self._describe

    def _describe(self, piece):
        time.sleep(self.takes_s * (1 + piece.number % 3))
        if piece.number == self.refuses:
            raise DataError(f"{piece}: cannot be done")
        if piece.number == self.die_of and not (self.mark and self.mark.exists()):
            if self.mark:
                self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{piece}, {os.environ.get('OMP_NUM_THREADS')} thread"


def _taken(slot):
    """Whether it was free, and is this worker's from now on."""
    try:
        slot.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
