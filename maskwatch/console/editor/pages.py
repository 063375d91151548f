"""Settings by mouse: places and thresholds."""

from pathlib import Path

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console.context import Console, Monitoring
from maskwatch.console.editor.page import EditorPage
from maskwatch.console.shell import Visit, shell

STYLE = Path(__file__).with_name("style.css")


def add_pages(app: FastAPI, console: Console, monitoring: Monitoring) -> None:  # noqa: ARG001
    """Below `/editor`."""

    @ui.page("/editor", title="maskwatch")
    async def page(request: Request) -> None:
        visit = Visit.of(request)
        shell(console, visit, "editor")
        ui.add_css(STYLE)
        if monitoring.settings is not None:
            await EditorPage(console, monitoring, monitoring.settings, visit).open()
