"""The pages of the queue: the gallery, a picture to label, the pictures themselves, and where own ones are sent to."""

import threading
from asyncio import to_thread
from collections.abc import Callable

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from nicegui import ui

from maskwatch.console.context import Console
from maskwatch.console.review import cards, upload_dialog
from maskwatch.console.review.gallery import Gallery
from maskwatch.console.review.image import ImagePage
from maskwatch.console.review.uploads import MAX_BYTES, Refusal, UploadRefused
from maskwatch.core.errors import QueueError, SourceError
from maskwatch.http.body import OversizeError, read_body

KEPT = {"Cache-Control": "private, max-age=600"}  # a frame in the queue never changes


def add_pages(app: FastAPI, console: Console) -> None:
    """Below `/queue`."""
    review = console.review
    # the first visitor finds the queue read
    threading.Thread(target=review.queue.samples, name="reading the queue", daemon=True).start()

    @app.get("/queue/picture/{sample_id}.jpg")
    def image(sample_id: str) -> Response:
        return _jpeg(lambda: review.queue.image(sample_id).read_bytes())

    @app.get("/queue/thumbnail/{sample_id}.jpg")
    def thumbnail(sample_id: str) -> Response:
        return _jpeg(lambda: review.thumbnails.of(review.queue.image(sample_id)))

    @app.post(upload_dialog.PATH)
    async def upload(request: Request, name: str = "") -> Response:
        try:
            data = await read_body(request, MAX_BYTES)
        except OversizeError:
            return JSONResponse({"refused": Refusal.TOO_LARGE}, 413)
        try:
            stored = await to_thread(review.uploads.store, name, data)
        except UploadRefused as e:
            return JSONResponse({"refused": e.reason}, 415)
        except QueueError as e:
            return JSONResponse({"refused": "no_room", "why": str(e)}, 507)
        return JSONResponse({"faces": stored.faces, "proposed": stored.proposed})

    @ui.page("/queue", title="maskwatch")
    async def gallery(request: Request) -> None:
        await Gallery(console, request).open()

    @ui.page("/queue/sample/{sample_id}", title="maskwatch")
    async def sample(sample_id: str, request: Request) -> Response | None:
        try:
            found = review.queue.sample(sample_id)
        except QueueError:
            return RedirectResponse(cards.gallery_path(dict(request.query_params)))
        page = ImagePage(console, request, found)
        await page.open()
        return None


def _jpeg(read: Callable[[], bytes]) -> Response:
    try:
        return Response(read(), media_type="image/jpeg", headers=KEPT)
    except (QueueError, SourceError, OSError) as e:
        raise HTTPException(404, "no such picture") from e
