"""Sites: each service of a shared store, and its cameras."""

import time
from pathlib import Path

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console import navigation
from maskwatch.console.context import Console
from maskwatch.console.shell import Visit, shell
from maskwatch.console.sites.shared_store import EVERY_S, SharedStore
from maskwatch.console.sites.view import content

STYLE = Path(__file__).with_name("style.css")
SCRIPT = Path(__file__).with_name("sites.js")


def add_pages(app: FastAPI, console: Console, shared_store: SharedStore) -> None:  # noqa: ARG001
    """`/sites`."""

    @ui.page(navigation.SITES.path, title="maskwatch")
    def page(request: Request) -> None:
        visit = Visit.of(request)
        shell(console, visit, navigation.SITES.key)
        _draw(visit, shared_store)


def _draw(visit: Visit, shared_store: SharedStore) -> None:
    """Filled in once the browser is there: the store may take its time."""
    t = visit.texts
    ui.add_css(STYLE)
    ui.add_body_html(f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>")
    with ui.element("main").classes("mw-main mw-sites-page"):
        ui.html(f"<h1>{t('sites.title')}</h1>", sanitize=False).classes("mw-title")
        shown = ui.html(f"<p class='mw-empty' role='status'>{t('sites.reading')}</p>", sanitize=False)

    async def show() -> None:
        known = await shared_store.sites()
        shown.content = content(t, known, time.time())

    ui.timer(EVERY_S, show)
