"""`/healthz` and `/readyz`: for whoever restarts the service, and whoever waits for it."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from maskwatch.core.health import why_not_alive, why_not_ready
from maskwatch.core.records import Status
from maskwatch.http.shared_answer import SharedAnswer


def routes(snapshot: Callable[[], Status]) -> list[Route]:
    """200 while it is so, 503 with the reason while it is not. The answers name no camera."""
    shared = SharedAnswer(snapshot)

    async def healthz(_: Request) -> JSONResponse:
        return answer(why_not_alive(await shared(), time.monotonic()))

    async def readyz(_: Request) -> JSONResponse:
        return answer(why_not_ready(await shared(), time.monotonic()))

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def answer(reason: str | None) -> JSONResponse:
    """None: it is so."""
    body = {"ok": reason is None, "reason": reason}
    return JSONResponse(body, status_code=503 if reason else 200, headers={"Cache-Control": "no-store"})
