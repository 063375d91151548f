"""From a rule's alert to the sinks and back: the rule learns whether it was delivered; board and events show it."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from maskwatch.core.ports import AlertRule
from maskwatch.core.records import Alert
from maskwatch.pipeline.announcer import Announcer, sink_routes
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.event_feed import EventFeed
from maskwatch.pipeline.status_board import Board

log = logging.getLogger(__name__)


class ResultListener(Protocol):
    """Is told whether an alert was delivered."""

    def delivered(self, at: float) -> None:
        """It reached people at `at`, on the camera's clock."""
        ...

    def failed(self) -> None:
        """It reached nobody."""
        ...


class _BoardEntry:
    """Removes an alert that reached nobody from the board; a delivered one stays there until it is over."""

    def __init__(self, board: Board, alert: Alert) -> None:
        self._board = board
        self._alert = alert

    def delivered(self, at: float) -> None:
        pass

    def failed(self) -> None:
        self._board.remove_standing(self._alert)


class Alerting:
    """Passes alerts and their ends to the sinks. All methods are for the engine's thread, as rules are not thread-safe.

    `feed`, which gets what the event log records, may be set before the first alert.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        board: Board,
        on_crash: Callable[[BaseException], None],
        *,
        inline: bool,
    ) -> None:
        self._board = board
        self._announcer = Announcer(sink_routes(cameras), board, on_crash, inline=inline)
        self._results: deque[tuple[ResultListener, float | None]] = (
            deque()
        )  # from the sinks' threads to the rules
        self.feed: EventFeed | None = None

    def announce(self, camera: Camera, alert: Alert, rule: AlertRule) -> None:
        """Deliver an alert. A withheld one is delivered to nobody, and the rule goes on as if it had been."""
        announcement = camera.effect.announcement(alert) if camera.effect else None
        listeners: list[ResultListener] = [rule] if announcement is None else [rule, announcement]
        if self.feed is not None:
            self.feed.on_alert(alert)
        if alert.withheld:
            log.info("%s: an announcement is withheld (alert.withhold_share)", camera.name)
            self._results.append((rule, alert.at))
            return
        shown = replace(alert, frame=None)
        self._board.add_standing(shown)
        listeners.append(_BoardEntry(self._board, shown))

        def on_outcomes(sinks: Mapping[str, str], delivered: bool) -> None:  # noqa: FBT001
            if self.feed is not None:
                self.feed.on_outcomes(alert, sinks, delivered)

        self._announcer.announce(
            alert,
            camera.sinks_for(alert),
            lambda at: self._results.extend((each, at) for each in listeners),
            on_outcomes,
        )

    def announce_ends(self, camera: Camera, rule: AlertRule) -> None:
        """Tell the sinks that delivered alerts of the rule which of these are over."""
        while (over := rule.ended()) is not None:
            self._board.remove_standing(over)
            if self.feed is not None:
                self.feed.on_ended(over)
            self._announcer.announce_end(over, camera.sinks_for(over))

    def deliver_results(self) -> None:
        """Tell the rules which of their alerts were delivered, and which failed, since the last call."""
        while self._results:
            listener, delivered_at = self._results.popleft()
            if delivered_at is None:
                listener.failed()
            else:
                listener.delivered(delivered_at)

    def note_time(self, camera: str, at: float) -> None:
        """Note how far a camera's footage is; see `Announcer.note_time`."""
        self._announcer.note_time(camera, at)

    def probe(self, now_s: float) -> None:
        """Try sinks that failed again, from time to time; see `Announcer.probe`."""
        self._announcer.probe(now_s)

    def close(self, timeout_s: float) -> None:
        """Deliver what waits, for at most `timeout_s`, and end the feed."""
        self._announcer.close(timeout_s)
        if self.feed is not None:
            self.feed.close()
