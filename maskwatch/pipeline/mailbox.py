"""Where a capture thread leaves frames for the engine, and the bell that wakes the engine."""

import threading
from collections import deque

from maskwatch.core.records import Frame


class Mailbox:
    """Frames of one camera on their way to the engine.

    `capacity` frames wait at most. When it is full, a live one (`blocks=False`) drops its oldest
    frame and counts it, so that latency never grows; a replaying one (`blocks=True`) makes the
    sender wait, so that nothing is dropped.
    """

    def __init__(self, bell: threading.Condition, *, capacity: int, blocks: bool) -> None:
        self._bell = bell
        self._capacity = capacity
        self._blocks = blocks
        self._frames: deque[Frame] = deque()
        self._ended = False
        self._closed = False
        self.dropped = 0

    def put(self, frame: Frame) -> bool:
        """Leave a frame; False when the engine no longer takes any."""
        with self._bell:
            while self._blocks and len(self._frames) >= self._capacity and not self._closed:
                self._bell.wait()
            if self._closed:
                return False
            if len(self._frames) >= self._capacity:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(frame)
            self._bell.notify_all()
            return True

    def end(self) -> None:
        """No more frames will come."""
        with self._bell:
            self._ended = True
            self._bell.notify_all()

    def close(self) -> None:
        """The engine stops: wake a waiting sender."""
        with self._bell:
            self._closed = True
            self._bell.notify_all()

    # The engine calls the rest with the bell held.

    def is_ready(self) -> bool:
        """A live one with any frame; a replaying one when full or at its end, so that its batches never vary."""
        return bool(self._frames) and (not self._blocks or self._ended or len(self._frames) >= self._capacity)

    def is_over(self) -> bool:
        """Whether it is empty and nothing more will come; the bell is held."""
        return self._ended and not self._frames

    def take(self) -> list[Frame]:
        """All that waits, oldest first; there is room again then."""
        frames = list(self._frames)
        self._frames.clear()
        self._bell.notify_all()
        return frames
