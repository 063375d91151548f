"""One camera's frames into its mailbox; a live camera is opened again for as long as the service runs."""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from maskwatch.core.board import Board
from maskwatch.core.errors import SourceError
from maskwatch.core.mailbox import Mailbox
from maskwatch.core.ports import Source
from maskwatch.core.records import CameraState, Frame

log = logging.getLogger(__name__)

BACKOFF_S = (0.3, 0.6, 1.2, 2.4)  # the last holds: a camera is back within 5 s of its return
JITTER = 0.25  # so that many cameras behind one switch do not come at once


class Capture:
    """The body of a capture thread. `error` is why a source that is not live broke off, None if it did not."""

    def __init__(
        self, camera: str, source: Source, mailbox: Mailbox, board: Board, *, quiet: bool = False
    ) -> None:
        # a replay raises its error, and tells it once
        self._up_level, self._down_level = (logging.DEBUG,) * 2 if quiet else (logging.INFO, logging.WARNING)
        self._camera = camera
        self._source = source
        self._mailbox = mailbox
        self._board = board
        self._stop = threading.Event()
        self._failures = 0
        self.error: SourceError | None = None

    def stop(self) -> None:
        self._stop.set()
        self._mailbox.close()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._one_connection()
                break
            except SourceError as e:
                self._report_down(e)
                if not self._source.live:
                    self.error = e
                    break
                self._stop.wait(self._pause_s())
        if self.error is None:
            self._board.state(self._camera, CameraState.ENDED)
        self._mailbox.end()

    def _one_connection(self) -> None:
        with closing(self._source.frames()) as frames:
            for frame in frames:
                self._report_up()
                if self._stop.is_set() or not self._mailbox.put(_arrived(frame)):
                    return
                self._board.captured(self._camera, self._mailbox.dropped)
        if self._source.live:
            raise SourceError(f"{self._source.name}: gives no more frames")

    def _report_up(self) -> None:
        if self._board.snapshot().cameras[self._camera].state is not CameraState.UP:
            self._failures = 0
            self._board.state(self._camera, CameraState.UP)
            log.log(self._up_level, "%s: up (%s)", self._camera, self._source.name)

    def _report_down(self, error: SourceError) -> None:
        """Say it once, not at every attempt."""
        if self._board.snapshot().cameras[self._camera].state is not CameraState.DOWN:
            log.log(self._down_level, "%s: down: %s", self._camera, error)
        self._board.state(self._camera, CameraState.DOWN, str(error))

    def _pause_s(self) -> float:
        pause_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        return pause_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def _arrived(frame: Frame) -> Frame:
    return replace(frame, arrived_s=time.monotonic())


def start(capture: Capture, name: str, on_crash: Callable[[BaseException], None]) -> threading.Thread:
    """Run it on a thread of its own; what it did not expect goes to `on_crash`."""

    def body() -> None:
        try:
            capture.run()
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            on_crash(e)

    thread = threading.Thread(target=body, name=f"capture {name}", daemon=True)
    thread.start()
    return thread
