"""The listening socket, and the thread that serves."""

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from maskwatch.core.address import http_url
from maskwatch.core.errors import ConfigError
from maskwatch.http.connection import BoundedConnection, Limits
from maskwatch.platform import unix_socket
from maskwatch.web.settings import WebSettings

log = logging.getLogger(__name__)

CLOSE_S = 1  # what answers under way get to end
WAITING = 64  # connections that may wait to be accepted
MAX_CONNECTIONS = 128  # else visitors could use up the files that cameras and samples need
MAX_OF_ADDRESS = 32  # of them; loopback may have all
TAKES_WITHIN_S = 30.0  # some of its answer, or a connection is closed
ASKS_WITHIN_S = 10.0  # or a connection is closed; one that has asked may wait 5 s for its next question


class Listener:
    """A socket that listens where `settings` say.

    When `before` listens there already, as at a reload, it is the same socket: whoever asks between two
    servers waits for a moment and is not refused. Raises `ConfigError`, which names the key.
    """

    def __init__(self, settings: WebSettings, before: "Listener | None" = None) -> None:
        self.wanted = (settings.host, settings.port)
        if before is not None and before.wanted == self.wanted:
            self.socket: socket.socket = before.socket.dup()
        else:
            self.socket = _bound(*self.wanted)

    @property
    def url(self) -> str:
        """`http://HOST:PORT`, without a slash at the end; the real port, also when 0 was wanted."""
        host, port, *_ = self.socket.getsockname()
        return http_url(host, port)

    def close(self) -> None:
        """Close this socket; a `Listener` that took it over goes on listening."""
        self.socket.close()


class PrivateListener:
    """A Unix socket at `path`, for this user's processes alone; taken over from `before` where that has the same path.

    Raises `ConfigError`.
    """

    def __init__(self, path: Path, before: "PrivateListener | None" = None) -> None:
        self.path = path
        self.url = f"unix:{path}"
        if before is not None and before.path == path:
            self.socket: socket.socket = before.socket.dup()
            return
        try:
            self.socket = unix_socket.listening(path)
        except OSError as e:
            raise ConfigError(f"events.dir: cannot listen at {path}: {e.strerror}") from e

    def close(self) -> None:
        """Close this socket; a `PrivateListener` that took it over goes on listening."""
        self.socket.close()


class WebServer:
    """Serves `app` on a thread of its own while its `with` block runs.

    The thread ends with the block alone. When it ends otherwise, `on_crash` gets the reason; an exception in
    a request is that request's own (500) and logged. `is_told`: the log says where it answers.
    """

    def __init__(
        self,
        listener: Listener | PrivateListener,
        app: ASGIApp,
        on_crash: Callable[[BaseException], None],
        *,
        is_told: bool = True,
    ) -> None:
        self.listener = listener
        self._is_told = is_told
        self._on_crash = on_crash
        limits = Limits(MAX_CONNECTIONS, MAX_OF_ADDRESS, ASKS_WITHIN_S, TAKES_WITHIN_S)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=partial(BoundedConnection, limits=limits),  # type: ignore[arg-type] # it is called like the class
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # not a line for whatever a port scanner sends
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=CLOSE_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._body, name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if self._is_told:
            log.info("answers at %s", self.listener.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(CLOSE_S + 2)
        self.listener.close()

    def _body(self) -> None:
        try:
            with self.listener.socket.dup() as own:  # which the server closes at its end
                self._server.run([own])
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            self._on_crash(e)
        else:
            if not self._server.should_exit:
                self._on_crash(RuntimeError("the web server ended by itself"))


@contextmanager
def listening(settings: WebSettings, before: WebServer | None) -> Iterator[Listener | None]:
    """The socket for a new web server, None where there is to be none; closed again when the block raises."""
    if not settings.enabled:
        yield None
        return
    old = before.listener if before else None
    listener = Listener(settings, old if isinstance(old, Listener) else None)
    try:
        yield listener
    except BaseException:
        listener.close()
        raise


def _bound(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listening = socket.create_server((address, port), family=family, backlog=WAITING)
    except OSError as e:
        key = "web.host" if e.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} else "web.port"
        reason = os.strerror(e.errno) if e.errno else str(e)
        raise ConfigError(f"{key}: cannot listen on {host} port {port}: {reason}") from e
    listening.setblocking(False)  # the server's copy shares the flag, and would wait in accept after a reload
    return listening
