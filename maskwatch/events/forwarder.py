"""Copies a service's events to the database that several services share, for as long as it takes."""

import logging
import random
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

log = logging.getLogger(__name__)

BATCH = 200
LOOK_S = 1.0  # an event is copied so soon
ANNOUNCE_S = 60.0
KEEP_S = 10.0  # a connection over which nothing was copied for so long is given back: a server has few
# between two attempts: doubled each time, less up to a half by chance
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
SILENT_S = 30.0  # an attempt, of one batch at most, that takes longer hangs
INSTANCE = "instance"  # what tells this service's database from others, among its notes


class Forwarder(BackgroundThread):
    """While the block runs, a thread copies what the shared database does not have yet, also from before.

    An event is copied again when it changed. What cannot be copied stays in the service's own database, and is tried
    again; sent twice it is the same. `waiting` is how many were to be copied at the last look.
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
        """Why events are not copied, or what is wrong although they are, without the password; None when all is well."""
        begun_s = self._begun_s
        if begun_s is not None and time.monotonic() - begun_s > SILENT_S:
            return "the server does not answer"  # it is there still, and stands
        return self._failure or self._clash

    def body(self) -> None:
        """Copy until the end; what fails waits, longer each time."""
        failures, pause_s = 0, 0.0
        while not self.pause(pause_s):
            failures = 0 if self._attempt() else failures + 1
            pause_s = _pause_s(failures)
        if not failures:
            self._attempt()  # what the service said last
        self._shared.close()
        if self._own:
            self._own.close()

    def _attempt(self) -> bool:
        """Copy all that waits. What fails is said once, and once that it works again."""
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
        if self._is_connected and time.monotonic() - self._copied_s >= KEEP_S:
            self._shared.close()
            self._is_connected = False

    def _announce(self, own: EventStore) -> None:
        """Make the tables where they are missing, say who writes, and hear whether another does under the same name."""
        now_s = time.monotonic()
        if self._announced_s is not None and now_s - self._announced_s < ANNOUNCE_S:
            return
        self._is_connected = True
        with self._shared.errors():
            if self._announced_s is None:
                postgres.make(self._shared.engine)
                self._add_indexes()
            with self._shared.begin() as connection:
                clashes = postgres.announce(connection, self._site, self._instance_of(own))
        self._announced_s = now_s
        clash = f"events.site: another service writes as {self._site!r} too" if clashes else None
        if clash is not None and self._clash is None:
            log.warning("%s; nothing is lost, but give each a name of its own", clash)
        self._clash = clash

    def _add_indexes(self) -> None:
        """Those of this release, on a thread of their own: what is copied does not wait for them."""
        if self._indexing is None or not self._indexing.is_alive():
            self._indexing = threading.Thread(target=self._index, name="events indexes", daemon=True)
            self._indexing.start()

    def _index(self) -> None:
        shared = EventStore.shared(
            self._url, self._site
        )  # of its own: the other one gives its connections back meanwhile
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
        """The same at each start, and for a database that was begun anew meanwhile."""
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
            postgres.make(shared.engine)
        shared.try_to_write()
        found = shared.count(EventFilter(sites=[site]))  # all of a fleet's take longer than a statement may
    finally:
        shared.close()
    return f"{postgres.place_of(shared.engine.url)}: writable, {pluralize(found, 'event')} of {site}"


def _pause_s(failures: int) -> float:
    if not failures:
        return LOOK_S
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come back at once
