"""Frames into the sample queue: the camera's selection picks them, also after second looks, and a thread writes them."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from maskwatch.core.errors import QueueError, QueueFull
from maskwatch.core.ports import SampleStore
from maskwatch.core.records import Coverage, Frame, FrameReport
from maskwatch.core.selection import Pick
from maskwatch.pipeline.camera import Camera, CameraModels
from maskwatch.pipeline.second_look import SecondLooks
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.worker import Worker

log = logging.getLogger(__name__)

STORE_WAITING = 8  # samples that may wait for the disk
TIDY_S = 60.0  # between two times that the queue is kept to its limits
REMEMBERED = 64  # last stored frames, so that none is stored twice


class Sampling:
    """Stores samples. `inline`, as in a replay, everything is done at once and on the caller's thread.

    `is_behind` says whether other frames wait; then there is no second look. Without a `store` nothing is done.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        store: SampleStore | None,
        board: Board,
        on_crash: Callable[[BaseException], None],
        is_behind: Callable[[], bool],
        *,
        inline: bool,
    ) -> None:
        self._cameras = cameras
        self._store = store
        self._board = board
        self._is_behind = is_behind
        self._inline = inline
        self._second_looks = SecondLooks(cameras, on_crash, inline=inline)
        self._writer = Worker("queue", capacity=STORE_WAITING, on_crash=on_crash, inline=inline)
        self._tidied_s = -TIDY_S
        self._problem: QueueError | None = None
        self._stored: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)  # cameras and their frames' numbers

    @property
    def is_looking_again(self) -> bool:
        """Whether a second look is under way, which may go on for seconds."""
        return self._second_looks.is_busy

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Use other models for second looks from now on."""
        self._second_looks.swap(models)

    def take(self, frame: Frame, report: FrameReport) -> str | None:
        """Store the frame, or earlier ones, if the camera's selection picks them.

        Returns the sample's id in a replay, where it is known at once; else None, as the disk comes later.
        """
        camera = self._cameras[frame.camera]
        if camera.selection is None or self._store is None or report.look is Coverage.CARRIED:
            return None
        picks = camera.selection.update(frame, report)
        if all(pick.frame is not frame for pick in picks) and (self._inline or not self._is_behind()):
            self._second_looks.consider(frame, report)
        return self.store((*picks, *self._second_looks.picks()))

    def store(self, picks: Iterable[Pick]) -> str | None:
        """Store frames; returns the last sample's id as `take` does."""
        stored: list[str] = []
        for pick in picks if self._store is not None else ():
            self._stored.append((pick.frame.camera, pick.frame.seq))
            if not self._writer.submit(lambda pick=pick: stored.extend(self._add(pick))):  # type: ignore[misc]
                self._board.count_queued(stored=False)
        return stored[-1] if stored and self._inline else None

    def store_new(self, picks: Iterable[Pick]) -> None:
        """Store those frames that were not stored just before for another reason."""
        self.store(p for p in picks if (p.frame.camera, p.frame.seq) not in self._stored)

    def tidy_now_and_then(self) -> None:
        """Keep the store to its limits, every `TIDY_S` seconds; never in a replay."""
        now_s = time.monotonic()
        if self._store is not None and not self._inline and now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._writer.submit(self.tidy)

    def tidy(self) -> None:
        """Keep the store to its limits, on this thread; board and log say what is wrong with it."""
        assert self._store is not None
        try:
            self._store.tidy()
        except QueueError as e:
            self._note_problem(e)
        else:
            if isinstance(
                self._problem, QueueFull
            ):  # whether other problems are over, only the next sample shows
                self._note_problem(None)
        self._board.set_notice("queue", self._store.notice)

    def close(self, timeout_s: float) -> None:
        """Finish a second look that is under way and store what waits; at most `timeout_s` for each."""
        self._second_looks.close(timeout_s)
        self._writer.close(timeout_s)

    def _add(self, pick: Pick) -> list[str]:
        assert self._store is not None
        try:
            sample = self._store.add(pick.frame, pick.report, pick.reasons)
        except QueueError as e:
            self._note_problem(e)
            self._board.count_queued(stored=False)
            return []
        finally:
            self._board.set_notice("queue", self._store.notice)
        self._note_problem(None)
        self._board.count_queued(stored=True)
        return [sample]

    def _note_problem(self, problem: QueueError | None) -> None:
        """Log once that no samples are stored, and once that they are stored again."""
        if problem is not None and self._problem is None:
            log.error("%s; further samples are only counted until it works", problem)
        if problem is None and self._problem is not None:
            log.info("queue: stores samples again")
        self._problem = problem
        self._board.set_store_problem(None if problem is None else str(problem))
