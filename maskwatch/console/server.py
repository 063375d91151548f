"""Serves the pages until it is told to end."""

import socket
from collections.abc import Callable

import uvicorn

from maskwatch.console.access import Access
from maskwatch.console.application import application
from maskwatch.console.context import Console
from maskwatch.console.guard import guarded
from maskwatch.core.address import http_url
from maskwatch.core.errors import ConfigError

ENDING_S = 1  # for requests that still run when it is told to end


def serve(
    console: Console, *, host: str, port: int, access: Access | None, on_ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is told the address. Raises `ConfigError` for one that cannot be had."""
    with _listening(host, port) as listener:
        port = listener.getsockname()[1]
        page = guarded(application(console), access, f"maskwatch_{port}")
        # no access log: an address may hold the token
        config = uvicorn.Config(
            page,
            access_log=False,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=ENDING_S,
            server_header=False,
        )
        address = f"{http_url(host, port)}/"
        _Server(config, lambda: on_ready(address)).run([listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as e:
        reason, *_ = (e.strerror or str(e)).split(" (while")  # the rest says the address again
        raise ConfigError(f"--host {host} --port {port}: {reason}") from e


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()
