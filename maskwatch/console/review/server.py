"""Puts the page together and serves it until it is told to end."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from maskwatch.console.access import Access
from maskwatch.console.guard import guarded
from maskwatch.console.review import cards
from maskwatch.console.review.context import Review
from maskwatch.console.review.gallery import Gallery
from maskwatch.console.review.image import ImagePage
from maskwatch.core.address import http_url
from maskwatch.core.errors import ConfigError, QueueError, SourceError

ENDING_S = 1  # for requests that still run when it is told to end
RECONNECT_S = 60.0  # a browser that was cut off finds its work again
KEPT = {"Cache-Control": "private, max-age=600"}  # a frame in the queue never changes
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f6fd0"/>'
    '<path d="M7 13q9-5 18 0v7q-9 9-18 0z" fill="#fff"/></svg>'
)


def application(review: Review) -> FastAPI:
    """The pages and pictures, with nobody at the door."""
    app = FastAPI(openapi_url=None)

    @app.get("/picture/{sample_id}.jpg")
    def image(sample_id: str) -> Response:
        return _jpeg(lambda: review.queue.image(sample_id).read_bytes())

    @app.get("/thumbnail/{sample_id}.jpg")
    def thumbnail(sample_id: str) -> Response:
        return _jpeg(lambda: review.thumbnails.of(review.queue.image(sample_id)))

    @ui.page("/", title="maskwatch review")
    async def gallery(request: Request) -> None:
        await Gallery(review, request.cookies, request.query_params).refresh()

    @ui.page("/sample/{sample_id}", title="maskwatch review")
    async def sample(sample_id: str, request: Request) -> Response | None:
        try:
            found = review.queue.sample(sample_id)
        except QueueError:
            return RedirectResponse(cards.gallery_path(dict(request.query_params)))
        page = ImagePage(review, request.cookies, request.query_params, found)
        await page.open()
        return None

    ui.run_with(
        app,
        title="maskwatch review",
        favicon=ICON,
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
    )
    return app


def serve(
    review: Review, *, host: str, port: int, access: Access | None, on_ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is told the address. Raises `ConfigError` for one that cannot be had."""
    with _listening(host, port) as listener:
        port = listener.getsockname()[1]
        page = guarded(application(review), access, f"maskwatch_review_{port}")
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


def _jpeg(read: Callable[[], bytes]) -> Response:
    try:
        return Response(read(), media_type="image/jpeg", headers=KEPT)
    except (QueueError, SourceError, OSError) as e:
        raise HTTPException(404, "no such picture") from e
