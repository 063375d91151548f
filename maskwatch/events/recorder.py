"""Takes events from any thread without holding it up, and stores them on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Self

from maskwatch.core.errors import EventError, EventsDamaged
from maskwatch.core.events import Event, EventKind, EventLogStatus
from maskwatch.core.text import pluralize
from maskwatch.events import sqlite
from maskwatch.events.forwarder import Forwarder
from maskwatch.events.retention import Retention
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.pipeline.event_feed import ended, service_event
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.backoff import backoff_s
from maskwatch.platform.files import locked

log = logging.getLogger(__name__)

MAX_WAITING = 10_000  # about 10 MB
BATCH = 500
TICK_S = 1.0
TIDY_S = 60.0  # the limits are looked after so often,
TIDY_STEP_S = 0.05  # and while there is something to do, so often
CHECK_S = 86_400.0  # damage may lie where nothing is read or written
ALIVE_S = 20.0  # so often it is noted that the service lives: a crash is known as exactly
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0  # between two attempts after a failure
CLOSE_S = 3.0
LOCK = ".recording"
ALIVE = "alive"  # a Unix time among the database's notes, while a service runs
OWN_KINDS = frozenset(EventKind) - {EventKind.SETTINGS, EventKind.ACCESS}  # the console is another process


class Recorder:
    """The port `EventLog`. While its block runs, a thread stores what is recorded, keeps to the limits, and notes that it lives.

    What cannot be stored waits in memory, up to `MAX_WAITING` events, and is tried again; beyond that, it is counted as lost.
    A database that is damaged is put aside, and a new one begun. What the service before left open, as it was killed, is
    closed at the time at which it is known to have lived, unless another service is at work in that folder. All of it is
    told to the board, and in the log once.

    `on_open` is called once, on the thread, before anything is stored. `before` is the recorder whose place this one takes:
    its block is over before this one's begins.
    """

    def __init__(
        self,
        retention: Retention,
        site: str,
        board: Board,
        on_crash: Callable[[BaseException], None],
        *,
        forwarder: Forwarder | None = None,
        on_open: Callable[[EventStore], None] = lambda _: None,
        before: "Recorder | None" = None,
    ) -> None:
        self._retention = retention
        self._site = site
        self._board = board
        self._on_crash = on_crash
        self._forwarder = forwarder
        self._on_open = on_open
        self._before = before
        self._follows = before is not None
        self._has_successor = False
        self._changed = threading.Condition()
        self._waiting: dict[str, Event] = {}  # by id: only the last state of an event counts
        self._stopping = False
        self._store: EventStore | None = None
        self._is_begun = self._has_folder = False
        self._held = ExitStack()
        self._problem: str | None = None
        self._failures = 0
        self._stored = self._lost = self._lost_before = 0
        self._lost_told = False
        self._tidied_s = self._noted_s = float("-inf")
        self._checked_s = time.monotonic()
        self._has_more_to_tidy = False
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def __enter__(self) -> Self:
        if self._before is not None:
            self._waiting = self._before.left() | self._waiting
            self._before = None
        self._thread.start()
        if self._forwarder:
            self._forwarder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Store what waits, not for long."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(CLOSE_S)
        if self._forwarder:
            self._forwarder.__exit__(kind, error, trace)
        if self._waiting and not self._has_successor:
            log.error("events: %s could not be stored", pluralize(len(self._waiting), "event"))

    def record(self, event: Event) -> None:
        """Take note of an event, or of how one is now. Never waits and never fails."""
        with self._changed:
            if len(self._waiting) >= MAX_WAITING and event.id not in self._waiting:
                self._lost += 1
            else:
                self._waiting[event.id] = replace(event, site=self._site)
            self._changed.notify_all()

    def left(self) -> dict[str, Event]:
        """What could not be stored, by its id; for a successor."""
        with self._changed:
            return dict(self._waiting)

    def will_be_followed(self) -> None:
        """Another takes what is left at the end."""
        self._has_successor = True

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._round()
                self._wait()
            self._round()
            with self._held:
                self._end()
        except BaseException as e:  # noqa: BLE001 - raised again in the main thread, by the pipeline
            self._on_crash(e)

    def _end(self) -> None:
        try:
            if self._store is not None:
                if self._has_folder and not self._has_successor and not self._waiting:
                    self._store.set_note(ALIVE, None)
                self._store.close()
        except EventError as e:
            log.warning("%s", e)

    def _wait(self) -> None:
        with self._changed:
            if self._problem is not None:
                pause_s = backoff_s(self._failures, FIRST_PAUSE_S, LONGEST_PAUSE_S)
                self._changed.wait_for(lambda: self._stopping, pause_s)
            else:
                pause_s = TIDY_STEP_S if self._has_more_to_tidy else TICK_S
                self._changed.wait_for(lambda: self._stopping or bool(self._waiting), pause_s)

    def _round(self) -> None:
        """Store what waits, and see to the rest."""
        problem: str | None = None
        try:
            store = self._opened()
            while self._store_some(store):
                self._report()
            self._look_after(store)
        except EventsDamaged as e:
            problem = self._begin_anew(str(e))
        except EventError as e:
            problem = str(e)
        self._note(problem)
        self._report()

    def _opened(self) -> EventStore:
        store = self._store = self._store or EventStore.in_folder(self._retention.folder)
        if not self._is_begun:
            self._on_open(store)
            if self._is_alone():
                self._close_what_was_cut_off(store)
            self._is_begun = True
        return store

    def _is_alone(self) -> bool:
        """Whether no other service keeps its events in that folder; from now on this one does."""
        folder = self._retention.folder
        try:
            if not self._has_folder:
                self._held.enter_context(locked(folder / LOCK, wait=False))
                self._has_folder = True
        except BlockingIOError:
            log.warning(
                "events: %s: another service keeps its events there; give each its own folder", folder
            )
        except OSError as e:
            raise EventError(f"events: {folder}: {e.strerror}") from e
        return self._has_folder

    def _close_what_was_cut_off(self, store: EventStore) -> None:
        """What the service before did not see the end of, as it was killed; and that it was."""
        alive_at = store.note(ALIVE)
        if alive_at is not None and not self._follows:
            store.check()
        last = store.find(EventFilter(kinds=OWN_KINDS), limit=1)
        last_at = min(time.time(), max([alive_at or 0.0, *(event.at for event in last)]))
        closed = [ended(event, max(event.at, last_at), cut_off=True) for event in store.ongoing()]
        if alive_at is not None and not self._follows:
            closed.append(service_event("stopped", last_at, cut_off=True))
        store.add([replace(event, site=event.site or self._site) for event in closed])
        store.set_note(ALIVE, time.time())
        self._noted_s = time.monotonic()

    def _store_some(self, store: EventStore) -> bool:
        """Gives whether there was something to store."""
        with self._changed:
            batch = list(islice(self._waiting.items(), BATCH))
        store.add([event for _, event in batch])
        with self._changed:
            for event_id, event in batch:
                if self._waiting[event_id] is event:  # it may have changed meanwhile
                    del self._waiting[event_id]
        self._stored += len(batch)
        return bool(batch)

    def _look_after(self, store: EventStore) -> None:
        now_s = time.monotonic()
        if self._has_folder and now_s - self._noted_s >= ALIVE_S:
            store.set_note(ALIVE, time.time())
            self._noted_s = now_s
        if now_s - self._checked_s >= CHECK_S:
            self._checked_s = now_s
            store.check()
        if self._has_more_to_tidy or now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._has_more_to_tidy = self._retention.step(store, time.time())

    def _begin_anew(self, why: str) -> str | None:
        """Put the damaged database aside; gives why that is not possible, None when it was."""
        if self._store is not None:
            self._store.close()
        self._store, self._is_begun, self._noted_s = None, False, float("-inf")
        try:
            aside = sqlite.put_aside(self._retention.folder / sqlite.FILE)
        except EventError as e:
            return str(e)
        log.error("%s; it is put aside as %s, and a new one is begun", why, aside.name)
        return None

    def _note(self, problem: str | None) -> None:
        """Say once that nothing is stored, once that something was lost by it, and once that it works again."""
        self._failures = 0 if problem is None else self._failures + 1
        if problem is not None and self._problem is None:
            log.error("%s; further events wait in memory until it works", problem)
        if self._lost > self._lost_before and not self._lost_told:
            log.error("events: no more can wait in memory; further ones are only counted")
            self._lost_told = True
        if problem is None and self._problem is not None:
            lost = self._lost - self._lost_before
            log.info("events: are stored again%s", f"; {pluralize(lost, 'event')} were lost" if lost else "")
            self._lost_before, self._lost_told = self._lost, False
        self._problem = problem

    def _report(self) -> None:
        copier = self._forwarder
        status = EventLogStatus(
            len(self._waiting),
            self._stored,
            self._lost,
            self._problem,
            None if copier is None else copier.waiting,
            None if copier is None else copier.problem,
        )
        self._board.set_events(status)
