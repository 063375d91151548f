"""Footage shown at its own speed, as if it were a camera."""

import time

from maskwatch.core.ports import Frames, Source


class PacedSource:
    """Gives each frame of another source when its time has come; opened again, it goes on where it broke off."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.live = source.live
        self._shown_at: float | None = None

    def frames(self) -> Frames:
        shown_at = self._shown_at
        start_s = time.monotonic() - (shown_at or 0.0)
        for frame in self._source.frames():
            if shown_at is not None and frame.at <= shown_at:
                continue
            time.sleep(max(0.0, start_s + frame.at - time.monotonic()))
            self._shown_at = frame.at
            yield frame

    def expected(self) -> int | None:
        return self._source.expected()
