"""Files of events: stills, clips, the table, the week's report. None is given to anybody but who asked."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from maskwatch.console.context import Console
from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.history.query import PATH
from maskwatch.console.texts import Texts, language_of
from maskwatch.console.users import User
from maskwatch.core.errors import EventError, SourceError
from maskwatch.events.csv_export import csv_lines
from maskwatch.events.media import Media
from maskwatch.events.timeline import walk
from maskwatch.platform.clock import local_day, utc_now

KEPT = {"Cache-Control": "private, max-age=600"}  # the picture of an event never changes
NOT_KEPT = {"Cache-Control": "private, no-store"}


def add_files(app: FastAPI, console: Console, sources: EventSources) -> None:
    """`/history/still/ID.jpg`, `/history/thumbnail/ID.jpg`, `/history/clip/ID.mp4` (by ranges, too), and the exports.

    What is not there is answered with 404.
    """
    if sources.media is not None:
        _add_pictures(app, console, sources.media)
    _add_exports(app, sources)


def _add_pictures(app: FastAPI, console: Console, media: Media) -> None:
    """The functions run on threads, not on the event loop."""

    @app.api_route(f"{PATH}/still/{{event_id}}.jpg", methods=["GET", "HEAD"])
    def still(event_id: str) -> Response:
        return FileResponse(_there(media.still, event_id), media_type="image/jpeg", headers=KEPT)

    @app.api_route(f"{PATH}/clip/{{event_id}}.mp4", methods=["GET", "HEAD"])
    def clip(event_id: str) -> Response:
        return FileResponse(_there(media.clip, event_id), media_type="video/mp4", headers=KEPT)

    @app.get(f"{PATH}/thumbnail/{{event_id}}.jpg")
    def thumbnail(event_id: str) -> Response:
        path = _there(media.still, event_id)
        try:
            return Response(console.review.thumbnails.of(path), media_type="image/jpeg", headers=KEPT)
        except SourceError as e:
            raise HTTPException(404, "no such picture") from e


def _add_exports(app: FastAPI, sources: EventSources) -> None:

    @app.get(f"{PATH}/export.csv")
    async def export(request: Request) -> Response:
        user: User = request.scope["user"]
        choice = sources.choice(request.query_params)
        wanted = choice.filter(user.role, utc_now().timestamp() if choice.day is None else None)
        try:
            store, _ = await sources.read(choice, lambda store: (store, store.find(wanted, limit=1)))
        except EventError as e:  # so that a store that cannot be read is told of
            raise HTTPException(503, str(e)) from e
        day = choice.day.isoformat() if choice.day else None
        name = "-".join(filter(None, ("events", *choice.sites, choice.camera, day)))
        return StreamingResponse(
            csv_lines(walk(store, wanted)),
            media_type="text/csv; charset=utf-8",
            headers=_saved(f"{name}.csv"),
        )

    @app.get(f"{PATH}/report.pdf")
    async def report(request: Request) -> Response:
        from maskwatch.events.week import week_of  # with what draws, which the pages do without
        from maskwatch.output.week_report import pdf

        choice, now = sources.choice(request.query_params), utc_now()
        day: date = choice.day or local_day(now.timestamp())
        sites = choice.sites if sources.is_shared(choice) else None
        t = Texts(language_of(request.cookies, request.headers.get("accept-language", "")))
        try:
            week = await sources.read(choice, week_of, day, choice.cameras, sites, now=now.timestamp())
        except EventError as e:
            raise HTTPException(503, str(e)) from e
        name = "-".join(("maskwatch", *choice.sites, f"{day:%G-W%V}.pdf"))
        drawn = await asyncio.to_thread(pdf, week, t, now)
        return Response(drawn, media_type="application/pdf", headers=_saved(name))


def _there(place: Callable[[str], Path], event_id: str) -> Path:
    try:
        path = place(event_id)
    except ValueError as e:
        raise HTTPException(404, "no such picture") from e
    if not path.is_file():
        raise HTTPException(404, "no such picture")
    return path


def _saved(name: str) -> dict[str, str]:
    return NOT_KEPT | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
