"""Files of events: stills, clips, the table, the week's report. None is given to anybody but who asked."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from maskwatch.console.context import Console, Monitoring
from maskwatch.console.history.query import PATH, Choice
from maskwatch.console.texts import Texts, language_of
from maskwatch.console.users import User
from maskwatch.core.errors import EventError, SourceError
from maskwatch.events.table import csv_lines
from maskwatch.events.timeline import walk
from maskwatch.platform.clock import local_day, utc_now

KEPT = {"Cache-Control": "private, max-age=600"}  # the picture of an event never changes
NOT_KEPT = {"Cache-Control": "private, no-store"}


def add_files(app: FastAPI, console: Console, monitoring: Monitoring) -> None:
    """`/history/still/ID.jpg`, `/history/thumbnail/ID.jpg`, `/history/clip/ID.mp4` (by ranges, too), and the exports.

    What is not there is answered with 404. The functions run on threads, not on the event loop.
    """
    media, events = monitoring.media, monitoring.events

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

    @app.get(f"{PATH}/export.csv")
    def export(request: Request) -> Response:
        user: User = request.scope["user"]
        choice = Choice.of(request.query_params)
        wanted = choice.filter(user.role, utc_now().timestamp() if choice.day is None else None)
        try:
            events.find(wanted, limit=1)  # so that a store that cannot be read is told of
        except EventError as e:
            raise HTTPException(503, str(e)) from e
        day = choice.day.isoformat() if choice.day else None
        name = "-".join(filter(None, ("events", choice.camera, day)))
        return StreamingResponse(
            csv_lines(walk(events, wanted)),
            media_type="text/csv; charset=utf-8",
            headers=_saved(f"{name}.csv"),
        )

    @app.get(f"{PATH}/report.pdf")
    def report(request: Request) -> Response:
        from maskwatch.events.week import week_of  # with what draws, which the pages do without
        from maskwatch.output.week_report import pdf

        choice = Choice.of(request.query_params)
        day: date = choice.day or local_day(utc_now().timestamp())
        cameras = () if choice.camera is None else (choice.camera,)
        t = Texts(language_of(request.cookies, request.headers.get("accept-language", "")))
        try:
            week = week_of(events, day, cameras, now=utc_now().timestamp())
        except EventError as e:
            raise HTTPException(503, str(e)) from e
        name = f"maskwatch-{day:%G-W%V}.pdf"
        return Response(pdf(week, t, utc_now()), media_type="application/pdf", headers=_saved(name))


def _there(place: Callable[[str], Path], event_id: str) -> Path:
    try:
        path = place(event_id)
    except ValueError as e:
        raise HTTPException(404, "no such picture") from e
    if not path.is_file():
        raise HTTPException(404, "no such picture")
    return path


def _saved(name: str) -> dict[str, str]:
    from urllib.parse import quote

    return NOT_KEPT | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
