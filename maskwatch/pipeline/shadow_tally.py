"""What the status board shows of a shadow run."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from maskwatch.core.records import ShadowCounts, ShadowStatus


class ShadowTally:
    """The counts, by camera, of the version that is in the shadow now. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: ShadowStatus | None = None

    def status(self) -> ShadowStatus | None:
        """None while no version is in the shadow."""
        with self._lock:
            return self._status

    def begin(self, status: ShadowStatus) -> None:
        """Begin a run; `status` has what was counted of it before."""
        with self._lock:
            self._status = status

    def end(self) -> None:
        """End the run: no version is in the shadow any more."""
        with self._lock:
            self._status = None

    def fail(self, problem: str) -> None:
        """Note why the run has ended although it is still wanted."""
        with self._lock:
            if self._status is not None:
                self._status = replace(self._status, problem=problem)

    def count(self, camera: str, counts: ShadowCounts) -> None:
        """Add the counts of a frame of that camera."""
        with self._lock:
            if self._status is not None:
                known: Mapping[str, ShadowCounts] = self._status.cameras
                new = known.get(camera, ShadowCounts()) + counts
                self._status = replace(self._status, cameras={**known, camera: new})
