"""Who looked at what, written into the events by a thread of its own."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Self
from uuid import uuid4

from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.platform.clock import utc_now

MAX_WAITING = 2000
AT_ONCE = 200
MAX_TARGET = 200  # characters

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What somebody did. Pages may note others of their own."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word of the log
    REFUSED = "refused"
    OPENED = "opened"
    FETCHED = "fetched"


class AccessLog:
    """Notes at once and stores later, by `add`. What cannot be stored is counted and told in the log.

    Its thread runs while the `with` block does.
    """

    def __init__(self, add: Callable[[Sequence[Event]], None]) -> None:
        self._add = add
        self._waiting: queue.Queue[Event | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._body, name="access log", daemon=True)
        self._lost = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join(5)

    def note(self, user: str, address: str, action: str, target: str) -> None:
        """Somebody did something. Never waits."""
        data = {"user": user, "address": address, "action": str(action), "target": target[:MAX_TARGET]}
        event = Event(uuid4().hex, EventKind.ACCESS, utc_now().timestamp(), data=data)
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._lost += 1

    def _body(self) -> None:
        while (first := self._waiting.get()) is not None:
            events = [first]
            ends = False
            while len(events) < AT_ONCE and not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    ends = True
                    break
                events.append(more)
            self._store(events)
            if ends:
                return

    def _store(self, events: Sequence[Event]) -> None:
        try:
            self._add(events)
        except EventError as e:
            self._lost += len(events)
            log.warning("access log: %s", e)
        lost, self._lost = self._lost, 0
        if lost:
            log.warning("access log: %d entries were not written", lost)
