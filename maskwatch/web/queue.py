"""`/api/queue/export`: samples and their labels as a zip file that streams, as `maskwatch queue export` writes it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from anyio import to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from maskwatch.core.errors import DataError
from maskwatch.samples.export_process import ExportError, ExportProcess
from maskwatch.samples.exports import FORMS, SampleFilter, moment

ASKED = {"format", "since", "until", "camera", "all"}
RETRY_S = 30
PATIENCE_S = 1.0  # for a turn, before it is refused
BUSY = "another export is under way, and only one goes at a time; try again when it has ended"

log = logging.getLogger(__name__)


def routes(folder: Path) -> list[Route]:
    """GET with `format`, `since`, `until`, `camera`, and `all` for what nobody has labelled, too; of the queue in `folder`.

    One at a time: 503 with Retry-After while there is another. 400 for a wrong question, 404 where there is no such sample.
    """
    turn = asyncio.Lock()

    async def export(request: Request) -> Response:
        try:
            form, wanted = _asked(dict(request.query_params))
        except ValueError as e:
            return JSONResponse({"error": str(e)}, status_code=400)
        return _Export(folder, wanted, form, turn)

    return [Route("/api/queue/export", export, methods=["GET"])]


class _Export(Response):
    """Sends an export when it is nobody else's `turn`, and ends its process however the sending ends."""

    def __init__(self, folder: Path, wanted: SampleFilter, form: str, turn: asyncio.Lock) -> None:
        super().__init__()
        self._asked = folder, wanted, form
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):  # one that has just been sent is still being put away
                await self._turn.acquire()
        except TimeoutError:
            refusal = JSONResponse({"error": BUSY}, 503, headers={"Retry-After": str(RETRY_S)})
            await refusal(scope, receive, send)
            return
        try:
            await self._send(scope, receive, send)
        finally:
            self._turn.release()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        export = await run_in_threadpool(ExportProcess, *self._asked)
        try:
            answer = await self._answer(export)
            await answer(scope, receive, send)
        except ExportError as e:  # the connection is cut off, so that nobody takes what came for the whole
            log.error("/api/queue/export: %s", e)
        finally:
            await asyncio.shield(asyncio.to_thread(export.close))

    async def _answer(self, export: ExportProcess) -> Response:
        try:
            first = await _read(export)
        except DataError as e:
            return JSONResponse({"error": str(e)}, status_code=404)
        except ExportError as e:
            log.error("/api/queue/export: %s", e)
            return JSONResponse({"error": "this failed; the log tells why"}, status_code=500)
        headers = {
            "Content-Disposition": f'attachment; filename="queue-{self._asked[2]}.zip"',
            "Cache-Control": "no-store",
        }
        return StreamingResponse(_pieces(first, export), media_type="application/zip", headers=headers)


async def _pieces(first: bytes, export: ExportProcess) -> AsyncIterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = await _read(export)


async def _read(export: ExportProcess) -> bytes:
    """Who goes away meanwhile does not wait for it: `close` ends what is being read."""
    return await to_thread.run_sync(export.read, abandon_on_cancel=True)


def _asked(query: dict[str, str]) -> tuple[str, SampleFilter]:
    """Raises `ValueError` with the parameter that is wrong."""
    unknown = sorted(query.keys() - ASKED)
    if unknown:
        raise ValueError(f"{unknown[0]}: is unknown; known are {', '.join(sorted(ASKED))}")
    form, everything = query.get("format", "coco"), query.get("all", "false")
    if form not in FORMS:
        raise ValueError(f"format: must be one of {', '.join(FORMS)}")
    if everything not in {"true", "false"}:
        raise ValueError("all: must be true or false")
    moments = {}
    for name, end in (("since", False), ("until", True)):
        try:
            moments[name] = moment(query[name], end=end) if name in query else None
        except ValueError as e:
            raise ValueError(f"{name}: must be a day like 2026-11-01") from e
    labelled = None if everything == "true" else True
    return form, SampleFilter(moments["since"], moments["until"], query.get("camera"), labelled)
