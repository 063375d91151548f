"""All pages together, with nobody at the door: `guard.py` stands there."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui

from maskwatch.console import navigation
from maskwatch.console.context import Console
from maskwatch.console.editor import pages as editor
from maskwatch.console.history import pages as history
from maskwatch.console.live import pages as live
from maskwatch.console.login import not_found_page
from maskwatch.console.people import pages as people
from maskwatch.console.review import pages as review
from maskwatch.console.sites import pages as sites
from maskwatch.console.team import pages as team
from maskwatch.console.texts import Texts, language_of

MONITORING = (live, editor)
"""Pages of what needs the service."""
RECONNECT_S = 60.0  # a browser that was cut off finds its work again
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f6fd0"/>'
    '<path d="M7 13q9-5 18 0v7q-9 9-18 0z" fill="#fff"/></svg>'
)


def application(console: Console) -> FastAPI:
    """The pages and pictures; `/` leads to the first of them."""
    app = FastAPI(openapi_url=None)
    app.get("/")(lambda: RedirectResponse(console.links[0].path))
    if navigation.QUEUE in console.links:
        review.add_pages(app, console)
        team.add_pages(app, console)
    if console.event_sources is not None:
        people.add_pages(app, console)
        history.add_pages(app, console, console.event_sources)
    if console.shared_store is not None:
        sites.add_pages(app, console, console.shared_store)
    if console.monitoring is not None:
        for page in MONITORING:
            page.add_pages(app, console, console.monitoring)
    nicegui_app.add_exception_handler(404, _not_found)
    ui.run_with(
        app,
        title="maskwatch",
        favicon=ICON,
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
    )
    return app


async def _not_found(request: Request, error: Exception) -> Response:
    """For who opened a page in the look of ours, and for what asked for a part of one as data."""
    if "text/html" in request.headers.get("accept", ""):
        texts = Texts(language_of(request.cookies, request.headers.get("accept-language", "")))
        return HTMLResponse(not_found_page(texts), 404)
    return JSONResponse({"detail": error.detail if isinstance(error, HTTPException) else "Not Found"}, 404)
