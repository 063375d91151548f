"""The pages of the queue: the gallery, a picture to label, and the pictures themselves."""

from collections.abc import Callable

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from maskwatch.console.context import Console
from maskwatch.console.review import cards
from maskwatch.console.review.gallery import Gallery
from maskwatch.console.review.image import ImagePage
from maskwatch.core.errors import QueueError, SourceError

KEPT = {"Cache-Control": "private, max-age=600"}  # a frame in the queue never changes


def add_pages(app: FastAPI, console: Console) -> None:
    """Below `/queue`."""
    review = console.review

    @app.get("/queue/picture/{sample_id}.jpg")
    def image(sample_id: str) -> Response:
        return _jpeg(lambda: review.queue.image(sample_id).read_bytes())

    @app.get("/queue/thumbnail/{sample_id}.jpg")
    def thumbnail(sample_id: str) -> Response:
        return _jpeg(lambda: review.thumbnails.of(review.queue.image(sample_id)))

    @ui.page("/queue", title="maskwatch queue")
    async def gallery(request: Request) -> None:
        await Gallery(review, request.cookies, request.query_params).refresh()

    @ui.page("/queue/sample/{sample_id}", title="maskwatch queue")
    async def sample(sample_id: str, request: Request) -> Response | None:
        try:
            found = review.queue.sample(sample_id)
        except QueueError:
            return RedirectResponse(cards.gallery_path(dict(request.query_params)))
        page = ImagePage(review, request.cookies, request.query_params, found)
        await page.open()
        return None


def _jpeg(read: Callable[[], bytes]) -> Response:
    try:
        return Response(read(), media_type="image/jpeg", headers=KEPT)
    except (QueueError, SourceError, OSError) as e:
        raise HTTPException(404, "no such picture") from e
