"""Live: what each camera sees now."""

from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket
from nicegui import ui

from maskwatch.console import navigation
from maskwatch.console.context import Console, Monitoring
from maskwatch.console.live.feed import Feed
from maskwatch.console.live.pictures import Pictures
from maskwatch.console.live.today import Today
from maskwatch.console.live.wall import BASE, Wall
from maskwatch.console.live.watch import Watch
from maskwatch.console.shell import Visit, shell
from maskwatch.console.texts import language_of

STYLE = Path(__file__).with_name("style.css")


def add_pages(app: FastAPI, console: Console, monitoring: Monitoring) -> None:
    """`/live`, `/live/CAMERA`, and what they ask for: `/live/feed`, a websocket."""
    fps, cameras = console.settings.fps, monitoring.cameras
    pictures = Pictures(monitoring.service, cameras, fps)
    feed = Feed(Watch(monitoring.service), pictures, Today(monitoring.events), cameras, fps)

    @app.websocket(f"{BASE}/feed")
    async def answers(socket: WebSocket) -> None:
        language = language_of(socket.cookies, socket.headers.get("accept-language", ""))
        await feed.serve(socket, language)

    @app.get(f"{BASE}/here")
    def here() -> Response:
        return Response(status_code=204)

    @ui.page(BASE, title="maskwatch")
    def everything(request: Request) -> None:
        _draw(console, Visit.of(request))

    @ui.page(BASE + "/{camera}", title="maskwatch")
    def one(camera: str, request: Request) -> None:
        _draw(console, Visit.of(request), camera)


def _draw(console: Console, visit: Visit, camera: str = "") -> None:
    shell(console, visit, "live")
    ui.add_css(STYLE)
    queue = navigation.QUEUE
    with ui.element("main").classes("mw-main"):
        Wall(visit.texts, camera=camera, queue=queue.path if visit.user.role.may(queue.role) else "")
