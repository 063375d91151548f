"""How a shadow run goes: what the status board shows of it."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from maskwatch.core.records import ShadowCounts, ShadowStatus


class ShadowTally:
    """Counts by camera of the version that is in the shadow now; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: ShadowStatus | None = None

    def status(self) -> ShadowStatus | None:
        """None while no version is in the shadow."""
        with self._lock:
            return self._status

    def begin(self, status: ShadowStatus) -> None:
        """Another run, or the same with what was counted before."""
        with self._lock:
            self._status = status

    def end(self) -> None:
        """No version is in the shadow any more."""
        with self._lock:
            self._status = None

    def fail(self, problem: str) -> None:
        """The run has ended, though it is still wanted."""
        with self._lock:
            if self._status is not None:
                self._status = replace(self._status, problem=problem)

    def count(self, camera: str, counts: ShadowCounts) -> None:
        """Add what was found in a frame of that camera."""
        with self._lock:
            if self._status is not None:
                known: Mapping[str, ShadowCounts] = self._status.cameras
                new = known.get(camera, ShadowCounts()) + counts
                self._status = replace(self._status, cameras={**known, camera: new})
