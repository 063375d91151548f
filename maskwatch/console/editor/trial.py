"""The recorded last minute of a camera, judged by a draft."""

import asyncio
from collections import deque
from collections.abc import Sequence

from maskwatch.console.editor.draft import Variant
from maskwatch.console.editor.port import SettingsEditor
from maskwatch.console.service_client import ServiceClient
from maskwatch.core.records import FrameReport
from maskwatch.core.what_if import Course, WhatIf

MINUTE_S = 60.0
UNIX_S = 1e9  # a frame's time from here on is Unix time, before it a clip's own
MAX_SEEN = 64  # frames whose picture may come later than their report


class Trial:
    """Follows one camera for one page. While `held`, the recorded minute stays as it is; live frames go on.

    Not for several tasks at once.
    """

    def __init__(self, service: ServiceClient, settings: SettingsEditor, camera: str) -> None:
        self.camera = camera
        self.held = False
        self._service = service
        self._settings = settings
        self._latest: deque[FrameReport] = deque()
        self._minute: Sequence[FrameReport] = ()
        self._live: WhatIf | None = None
        self._seen: dict[int, FrameReport] = {}

    async def follow(self) -> None:
        """Fetch the reports since the last call. Raises `ServiceError`."""
        after = self._latest[-1].at if self._latest else None
        new = await self._service.minute(self.camera, after)
        if new and after is not None and new[0].at <= after:
            self._latest.clear()  # the clock was set back, or the footage begins anew
            self._live = None
        self._latest.extend(new)
        while self._latest and self._latest[-1].at - self._latest[0].at > MINUTE_S:
            self._latest.popleft()
        if not self.held:
            self._minute = tuple(self._latest)
        if self._live is not None and new:
            live = self._live
            self._note(await asyncio.to_thread(lambda: [live.update(report) for report in new]))

    async def courses(self, before: Variant, after: Variant) -> tuple[Course, Course]:
        """The minute judged by `before` and by `after`, which also judges live frames from now on. Raises `ConfigError`."""
        minute, latest = self._minute, tuple(self._latest)

        def both() -> tuple[Course, Course, WhatIf, list[FrameReport]]:
            live = self._made(after)
            seen = [live.update(report) for report in latest]
            tried = live.course if minute == latest else self._made(after).run(minute)
            return self._made(before).run(minute), tried, live, seen[-MAX_SEEN:]

        now, tried, self._live, seen = await asyncio.to_thread(both)
        self._seen = {}
        self._note(seen)
        return now, tried

    def tried(self, report: FrameReport) -> FrameReport:
        """A frame's report as judged by the draft; unchanged where that is not known."""
        return self._seen.get(report.seq, report)

    def _note(self, reports: Sequence[FrameReport]) -> None:
        self._seen |= {report.seq: report for report in reports}
        for old in list(self._seen)[:-MAX_SEEN]:
            del self._seen[old]

    def _made(self, tried: Variant) -> WhatIf:
        live = bool(self._latest) and self._latest[-1].at >= UNIX_S
        return self._settings.what_if(self.camera, tried.places, tried.thresholds, live=live)
