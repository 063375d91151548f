"""Events: what happened."""

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console.access_log import Action
from maskwatch.console.context import Console
from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.history.files import add_files
from maskwatch.console.history.query import PATH
from maskwatch.console.history.timeline import Timeline
from maskwatch.console.shell import Visit, shell


def add_pages(app: FastAPI, console: Console, sources: EventSources) -> None:
    """Below `/history`."""
    add_files(app, console, sources)

    @ui.page(PATH, title="maskwatch")
    async def page(request: Request) -> None:
        visit = Visit.of(request)
        shell(console, visit, "history")

        def note(sites: str) -> None:
            console.note_access(visit.user, Action.OPENED, f"{PATH}?site={sites}", visit.address)

        timeline = Timeline(sources, visit, request.query_params, note)
        if sources.is_shared(sources.choice(request.query_params)):
            ui.timer(0, timeline.open, once=True)  # when the browser is there: the store may take its time
        else:
            await timeline.open()
