"""One camera's frames into its mailbox; a source that breaks off is opened again for as long as the service runs."""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from maskwatch.core.errors import SourceError, SourceRefused
from maskwatch.core.ports import Frames, Source, SupportsIdle
from maskwatch.core.records import CameraState, Frame
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.resources import require_resources

log = logging.getLogger(__name__)

# pauses before the next tries; the last one repeats
BACKOFF_S = (0.3, 0.6, 1.2, 2.4)  # a camera is watched again within 5 s of its return
REFUSED_BACKOFF_S = (60.0, 120.0, 300.0, 600.0)  # cameras lock out users who try wrong passwords
FOOTAGE_BACKOFF_S = (3.0, 6.0, 12.0, 60.0, 300.0)  # a file is read again from its beginning
JITTER = 0.25  # so that many cameras behind one switch do not reconnect at once
SHORT_S = 10.0  # a connection that breaks off sooner was a short one
SHORT_ONES = 3  # after so many short ones in a row, further ones are not logged


class Capture:
    """The body of a capture thread.

    A source that breaks off is opened again, however often. In a `replay` it ends instead, and `error` says why; None if
    it did not break off.
    """

    def __init__(
        self, camera: str, source: Source, mailbox: Mailbox, board: Board, *, replay: bool = False
    ) -> None:
        self._camera = camera
        self._source = source
        self._mailbox = mailbox
        self._board = board
        self._replay = replay
        self._state_log = _StateLog(camera, quiet=replay)  # a replay raises its error, and tells it once
        self._stop = threading.Event()
        self._failures = 0
        self._refused = False
        self.error: SourceError | None = None
        if isinstance(source, SupportsIdle):
            source.on_idle(self._report_idle)

    def stop(self) -> None:
        """Ask `run` to return after the frame that it waits for. Thread-safe."""
        self._stop.set()
        self._mailbox.close()

    def run(self) -> None:
        """Read frames until the source ends or `stop` is called; errors of the source are reported, not raised.

        Raises `OutOfResources` when the source broke off because this process has no memory or threads left.
        """
        while not self._stop.is_set():
            try:
                self._one_connection()
                break
            except SourceError as e:
                require_resources()  # else the camera would never come back, though it works
                if self._replay:
                    self._report_down(e)
                    self.error = e
                    break
                news = isinstance(e, SourceRefused) and not self._refused  # somebody has to act
                pause_s = self._pause_s(e)
                self._report_down(_with_pause(e, pause_s), news=news)
                self._stop.wait(pause_s)
        if self.error is None:
            self._board.set_camera_state(self._camera, CameraState.ENDED)
            if not self._replay and not self._stop.is_set():
                log.info("%s: has come to its end", self._camera)
        self._mailbox.end()

    def _one_connection(self) -> None:
        with closing(self._source.frames()) as frames:
            for frame in _given(frames, self._source.name):
                self._report_up()
                if self._stop.is_set() or not self._mailbox.put(_arrived(frame)):
                    return
                self._board.count_captured(self._camera, self._mailbox.dropped)
        if self._source.live:
            raise SourceError(f"{self._source.name}: gives no more frames")

    def _report_up(self) -> None:
        if self._board.camera_state(self._camera) is not CameraState.UP:
            self._failures = 0
            self._board.set_camera_state(self._camera, CameraState.UP)
            self._state_log.up(self._source.name, time.monotonic())
        self._state_log.still_up(time.monotonic())

    def _report_idle(self) -> None:
        self._report_up()
        self._board.note_idle(self._camera)

    def _report_down(self, error: SourceError, *, news: bool = False) -> None:
        if news or self._board.camera_state(self._camera) is not CameraState.DOWN:
            self._state_log.down(error, time.monotonic())
        self._board.set_camera_state(self._camera, CameraState.DOWN, str(error))

    def _pause_s(self, error: SourceError) -> float:
        backoff_s = BACKOFF_S if self._source.live else FOOTAGE_BACKOFF_S
        if isinstance(error, SourceRefused):
            self._failures = self._failures if self._refused else 0
            backoff_s = REFUSED_BACKOFF_S
        self._refused = isinstance(error, SourceRefused)
        pause_s = backoff_s[min(self._failures, len(backoff_s) - 1)]
        self._failures += 1
        return pause_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


class _StateLog:
    """Logs the changes of a camera's state, but not every one of a camera that keeps disconnecting."""

    def __init__(self, camera: str, *, quiet: bool) -> None:
        self._up_level, self._down_level = (logging.DEBUG,) * 2 if quiet else (logging.INFO, logging.WARNING)
        self._camera = camera
        self._up_at: float | None = None
        self._short_ones = 0

    def up(self, source: str, now_s: float) -> None:
        self._up_at = now_s
        if self._short_ones < SHORT_ONES:
            log.log(self._up_level, "%s: up (%s)", self._camera, source)

    def still_up(self, now_s: float) -> None:
        if self._short_ones and self._up_at is not None and now_s - self._up_at >= SHORT_S:
            if self._short_ones >= SHORT_ONES:
                log.log(self._up_level, "%s: stays connected again", self._camera)
            self._short_ones = 0

    def down(self, error: SourceError, now_s: float) -> None:
        was_short = self._up_at is not None and now_s - self._up_at < SHORT_S
        self._short_ones = self._short_ones + 1 if was_short else 0
        if self._short_ones < SHORT_ONES:
            log.log(self._down_level, "%s: down: %s", self._camera, error)
        elif self._short_ones == SHORT_ONES:
            again = "keeps disconnecting; not reported again until it stays connected"
            log.log(self._down_level, "%s: %s: %s", self._camera, again, error)


def _given(frames: Frames, name: str) -> Frames:
    """The frames; errors that a decoder raises for bad data become `SourceError`."""
    try:
        yield from frames
    except (MemoryError, ValueError, ArithmeticError) as e:
        raise SourceError(
            f"{name}: {type(e).__name__}: {' '.join(str(e).split()) or 'no more is known'}"
        ) from e


def _with_pause(error: SourceError, pause_s: float) -> SourceError:
    """The error; for a refused password, its message also says when the next try is."""
    if not isinstance(error, SourceRefused):
        return error
    return SourceError(f"{error}; tried again in {pause_s:.0f} s, or after a reload at once")


def _arrived(frame: Frame) -> Frame:
    return replace(frame, arrived_s=time.monotonic())


def start(capture: Capture, name: str, on_crash: Callable[[BaseException], None]) -> threading.Thread:
    """Run it on a thread of its own; errors that it does not handle go to `on_crash`."""

    def body() -> None:
        try:
            capture.run()
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            on_crash(e)

    thread = threading.Thread(target=body, name=f"capture {name}", daemon=True)
    thread.start()
    return thread
