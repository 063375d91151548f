"""What happened lately: counts and sums over a sliding window."""

from collections import deque

MIN_S = 1.0  # a rate over less says nothing


class Window:
    """Notes events with an amount each; all times are monotonic, in seconds."""

    def __init__(self, seconds: float, now_s: float) -> None:
        self._seconds = seconds
        self._started_s = now_s
        self._events: deque[tuple[float, float, int]] = deque()
        self._sum = 0.0
        self._count = 0

    def add(self, now_s: float, amount: float = 0.0, count: int = 1) -> None:
        """`count` events at once, `amount` in all."""
        self._events.append((now_s, amount, count))
        self._sum += amount
        self._count += count
        self._drop_expired(now_s)

    def per_s(self, now_s: float) -> float:
        """Events a second; over less than the window while it is young."""
        self._drop_expired(now_s)
        return self._count / max(MIN_S, min(self._seconds, now_s - self._started_s))

    def mean(self, now_s: float) -> float | None:
        """The mean amount of an event, None when there was none."""
        self._drop_expired(now_s)
        return self._sum / self._count if self._count else None

    def _drop_expired(self, now_s: float) -> None:
        while self._events and self._events[0][0] <= now_s - self._seconds:
            _, amount, count = self._events.popleft()
            self._sum -= amount
            self._count -= count
        if not self._events:
            self._sum = 0.0  # what rounding left
