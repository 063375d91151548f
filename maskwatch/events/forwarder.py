"""Copies a service's events to the database that several services share, and tries again until it succeeds."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from maskwatch.core.errors import EventError
from maskwatch.core.text import pluralize
from maskwatch.events import postgres
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.background import BackgroundThread
from maskwatch.platform.backoff import backoff_s

log = logging.getLogger(__name__)

BATCH = 200
POLL_S = 1.0  # between two looks at what is to be copied
HEARTBEAT_S = 60.0  # between two notes that this service runs
IDLE_S = 10.0  # then a connection over which nothing was copied is closed: a server has few
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # between two attempts after a failure
ATTEMPT_TIMEOUT_S = 30.0  # an attempt of one batch at most that takes longer hangs
INSTANCE = "instance"  # what tells this service's database from others, among its notes


class Forwarder(BackgroundThread):
    """While the block runs, a thread copies the events that the shared database does not have yet.

    An event that changed is copied again. What cannot be copied stays in the service's own database, and is tried
    again; an event that is sent twice is stored once. `waiting` is how many were to be copied at the last look.
    """

    def __init__(
        self, folder: Path, url: SecretStr, site: str, on_crash: Callable[[BaseException], None]
    ) -> None:
        super().__init__("events copier", on_crash)
        self._folder = folder
        self._url = url
        self._site = site
        self._shared = EventStore.shared(url, site)
        self._own: EventStore | None = None
        self._announced_s: float | None = None
        self._instance = ""
        self._failure: str | None = None
        self._clash: str | None = None
        self._indexing: threading.Thread | None = None
        self._begun_s: float | None = None  # the attempt that is under way
        self._copied_s = float("-inf")
        self._is_connected = False
        self.waiting = 0

    @property
    def problem(self) -> str | None:
        """Why events are not copied, or what is wrong although they are; without the password. None when all is well."""
        begun_s = self._begun_s
        if begun_s is not None and time.monotonic() - begun_s > ATTEMPT_TIMEOUT_S:
            return "the server does not answer"  # the connection is open, and nothing comes
        return self._failure or self._clash

    def body(self) -> None:
        """Copy until the block ends; after a failure it pauses, longer each time."""
        failures, pause_s = 0, 0.0
        while not self.pause(pause_s):
            failures = 0 if self._attempt() else failures + 1
            pause_s = _pause_s(failures)
        if not failures:
            self._attempt()  # the events of the service's end
        self._shared.close()
        if self._own:
            self._own.close()

    def _attempt(self) -> bool:
        """Copy all that waits; returns whether it worked. A failure is logged once, and so is the first success after it."""
        failure = None
        try:
            own = self._own = self._own or EventStore.in_folder(self._folder)
            self.waiting = own.count_uncopied()
            self._begun_s = time.monotonic()
            self._announce(own)
            self._copy(own)
            self._release()
        except EventError as e:
            failure = str(e)
            self._announced_s = None  # the server may be another one when it is back
        finally:
            self._begun_s = None
        if failure is not None and self._failure is None:
            log.error("events are not copied to the shared database now, and wait here: %s", failure)
        if failure is None and self._failure is not None:
            log.info("events are copied to the shared database again")
        self._failure = failure
        return failure is None

    def _copy(self, own: EventStore) -> None:
        while self.waiting:
            copies = own.uncopied(BATCH)
            self._begun_s = self._copied_s = time.monotonic()
            self._is_connected = True
            self._shared.copy_in(copies)
            own.note_copied(copies)
            self.waiting = own.count_uncopied() if len(copies) == BATCH else 0

    def _release(self) -> None:
        if self._is_connected and time.monotonic() - self._copied_s >= IDLE_S:
            self._shared.close()
            self._is_connected = False

    def _announce(self, own: EventStore) -> None:
        """Create missing tables, note who writes, and find out whether another service does under the same name."""
        now_s = time.monotonic()
        if self._announced_s is not None and now_s - self._announced_s < HEARTBEAT_S:
            return
        self._is_connected = True
        with self._shared.errors():
            if self._announced_s is None:
                postgres.create_tables(self._shared.engine)
                self._add_indexes()
            with self._shared.begin() as connection:
                clashes = postgres.announce(connection, self._site, self._instance_of(own))
        self._announced_s = now_s
        clash = f"events.site: another service writes as {self._site!r} too" if clashes else None
        if clash is not None and self._clash is None:
            log.warning("%s; nothing is lost, but give each a name of its own", clash)
        self._clash = clash

    def _add_indexes(self) -> None:
        """Create the indexes of this release on a thread of their own, so that copying does not wait for them."""
        if self._indexing is None or not self._indexing.is_alive():
            self._indexing = threading.Thread(target=self._index, name="events indexes", daemon=True)
            self._indexing.start()

    def _index(self) -> None:
        # a store of its own: the thread that copies closes the connections of the other one
        shared = EventStore.shared(self._url, self._site)
        try:
            with shared.errors():
                missing = postgres.add_indexes(shared.engine)
        except EventError as e:
            log.warning("the shared database's indexes could not be made: %s", e)
            return
        finally:
            shared.close()
        if missing:
            log.info("the shared database lacks the indexes %s; its owner can make them", ", ".join(missing))

    def _instance_of(self, own: EventStore) -> str:
        """The id of this service: the same after a restart, and when the database was created anew meanwhile."""
        noted = own.note(INSTANCE)
        self._instance = self._instance or noted or uuid4().hex
        if noted != self._instance:
            own.set_note(INSTANCE, self._instance)
        return self._instance


def check(url: SecretStr, site: str) -> str:
    """Whether events can be written there; what was found. Raises `ConfigError` and `EventError`."""
    shared = EventStore.shared(url, site)
    try:
        with shared.errors():
            postgres.create_tables(shared.engine)
        shared.try_to_write()
        found = shared.count(EventFilter(sites=[site]))  # all of a fleet's take longer than a statement may
    finally:
        shared.close()
    return f"{postgres.place_of(shared.engine.url)}: writable, {pluralize(found, 'event')} of {site}"


def _pause_s(failures: int) -> float:
    return backoff_s(failures, FIRST_PAUSE_S, LONGEST_PAUSE_S) if failures else POLL_S
