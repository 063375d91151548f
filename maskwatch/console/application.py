"""All pages together, with nobody at the door: `guard.py` stands there."""

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from nicegui import ui

from maskwatch.console import navigation
from maskwatch.console.context import Console
from maskwatch.console.editor import pages as editor
from maskwatch.console.history import pages as history
from maskwatch.console.live import pages as live
from maskwatch.console.people import pages as people
from maskwatch.console.review import pages as review

MONITORING = (live, history, editor)
"""Pages of what needs the service or its events."""
RECONNECT_S = 60.0  # a browser that was cut off finds its work again
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f6fd0"/>'
    '<path d="M7 13q9-5 18 0v7q-9 9-18 0z" fill="#fff"/></svg>'
)


def application(console: Console) -> FastAPI:
    """The pages and pictures; where the queue alone is served, `/` leads to it."""
    app = FastAPI(openapi_url=None)
    review.add_pages(app, console)
    if console.monitoring is None:
        app.get("/")(lambda: RedirectResponse(navigation.QUEUE.path))
    else:
        app.get("/")(lambda: RedirectResponse("/live"))
        people.add_pages(app, console)
        for page in MONITORING:
            page.add_pages(app, console, console.monitoring)
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
