"""Footage shown at its own speed, as if it were a camera."""

import time

from maskwatch.core.ports import Frames, Source


class PacedSource:
    """Gives each frame of another source when its time has come."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.live = source.live

    def frames(self) -> Frames:
        start_s = time.monotonic()
        for frame in self._source.frames():
            time.sleep(max(0.0, start_s + frame.at - time.monotonic()))
            yield frame

    def expected(self) -> int | None:
        return self._source.expected()
