"""`/api/predict`: a picture in, the faces in it and their labels out, as `maskwatch.Analyzer.predict` sees them."""

import asyncio
import threading
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from maskwatch.core.errors import ModelError, SourceError
from maskwatch.core.records import FrameReport, Rgb
from maskwatch.samples.sample import judgement_to_json
from maskwatch.sources.images import decoded

MAX_BYTES = 25_000_000  # of a body; how many pixels may be decoded, `decoded` says
STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # of a PNG, a JPEG
AT_ONCE = 2  # one is looked at, one comes or waits: each takes memory for the picture
BODY_S = 10.0  # within which the body must be here, or its place is another's
RETRY_S = 2


class _Refused(Exception):  # noqa: N818 - an answer, and no failure of ours
    """Why a request is not answered with faces."""

    def __init__(self, code: int, why: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.answer = JSONResponse(
            {"error": why}, code, headers={"Cache-Control": "no-store"} | (headers or {})
        )


def routes(predict: Callable[[Rgb], FrameReport]) -> list[Route]:
    """POST with a JPEG or PNG as the body, which is `predict`ed on a thread of its own, one at a time.

    200 with `size` (width, height), `models`, `faces` and `protected_ratio` as in a report's line. 415 for another
    type, 413 above `MAX_BYTES`, 422 for what is no such picture or has too many pixels, 408 when the body does not
    come in time, 503 with Retry-After while others wait already or when the models cannot be loaded.
    """
    places = threading.BoundedSemaphore(AT_ONCE)
    turn = threading.Lock()

    def answered(data: bytes) -> dict[str, object]:
        with turn:  # decoding too: there is memory for one picture
            report = predict(decoded(data, "the body"))
        return {"size": list(report.size), **judgement_to_json(report)}

    async def post(request: Request) -> JSONResponse:
        if not places.acquire(blocking=False):
            retry = {"Retry-After": str(RETRY_S), "Connection": "close"}
            return _Refused(503, "other pictures are being looked at; try again soon", retry).answer
        try:
            data = await _body(request)
            body = await run_in_threadpool(answered, data)
        except _Refused as refused:
            return refused.answer
        except SourceError as e:
            return _Refused(422, str(e)).answer
        except ClientDisconnect:
            return _Refused(400, "the body broke off").answer  # which nobody hears
        except ModelError as e:
            return _Refused(503, str(e), {"Retry-After": str(RETRY_S)}).answer
        finally:
            places.release()
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return [Route("/api/predict", post, methods=["POST"])]


async def _body(request: Request) -> bytes:
    """The picture as it came. Raises `_Refused` as soon as it is known to be none, or too large."""
    close = {"Connection": "close"}  # what still comes is not read
    if not request.headers.get("content-type", "").startswith("image/"):
        raise _Refused(
            415, "the body must be a JPEG or PNG, with Content-Type image/jpeg or image/png", close
        )
    too_large = _Refused(413, f"the body is larger than {MAX_BYTES // 1_000_000} MB", close)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                data += piece
                if len(data) > MAX_BYTES:
                    raise too_large
    except TimeoutError as e:
        raise _Refused(408, f"the body was not here within {BODY_S:g} s", close) from e
    if not data.startswith(STARTS):
        raise _Refused(422, "the body is no JPEG or PNG")
    return bytes(data)
