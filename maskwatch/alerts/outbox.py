"""Messages that wait on disk until the other side takes them, in order, at least once; a thread sends them.

What `add` has returned for survives a SIGKILL and a power cut. A message is removed when it was taken: ended between the
two, it is sent once more, with the same key, by which the other side knows it.
"""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.errors import AlertError, AlertKept
from maskwatch.core.text import pluralize
from maskwatch.platform.backoff import backoff_s
from maskwatch.platform.files import locked, make_folder, replacing, sync_folder

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # between two attempts after a failure
OTHER_S = 0.5  # another process may be at this queue: so often it is asked whether it is through
PATIENCE_S = 2.0  # so long `wait` does
NAME = re.compile(r"\d{20}-[\w-]+\.message")

Send = Callable[[str, bytes], None]


class SendError(AlertError):
    """A message was not taken. `again`: it is to be tried again, `after_s` says when at the earliest, where that is known."""

    def __init__(self, why: str, *, again: bool = True, after_s: float | None = None) -> None:
        super().__init__(why)
        self.again = again
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait: so many messages, megabytes and days. Above these the oldest go."""

    messages: int
    mb: float
    days: float


class Outbox:
    """A queue in `folder`, and the thread that empties it through `send(key, data)`, which raises `SendError`.

    Several, also of several processes, may share a folder: one of them sends at a time. `name` begins every error.
    """

    def __init__(self, name: str, folder: Path, limits: Limits, send: Send) -> None:
        self._name = name
        self._folder = folder
        self._limits = limits
        self._send = send
        self._changed = threading.Condition()
        self._stopping = False
        self._problem: str | None = None
        self._pausing = False
        self._refused: deque[str] = deque(maxlen=64)  # names, for those who wait
        self._thread: threading.Thread | None = None
        self._last = 0

    @property
    def problem(self) -> str | None:
        """Why the last attempt failed, and how many messages wait; None when it did not."""
        if self._problem is None:
            return None
        waiting = len(self._names())
        return f"{self._problem}; {pluralize(waiting, 'message')} waiting" if waiting else self._problem

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._names()

    def forget_problem(self) -> None:
        """Somebody found out that it works."""
        self._problem = None

    def start(self) -> None:
        """Begin to send what waits, also from before; may be called again and again. Raises `AlertError`."""
        with self._changed:
            if self._thread is not None or self._stopping:
                return
            try:
                make_folder(self._folder)
                self._folder.chmod(0o700)
            except OSError as e:
                raise AlertError(f"{self._name}: {self._folder}: {e.strerror}") from e
            self._thread = threading.Thread(target=self._run, name=f"outbox {self._name}", daemon=True)
            self._thread.start()

    def add(self, key: str, data: bytes) -> Path:
        """Keep a message, flushed to the disk. `key` is of letters, digits, `_` and `-`. Raises `AlertError`."""
        self.start()
        try:
            self._make_room(len(data))
            path = self._folder / f"{self._next():020d}-{key}.message"
            with replacing(path) as part:
                part.touch(mode=0o600)
                part.write_bytes(data)
        except OSError as e:
            raise AlertError(f"{self._name}: {self._folder}: {e.strerror}") from e
        with self._changed:
            self._changed.notify_all()
        return path

    def wait(self, path: Path) -> None:
        """Return when it was taken. Raises `AlertKept` when it waits for long, or `AlertError` when it was refused."""
        with self._changed:
            self._changed.wait_for(lambda: self._pausing or not path.exists(), PATIENCE_S)
        if path.exists():
            raise AlertKept(self.problem or f"{self._name}: no answer yet; 1 message waiting")
        if path.name in self._refused:
            raise AlertError(self.problem or f"{self._name}: refused")

    def close(self, timeout_s: float) -> None:
        """End the thread; what waits stays for the next start, and what is on its way gets `timeout_s`."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _names(self) -> list[str]:
        with suppress(OSError):
            return sorted(each.name for each in self._folder.iterdir() if NAME.fullmatch(each.name))
        return []

    def _next(self) -> int:
        """Above all that wait, whatever happened to the clock."""
        before = max((int(name.split("-", 1)[0]) for name in self._names()), default=0)
        self._last = max(self._last + 1, before + 1, time.time_ns())
        return self._last

    def _make_room(self, size: int) -> None:
        names = self._names()
        sizes = {name: self._size(name) for name in names}
        while names and (
            len(names) >= self._limits.messages or sum(sizes.values()) + size > self._limits.mb * 1e6
        ):
            self._give_up(names[0], "there is no room for it")
            del sizes[names.pop(0)]

    def _size(self, name: str) -> int:
        with suppress(FileNotFoundError):  # sent meanwhile
            return (self._folder / name).stat().st_size
        return 0

    def _give_up(self, name: str, why: str) -> None:
        log.warning("%s: the message %s is given up: %s", self._name, _key(name), why)
        self._remove(name)

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        sync_folder(self._folder)
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        self._clear_up()
        failures = 0
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or bool(self._names()))
            if self._stopping:
                return
            pause_s = 0.0
            try:
                with locked(self._folder / ".sending", wait=False):
                    self._send_first()
                failures = 0
            except BlockingIOError:
                pause_s = OTHER_S
            except SendError as e:
                self._problem = str(e)
                failures += 1
                pause_s = max(backoff_s(failures, FIRST_PAUSE_S, LONGEST_PAUSE_S), e.after_s or 0.0)
            except OSError as e:
                self._problem = f"{self._name}: {self._folder}: {e.strerror}"
                pause_s = LONGEST_PAUSE_S
            if pause_s:
                self._pause(min(pause_s, LONGEST_PAUSE_S))

    def _send_first(self) -> None:
        """The oldest, if there still is one. Raises `SendError` when it stays, and `OSError`."""
        names = self._names()
        if not names:
            return
        try:
            path = self._folder / names[0]
            if time.time() - path.stat().st_mtime > self._limits.days * 86_400:
                self._give_up(names[0], f"it waited for more than {self._limits.days:g} days")
                return
            data = path.read_bytes()
        except FileNotFoundError:  # for want of room, meanwhile
            return
        try:
            self._send(_key(names[0]), data)
        except SendError as e:
            if e.again:
                raise
            self._problem = str(e)
            self._refused.append(names[0])
            self._give_up(names[0], str(e).removeprefix(f"{self._name}: "))
            return
        except Exception as e:  # noqa: BLE001 - another's code, whose words may hold a secret
            raise SendError(f"{self._name}: {type(e).__name__}") from None
        self._problem = None
        self._remove(names[0])

    def _pause(self, pause_s: float) -> None:
        with self._changed:
            self._pausing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopping, pause_s)
            self._pausing = False

    def _clear_up(self) -> None:
        """What a crash left half written, a while ago."""
        with suppress(OSError):
            for each in self._folder.glob(".*.part.message"):
                if time.time() - each.stat().st_mtime > LONGEST_PAUSE_S:
                    each.unlink(missing_ok=True)


def waiting(folder: Path, since: float | None, until: float) -> list[Path]:
    """Messages that wait in an outbox's folder and were added in this time, Unix times; None: ever. Half written ones too."""
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            name = path.name.removeprefix(".")
            if (known := re.match(r"(\d{20})-", name)) and path.name.endswith(".message"):
                at = int(known[1]) / 1e9
                found += [path] if (since is None or at >= since) and at < until else []
    return found


def _key(name: str) -> str:
    return name.split("-", 1)[1].removesuffix(".message")
