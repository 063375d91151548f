"""Events: what happened."""

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console.context import Console, Monitoring
from maskwatch.console.history.files import add_files
from maskwatch.console.history.query import PATH
from maskwatch.console.history.timeline import Timeline
from maskwatch.console.shell import Visit, shell


def add_pages(app: FastAPI, console: Console, monitoring: Monitoring) -> None:
    """Below `/history`."""
    add_files(app, console, monitoring)

    @ui.page(PATH, title="maskwatch")
    async def page(request: Request) -> None:
        visit = Visit.of(request)
        shell(console, visit, "history")
        await Timeline(monitoring, visit, request.query_params).open()
