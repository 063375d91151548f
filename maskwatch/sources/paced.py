"""Footage shown at its own speed, as if it were a camera."""

import time

from maskwatch.core.ports import Frames, Source

LATE_S = 1.0
MAX_WAIT_S = 5.0


class Pace:
    """Waits so that frames keep their distances in time; a late frame delays those after it, and none is hurried."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def wait(self, at: float, speed: float = 1.0) -> None:
        """`at` is the frame's time in seconds, which increases; a `speed` above 1 is faster than recorded."""
        now_s = time.monotonic()
        due_s = now_s if self._last is None else self._last[1] + (at - self._last[0]) / speed
        if not now_s - LATE_S <= due_s <= now_s + MAX_WAIT_S:
            due_s = now_s
        self._last = at, due_s
        time.sleep(max(0.0, due_s - now_s))


class PacedSource:
    """Gives each frame of another source when it is due; opened again, it continues where it stopped."""

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
