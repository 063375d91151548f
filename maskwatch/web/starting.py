"""What is answered while the service starts: loading the models takes seconds, and whoever restarts it must not think it dead."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from maskwatch.web.application import make_app
from maskwatch.web.health import answer
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.settings import WebSettings

STARTING = "it is starting"
RETRY_S = 2
METHODS = ["GET", "POST", "PUT"]

log = logging.getLogger(__name__)


def routes() -> list[Route]:
    """`/healthz` is 200; `/readyz`, and with Retry-After all else, 503."""

    async def healthz(_: Request) -> JSONResponse:
        return answer(None)

    async def readyz(_: Request) -> JSONResponse:
        return answer(STARTING)

    async def other(_: Request) -> JSONResponse:
        return JSONResponse({"error": STARTING}, 503, headers={"Retry-After": str(RETRY_S)})

    health = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return [*health, Route("/{path:path}", other, methods=METHODS)]


@contextmanager
def starting(settings: WebSettings, listener: Listener | None) -> Iterator[None]:
    """Answer so while the block runs, where `listener` listens; whoever asks after it waits for the next server."""
    if listener is None:
        yield
        return
    app = make_app(routes(), token=settings.token_text)
    with WebServer(Listener(settings, listener), app, _on_crash, is_told=False):
        yield


def _on_crash(error: BaseException) -> None:
    log.warning("nothing answers over HTTP while the service starts: %s", error)
