"""The long-running service: signals, systemd, and reloads, which replace the pipeline."""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from types import FrameType

from maskwatch import __version__
from maskwatch.core.errors import MaskwatchError
from maskwatch.core.health import STUCK_S
from maskwatch.core.records import CameraState, Status
from maskwatch.core.text import pluralize
from maskwatch.events.recorder import Recorder
from maskwatch.pipeline.event_feed import service_event
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform import malloc
from maskwatch.platform.systemd import notify, watchdog_s
from maskwatch.web.server import WebServer

log = logging.getLogger(__name__)

LOOK_S = 0.2
STATUS_S = 5.0
MODELS_END_S = 15.0  # a second look takes seconds, with the making of its detector


@dataclass(frozen=True, slots=True)
class RunningParts:
    """The parts that run together, built from one reading of the configuration.

    `web` serves HTTP, `private` serves the console, `events` records events; each is None where it is turned off.
    """

    pipeline: Pipeline
    web: WebServer | None = None
    private: WebServer | None = None
    events: Recorder | None = None

    def note(self, state: str, reason: str | None = None) -> None:
        """Keep that the service was `started`, `reloaded` or `stopped`."""
        if self.events is not None:
            self.events.record(service_event(state, time.time(), version=__version__, reason=reason))


class Service:
    """Runs until SIGTERM or SIGINT; SIGHUP builds the parts anew and exchanges them.

    `build` reads the configuration afresh; it gets the parts that run, None at first. When it raises at a
    reload, these go on and the reason is logged. A dead thread's exception is raised by `run`.
    """

    def __init__(self, build: Callable[[RunningParts | None], RunningParts]) -> None:
        self._build = build
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._engines: list[_Engine] = []

    def run(self) -> None:
        """Serve until a signal ends it, or nothing is left to watch. For the main thread alone (signals).

        Raises what the first `build` raises. When a model is still at work at the end, the process exits here
        with 0.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        parts: RunningParts | None = self._build(None)
        state = "started"
        try:
            while parts is not None:
                parts.note(state)
                parts = self._run(parts)
                state = "reloaded"
                self._engines = [engine for engine in self._engines if engine.is_at_work()]
                gc.collect()  # the old models lie in cycles, with their threads and memory
        except BaseException:
            self._wait_for_models()
            raise
        if self._engines:
            # a thread in a model's native code aborts the process when the interpreter ends under it
            log.warning("a model is still at work; ending without it")
            logging.shutdown()
            os._exit(0)

    def _wait_for_models(self) -> None:
        """Until none is at work, so that the process ends with the reason and not with an abort; not for ever."""
        until_s = time.monotonic() + MODELS_END_S
        while any(engine.is_at_work() for engine in self._engines) and time.monotonic() < until_s:
            time.sleep(LOOK_S)

    def _run(self, parts: RunningParts) -> RunningParts | None:
        """Run them to their end; returns their successors after a reload."""
        with parts.events or nullcontext():  # first, so that it hears how all others end
            try:
                successor = self._run_pipeline(parts)
            except BaseException as e:
                # the words of an unknown error may hold anything
                parts.note("stopped", str(e) if isinstance(e, MaskwatchError) else type(e).__name__)
                raise
            if successor is None:
                parts.note("stopped")
            elif parts.events and successor.events:
                parts.events.will_be_followed()
        return successor

    def _run_pipeline(self, parts: RunningParts) -> RunningParts | None:
        pipeline = parts.pipeline
        # the web before the cameras: so many that begin at once leave others little of the processor
        with parts.web or nullcontext(), pipeline, parts.private or nullcontext():
            engine = _Engine(pipeline)
            self._engines.append(engine)
            notify("READY=1", f"STATUS={status_line(pipeline.board.snapshot())}")
            log.info("watching %s", ", ".join(pipeline.board.snapshot().cameras))
            successor = self._watch(parts, engine)
            if successor is None:
                notify("STOPPING=1")
                log.info("stopping" if self._stop.is_set() else "nothing is left to watch: stopping")
            pipeline.stop()
            engine.join()
        return successor

    def _watch(self, parts: RunningParts, engine: "_Engine") -> RunningParts | None:
        feed_s = (watchdog_s() or 2 * STATUS_S) / 3
        fed_at = told_at = 0.0
        while engine.is_alive() and not self._stop.wait(LOOK_S):
            if self._reload.is_set():
                self._reload.clear()
                successor = self._rebuilt(parts)
                if successor is not None:
                    return successor
            now, board = time.monotonic(), parts.pipeline.board
            if now - fed_at >= feed_s and now - board.engine_beat < min(STUCK_S, 3 * feed_s):
                notify("WATCHDOG=1")
                fed_at = now
            if now - told_at >= STATUS_S:
                notify(f"STATUS={status_line(board.snapshot())}")
                malloc.trim()
                told_at = now
        return None

    def _rebuilt(self, parts: RunningParts) -> RunningParts | None:
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            successor = self._build(parts)
        except MaskwatchError as e:
            log.error("the configuration is not reloaded, the old one stays: %s", e)
            notify("READY=1")
            return None
        log.info("the configuration is reloaded")
        return successor

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        (self._reload if number == signal.SIGHUP else self._stop).set()


class _Engine:
    """The engine's thread, and what it ended with."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._body, name="engine", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def is_at_work(self) -> bool:
        """Whether it, or a second look of its pipeline, computes still."""
        return self.is_alive() or self._pipeline.is_looking_again()

    def join(self) -> None:
        """Wait for its end, not for long; raises what it raised."""
        self._thread.join(timeout=2)
        if self._error is not None:
            raise self._error

    def _body(self) -> None:
        try:
            self._pipeline.run()
        except BaseException as e:  # noqa: BLE001 - raised again by join, in the main thread
            self._error = e


def status_line(status: Status) -> str:
    """One line for `systemctl status`."""
    up = sum(camera.state is CameraState.UP for camera in status.cameras.values())
    down = [name for name, camera in status.cameras.items() if camera.state is CameraState.DOWN]
    parts = [f"{up} of {pluralize(len(status.cameras), 'camera')} up"]
    if down:
        parts.append(f"down: {', '.join(down)}")
    parts.append(f"{pluralize(sum(camera.analysed for camera in status.cameras.values()), 'frame')} analysed")
    parts.append(pluralize(sum(status.alerts.values()), "alert"))
    parts.append(f"{pluralize(status.queued, 'sample')} queued")
    parts += [sink.problem for sink in status.sinks if sink.problem is not None]
    if status.store_problem is not None:
        parts.append("no samples are stored now")
    parts += [f"models {status.models}"] if status.models else []
    parts += status.notices.values()
    return ", ".join(parts)
