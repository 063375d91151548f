"""Serves the pages until it is told to end."""

import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn

from maskwatch.console.access import Access
from maskwatch.console.application import application
from maskwatch.console.context import Console
from maskwatch.console.guard import guarded
from maskwatch.core.errors import ConfigError
from maskwatch.http.connection import BoundedConnection, Limits

ENDING_S = 1  # for requests that still run when it is told to end
LIMITS = Limits(connections=1000, by_address=250)
FILES = 4096  # open at once: connections, and what is read for them
Tls = tuple[Path, Path]
"""The certificate's file and its key's, PEM."""


class PortTakenError(ConfigError):
    """Somebody else listens there, perhaps not for long."""


@contextmanager
def listening(host: str, port: int, keys: str = "--host {host} --port {port}") -> Iterator[socket.socket]:
    """A socket that listens there; `keys` tell in an error what set the address. Raises `ConfigError`, which may be `PortTakenError`."""
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family)
    except OSError as e:
        reason, *_ = (e.strerror or str(e)).split(" (while")  # the rest says the address again
        raise PortTakenError(f"{keys.format(host=host, port=port)}: {reason}") from e
    with listener:
        yield listener


def checked_tls(cert: Path, key: Path, section: str = "console") -> ssl.SSLContext:
    """Both files, read. Raises `ConfigError`, which names the key of the file that is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, path in (("tls_cert", cert), ("tls_key", key)):
        try:
            path.read_bytes()
        except OSError as e:
            raise ConfigError(f"{section}.{name}: {path}: {e.strerror}") from e
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert)
    except ssl.SSLError as e:
        raise ConfigError(f"{section}.tls_cert: {cert}: holds no certificate in PEM form") from e
    try:
        context.load_cert_chain(cert, key, password=_refuse_password)
    except ssl.SSLError as e:
        another = any(each in str(e) for each in ("MISMATCH", "NO_CERTIFICATE_ASSIGNED"))
        why = "is not the key of tls_cert" if another else "holds no key in PEM form"
        raise ConfigError(f"{section}.tls_key: {key}: {why}") from e
    return context


def serve(
    console: Console,
    listener: socket.socket,
    *,
    access: Access,
    on_ready: Callable[[str], None],
    on_server: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM. `on_ready` is told the address, `on_server` gets what `should_exit` ends early.

    Over HTTPS where `console.settings` name a certificate. Raises `ConfigError` for files that are none.
    """
    _allow_files()
    settings = console.settings
    tls = checked_tls(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    host, port, *_ = listener.getsockname()
    first_page = "/" if console.users is None or console.event_sources is None else "/people"
    page = guarded(
        application(console), access, f"maskwatch_{port}", console.access_log, first_page=first_page
    )
    # no access log: an address may hold the token
    config = uvicorn.Config(
        page,
        http=partial(BoundedConnection, limits=LIMITS),  # type: ignore[arg-type] # it is called like the class
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=ENDING_S,
        server_header=False,
        ws_per_message_deflate=False,  # JPEGs do not get smaller, and it takes five times the processor's time
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    address = settings.model_copy(update={"port": port}).url_at(host)
    server = _Server(config, lambda: on_ready(address))
    on_server(server)
    with listener.dup() as own:  # which the server closes at its end
        server.run([own])


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _refuse_password() -> str:
    """Asked for an encrypted key. Nobody sits at the terminal to enter one."""
    return ""


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
