"""Alerts to the sinks, each on a worker of its own, and word back to the rule when all are through."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from maskwatch.core.errors import AlertError
from maskwatch.core.ports import AlertSink, EndListening
from maskwatch.core.records import Alert
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.worker import Worker

log = logging.getLogger(__name__)

WAITING = 4  # alerts that may wait for one sink

OnDone = Callable[[float | None], None]


class Announcer:
    """Delivers alerts without holding the caller up, unless `inline`."""

    def __init__(
        self,
        sinks: Sequence[AlertSink],
        board: Board,
        on_crash: Callable[[BaseException], None],
        *,
        inline: bool = False,
    ) -> None:
        self._board = board
        self._inline = inline
        self._broken: set[AlertSink] = set()  # each is reported once, until it works again
        self._workers = {
            sink: Worker(f"sink {sink.name}", capacity=WAITING, on_crash=on_crash, inline=inline)
            for sink in dict.fromkeys(sinks)
        }

    def announce(self, alert: Alert, sinks: Sequence[AlertSink], on_done: OnDone) -> None:
        """Tell through all the sinks; then `on_done` gets the time of the last delivery, on the alert's clock.

        It gets None when no sink delivered. It is called on a worker's thread.
        """
        if not sinks:
            on_done(None)
            return
        delivery = _Delivery(alert, len(sinks), on_done, inline=self._inline)
        for sink in sinks:
            if not self._workers[sink].submit(partial(self._deliver, sink, delivery)):
                self._board.alert(sink.name, "dropped")
                delivery.done(delivered=False)

    def announce_end(self, alert: Alert, sinks: Sequence[AlertSink]) -> None:
        """Tell those of the sinks that want to know that a delivered alert is over."""
        for sink in sinks:
            if isinstance(sink, EndListening):
                taken = self._workers[sink].submit(partial(self._take_back, sink, alert))
                if not taken:
                    self._board.alert(sink.name, "dropped")

    def close(self, timeout_s: float) -> None:
        for worker in self._workers.values():
            worker.close(timeout_s)

    def _deliver(self, sink: AlertSink, delivery: "_Delivery") -> None:
        delivered = self._try(sink, partial(sink.deliver, delivery.alert))
        if delivered:
            self._board.alert(sink.name, "delivered")
        delivery.done(delivered=delivered)

    def _take_back(self, sink: AlertSink, alert: Alert) -> None:
        assert isinstance(sink, EndListening)
        self._try(sink, partial(sink.ended, alert))

    def _try(self, sink: AlertSink, tell: Callable[[], None]) -> bool:
        """Whether it could tell; what it could not is counted, and logged at first."""
        try:
            tell()
        except AlertError as e:
            if sink not in self._broken:
                log.error("%s; further alerts are only counted until it works", e)
                self._broken.add(sink)
            self._board.alert(sink.name, "failed")
            return False
        if sink in self._broken:
            log.info("%s: works again", sink.name)
            self._broken.discard(sink)
        return True


class _Delivery:
    """One alert on its way through several sinks."""

    def __init__(self, alert: Alert, sinks: int, on_done: OnDone, *, inline: bool) -> None:
        self.alert = alert
        self._open = sinks
        self._on_done = on_done
        self._inline = inline
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._delivered_at: float | None = None

    def done(self, *, delivered: bool) -> None:
        with self._lock:
            if delivered:
                # on the camera's clock, which may be a clip's; inline, no time passes
                passed_s = 0.0 if self._inline else time.monotonic() - self._started
                self._delivered_at = self.alert.at + passed_s
            self._open -= 1
            if self._open:
                return
        self._on_done(self._delivered_at)
