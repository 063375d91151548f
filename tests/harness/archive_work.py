"""Work for the workers of an archive that takes no models: a chunk's result is its own description."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.errors import ModelError


@dataclass(frozen=True)
class Describe:
    """Told `die_of`, a worker dies of that chunk's number, each time, or only until `mark` is there; with `broken`, none can begin."""

    die_of: int | None = None
    mark: Path | None = None
    broken: bool = False
    takes_s: float = 0.0

    def __call__(self):
        if self.broken:
            raise ModelError("weights.safetensors: is damaged")
        return self._describe

    def _describe(self, chunk):
        time.sleep(self.takes_s)
        if chunk.number == self.die_of and not (self.mark and self.mark.exists()):
            if self.mark:
                self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{chunk.path} {chunk.number} {os.environ.get('OMP_NUM_THREADS')}".encode()
