"""The last frame and minute of each camera, for people who look. Only references are kept, so it costs next to nothing."""

import time
from collections import deque
from collections.abc import Iterable

from maskwatch.core.records import Decision, FrameReport

MINUTE_S = 60.0
MAX_REPORTS = 1500  # 25 a second
ASKED_S = 10.0  # for so long after the last question a camera's frames (megabytes each) are kept
PAUSE_S = 0.02


class Latest:
    """Each camera's last decision, with its frame while somebody looks, and the reports of its last minute.

    Thread-safe, but `update` is for the engine's thread.
    """

    def __init__(self, cameras: Iterable[str]) -> None:
        self._reports: dict[str, deque[FrameReport]] = {name: deque(maxlen=MAX_REPORTS) for name in cameras}
        self._decisions: dict[str, Decision] = {}
        self._asked_s = dict.fromkeys(self._reports, -ASKED_S)

    def update(self, decision: Decision) -> None:
        """Remember a decision."""
        camera = decision.report.camera
        reports = self._reports[camera]
        reports.append(decision.report)
        # footage that begins anew has a clock that jumps back
        while not 0 <= decision.report.at - reports[0].at <= MINUTE_S:
            reports.popleft()
        if time.monotonic() - self._asked_s[camera] < ASKED_S:
            self._decisions[camera] = decision
        else:
            self._decisions.pop(camera, None)

    def decision(self, camera: str, wait_s: float = 0.0) -> Decision | None:
        """The last decision, waited for where nobody looked before; None when none came within `wait_s`."""
        until_s = time.monotonic() + wait_s
        self._asked_s[camera] = time.monotonic()
        while (found := self._decisions.get(camera)) is None and time.monotonic() < until_s:
            time.sleep(PAUSE_S)
        return found

    def reports(self, camera: str) -> tuple[FrameReport, ...]:
        """Those of the last minute, by the frames' own clock, in order."""
        return tuple(self._reports.get(camera, ()))
