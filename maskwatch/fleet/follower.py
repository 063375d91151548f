"""The thread in which a service follows its fleet, beside its cameras."""

import logging
import random
import threading
import time
from collections.abc import Callable

from maskwatch.core.errors import FleetUnreachable, MaskwatchError, WrongAnswer
from maskwatch.fleet.member import Member
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform.background import BackgroundThread

log = logging.getLogger(__name__)

ABOUT = "fleet"
NOT_FOLLOWED = "fleet not followed"  # what the metrics look for
MAX_PASSED_OVER = 11  # times that are passed over after attempts that failed
WELL_AFTER_S = 600.0  # a service that has run for so long does not crash because of its models


class FleetFollower(BackgroundThread):
    """While the block runs, a thread looks each `every_s`, and seldomer at a fleet that cannot be reached.

    What is wrong is logged once, and stands on the board as long as it lasts; the models that serve go on.
    """

    def __init__(self, member: Member, pipeline: Pipeline, every_s: float, stopping: threading.Event) -> None:
        super().__init__("fleet", pipeline.fail, stopping=stopping)  # a download looks at that, too
        self._member = member
        self._pipeline = pipeline
        self._every_s = every_s
        self._problem: Exception | None = None
        self._cannot_report = False

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if error[0] is None and not self._thread.is_alive():
            self._try(self._member.note_well)

    def body(self) -> None:
        """Look again and again until the end."""
        begun_s, failures, passed_over = time.monotonic(), 0, 0
        pause_s = 0.0
        while not self.pause(pause_s):
            asks = passed_over >= min(2**failures - 1, MAX_PASSED_OVER)
            passed_over = 0 if asks else passed_over + 1
            failures = self.look(asks=asks, failures=failures)
            if time.monotonic() - begun_s > WELL_AFTER_S:
                self._try(self._member.note_well)
            # services that were started together do not ask together for ever
            pause_s = self._every_s * random.uniform(0.9, 1.1)  # noqa: S311

    def look(self, *, asks: bool = True, failures: int = 0) -> int:
        """See to the version that serves, and ask the fleet where `asks`. Returns how many attempts in a row have failed."""
        problem = self._try(self._member.watch)
        if problem is None and asks:
            problem = self._try(self._member.follow)
        if problem is not None or asks:
            self._tell(problem)
            failures = 0 if problem is None else min(failures + 1, MAX_PASSED_OVER)
        self._report()
        board, notice = self._pipeline.board, self._notice()
        board.set_notice(NOT_FOLLOWED, f"fleet: {self._problem}" if self._problem else None)
        board.set_notice(ABOUT, f"fleet: {notice}" if notice else None)
        return failures

    def _tell(self, problem: Exception | None) -> None:
        """In the log, what is new: not each time that a fleet cannot be reached, for whatever reason it is this time."""
        before, self._problem = self._problem, problem
        if problem is None:
            if before is not None:
                log.info("the fleet is followed again")
        elif _is_away(problem):
            if not _is_away(before):
                log.warning("the fleet cannot be reached, the models stay as they are: %s", problem)
        elif str(problem) != str(before):
            is_wrong = isinstance(problem, WrongAnswer)
            what = (
                "the fleet's address gives no manifest"
                if is_wrong
                else "the fleet's manifest is not accepted"
            )
            log.warning("%s, the models stay as they are: %s", what, problem)

    def _report(self) -> None:
        try:
            self._member.report(self._problem)
            self._cannot_report = False
        except (MaskwatchError, OSError) as e:
            if not self._cannot_report and self._problem is None:
                log.warning("the fleet cannot be told what serves here: %s", _said(e))
            self._cannot_report = True

    def _notice(self) -> str | None:
        try:
            return self._member.notice()
        except (MaskwatchError, OSError):
            return None  # `watch` tells it

    @staticmethod
    def _try(step: Callable[[], None]) -> Exception | None:
        try:
            step()
        except MaskwatchError as e:
            return e
        except OSError as e:
            return MaskwatchError(_said(e))
        return None


def _is_away(problem: Exception | None) -> bool:
    return isinstance(problem, FleetUnreachable) and not isinstance(problem, WrongAnswer)


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    return str(error)
