"""Settings by mouse: places and thresholds."""

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console.context import Console, Monitoring
from maskwatch.console.shell import Visit, shell


def add_pages(app: FastAPI, console: Console, monitoring: Monitoring) -> None:  # noqa: ARG001
    """Below `/editor`."""

    @ui.page("/editor", title="maskwatch")
    def page(request: Request) -> None:
        visit = Visit.of(request)
        shell(console, visit, "editor")
        with ui.element("main").classes("mw-main"):
            ui.label(visit.texts("shell.editor"))
