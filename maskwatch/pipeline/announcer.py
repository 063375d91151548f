"""Delivers alerts to the sinks, each on a worker of its own, and reports delivery results to the rule."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from maskwatch.core.errors import AlertError, AlertKept
from maskwatch.core.ports import (
    AlertSink,
    SupportsClose,
    SupportsEnded,
    SupportsProbe,
    SupportsQuiet,
    SupportsStatus,
)
from maskwatch.core.records import Alert
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.worker import Worker

log = logging.getLogger(__name__)

WAITING = 4  # alerts that may wait for an audible sink: what is spoken must be about now
WAITING_UNHEARD = 64  # for any other sink: all cameras may go offline at once
FRAMES_WAITING = 8  # of the waiting alerts that keep their frame: megabytes each, and the alert matters more
DELIVERED = frozenset({"delivered", "kept"})  # outcomes that reach somebody, now or later
PROBE_S = 60.0  # between two tries of a sink that failed
STATUS_S = 1.0  # between two statuses, for sinks that want them

OnDone = Callable[[float | None], None]
OnOutcomes = Callable[[Mapping[str, str], bool], None]


@dataclass(frozen=True, slots=True)
class SinkRoute:
    """A sink, the cameras whose alerts it delivers, and what these alerts may say (`sentences`).

    `name` is the sink's own, with a number where a camera has several sinks of that name. `rules` are the names of each
    camera's rules.
    """

    sink: AlertSink
    name: str
    cameras: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def sink_routes(cameras: Sequence[Camera]) -> list[SinkRoute]:
    """One route for each sink, however many cameras share it."""
    result: list[SinkRoute] = []
    for sink in dict.fromkeys(sink for camera in cameras for sink in camera.all_sinks):
        served = [camera for camera in cameras if sink in camera.all_sinks]
        sentences = dict.fromkeys(sentence for camera in served for sentence in camera.sentences)
        names = tuple(camera.name for camera in served)
        taken = {route.name for route in result if set(route.cameras) & set(names)}
        free = (sink.name if number == 1 else f"{sink.name} {number}" for number in itertools.count(1))
        own = next(name for name in free if name not in taken)
        rules = {camera.name: tuple(rule.name for rule in camera.rules) for camera in served}
        result.append(SinkRoute(sink, own, names, tuple(sentences), rules))
    return result


class Announcer:
    """Delivers alerts on workers, or `inline` on the caller's thread; the board shows which sinks fail, and why."""

    def __init__(
        self,
        routes: Sequence[SinkRoute],
        board: Board,
        on_crash: Callable[[BaseException], None],
        *,
        inline: bool = False,
    ) -> None:
        self._board = board
        self._inline = inline
        self._broken: set[AlertSink] = set()  # each is reported once, until it works again
        self._shown_at: dict[str, float] = {}
        self._probed_s: float | None = None
        self._routes = {route.sink: route for route in routes}
        self._workers = {
            sink: Worker(
                f"sink {sink.name}",
                capacity=WAITING if _is_audible(sink) else WAITING_UNHEARD,
                on_crash=on_crash,
                inline=inline,
            )
            for sink in self._routes
        }
        self._standing: dict[AlertSink, dict[str, _Standing]] = {  # each on its sink's thread alone
            sink: {} for sink in self._routes if isinstance(sink, SupportsEnded)
        }
        self._status_s = 0.0
        self._status_due: set[AlertSink] = set()  # sinks whose thread has not yet come to it
        self._probe_due: set[AlertSink] = set()  # sinks whose probe waits or is under way
        for sink, each in self._routes.items():
            if isinstance(sink, SupportsStatus):
                sink.watch(each.rules)
        for route in routes:
            board.set_sink_status(route.name, route.cameras, None)

    def announce(
        self,
        alert: Alert,
        sinks: Sequence[AlertSink],
        on_done: OnDone,
        on_outcomes: OnOutcomes = lambda _outcomes, _delivered: None,
    ) -> None:
        """Deliver to all the sinks; then call `on_done` with the time of the last delivery, on the alert's clock.

        It gets None when no sink delivered. Before that, `on_outcomes` gets the outcome at each sink by its name, as the board
        counts them, and whether any sink delivered. Both are called on a worker's thread. A quiet alert skips audible sinks;
        where there is no other sink, it counts as delivered.
        """
        receiving = [sink for sink in sinks if not (alert.quiet and _is_audible(sink))]
        if len(receiving) < len(sinks):
            log.info("%s: %s: not spoken, these are quiet hours: %s", alert.camera, alert.rule, alert.say)
        if not receiving:
            on_outcomes({}, bool(sinks))
            on_done(alert.at if sinks else None)
            return
        delivery = _Delivery(alert.at, len(receiving), on_done, on_outcomes, inline=self._inline)
        for sink in receiving:
            with_frame = self._workers[sink].waiting < FRAMES_WAITING
            its = alert if with_frame else replace(alert, frame=None)
            if not self._workers[sink].submit(partial(self._deliver, sink, its, delivery)):
                self._board.count_alert(sink.name, "dropped")
                delivery.done(self._routes[sink].name, "dropped")

    def note_time(self, camera: str, at: float) -> None:
        """Note how far a clip is: `inline`, alerts that still stand at its end are over at that time."""
        self._shown_at[camera] = at

    def announce_end(self, alert: Alert, sinks: Sequence[AlertSink]) -> None:
        """Tell those of the sinks that delivered the alert, and support it, that it is over."""
        for sink in sinks:
            if sink in self._standing and not self._workers[sink].submit(partial(self._end, sink, alert)):
                self._board.count_alert(sink.name, "dropped")

    def probe(self, now_s: float) -> None:
        """Try the sinks, unheard: all at the first call, later those that fail, every `PROBE_S`. To be called often.

        So a sink that cannot deliver is known before there is an alert. Sinks that support it also get the cameras' status,
        every `STATUS_S`.
        """
        self._send_status(now_s)
        first = self._probed_s is None
        if self._probed_s is not None and now_s - self._probed_s < PROBE_S:
            return
        self._probed_s = now_s
        for sink, worker in self._workers.items():
            is_wanted = isinstance(sink, SupportsProbe) and (first or sink in self._broken)
            # one at a time: a slow sink's probes must not fill the queue in which alerts wait
            if is_wanted and sink not in self._probe_due:
                self._probe_due.add(sink)
                if not worker.submit(partial(self._probe, sink)):
                    self._probe_due.discard(sink)

    def close(self, timeout_s: float) -> None:
        """Finish what waits, for at most `timeout_s` a sink; alerts that still stand are ended, and all sinks closed."""
        for sink in self._standing:
            self._workers[sink].submit(partial(self._end_all, sink))
        for worker in self._workers.values():
            worker.close(timeout_s)
        for sink in self._routes:
            if isinstance(sink, SupportsClose):
                sink.close()

    def _probe(self, sink: AlertSink) -> None:
        if isinstance(sink, SupportsProbe):
            self._attempt(sink, partial(sink.probe, self._routes[sink].sentences))
        self._probe_due.discard(sink)

    def _send_status(self, now_s: float) -> None:
        if now_s - self._status_s < STATUS_S:
            return
        self._status_s = now_s
        for sink, worker in self._workers.items():
            if isinstance(sink, SupportsStatus) and sink not in self._status_due:
                self._status_due.add(sink)
                if not worker.submit(partial(self._send_status_to, sink)):
                    self._status_due.discard(sink)

    def _send_status_to(self, sink: AlertSink) -> None:
        self._status_due.discard(sink)
        cameras = self._board.snapshot().cameras
        if isinstance(sink, SupportsStatus):
            sink.on_status({name: cameras[name] for name in self._routes[sink].cameras})

    def _deliver(self, sink: AlertSink, alert: Alert, delivery: "_Delivery") -> None:
        outcome = self._attempt(sink, partial(sink.deliver, alert), count=True)
        if outcome in DELIVERED and sink in self._standing:
            self._standing[sink][alert.id] = _Standing(replace(alert, frame=None), delivery.now)
        delivery.done(self._routes[sink].name, outcome)

    def _end(self, sink: AlertSink, alert: Alert) -> None:
        """On the sink's thread, after the delivery, if there was one."""
        if self._standing[sink].pop(alert.id, None) is not None and isinstance(sink, SupportsEnded):
            self._attempt(sink, partial(sink.ended, alert), count=True, counts_success=False)

    def _end_all(self, sink: AlertSink) -> None:
        for standing in list(self._standing[sink].values()):
            now = standing.now()
            at = max(now, self._shown_at.get(standing.alert.camera, now)) if self._inline else now
            self._end(sink, replace(standing.alert, ended_at=at))

    def _attempt(
        self, sink: AlertSink, tell: Callable[[], None], *, count: bool = False, counts_success: bool = True
    ) -> str:
        """`delivered`, `kept` (not delivered yet) or `failed`; set on the board, and logged when that changes.

        `count`: count the outcome, too; a success only with `counts_success`.
        """
        problem, outcome = None, "delivered"
        try:
            tell()
        except AlertKept as e:
            problem, outcome = str(e), "kept"
        except AlertError as e:
            problem, outcome = str(e), "failed"
        if problem is not None and sink not in self._broken:
            what_happens = "kept" if outcome == "kept" else "only counted"
            log.error("%s; further alerts are %s until it works", problem, what_happens)
            self._broken.add(sink)
        if problem is None and sink in self._broken:
            log.info("%s: works again", sink.name)
            self._broken.discard(sink)
        if count and (counts_success or problem is not None):
            self._board.count_alert(sink.name, outcome)
        route = self._routes[sink]
        self._board.set_sink_status(route.name, route.cameras, problem)
        return outcome


def _is_audible(sink: AlertSink) -> bool:
    return isinstance(sink, SupportsQuiet) and sink.audible


@dataclass(frozen=True, slots=True)
class _Standing:
    """An alert that a sink delivered and that is not over; `now` gives the time on its clock."""

    alert: Alert
    now: Callable[[], float]


class _Delivery:
    """One alert on its way through several sinks."""

    def __init__(
        self, at: float, sinks: int, on_done: OnDone, on_outcomes: OnOutcomes, *, inline: bool
    ) -> None:
        self._at = at
        self._open = sinks
        self._on_done = on_done
        self._on_outcomes = on_outcomes
        self._outcomes: dict[str, str] = {}
        self._inline = inline
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._delivered_at: float | None = None

    def now(self) -> float:
        """The time on the camera's clock, which may be a clip's; inline, no time passes."""
        return self._at + (0.0 if self._inline else time.monotonic() - self._started)

    def done(self, sink: str, outcome: str) -> None:
        with self._lock:
            self._outcomes[sink] = outcome
            if outcome in DELIVERED:
                self._delivered_at = self.now()
            self._open -= 1
            if self._open:
                return
        self._on_outcomes(self._outcomes, self._delivered_at is not None)
        self._on_done(self._delivered_at)
