"""The team's page: one's own share and progress; for admins everybody's, and who is in the team."""

import asyncio

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from nicegui import background_tasks, ui

from maskwatch.console.context import Console
from maskwatch.console.review.cards import sample_path
from maskwatch.console.review.frame import PageFrame
from maskwatch.console.team import tables
from maskwatch.console.team.examples import EXAMPLES, svg
from maskwatch.console.team.guidelines import guidelines
from maskwatch.console.team.members import MembersCard
from maskwatch.console.team.overview import MINE, Overview, overview
from maskwatch.console.users import Role
from maskwatch.core.errors import QueueError, UserError
from maskwatch.samples.team import Team, read_team, write_team

REFRESH_S = 5.0


def add_pages(app: FastAPI, console: Console) -> None:
    """Below `/team`."""

    @app.get("/team/examples/{name}.svg")
    def example(name: str) -> Response:
        if name not in EXAMPLES:
            raise HTTPException(404, "no such example")
        return Response(svg(name), media_type="image/svg+xml", headers={"Cache-Control": "max-age=600"})

    @ui.page("/team", title="maskwatch")
    async def page(request: Request) -> None:
        await TeamPage(console, request).open()


class TeamPage:
    """The page of one visit."""

    def __init__(self, console: Console, request: Request) -> None:
        self._review = console.review
        self._users = console.users
        self._accounts: list[str] = []
        self._client = ui.context.client
        self._frame = PageFrame(console, request, "team", self._refresh_soon, progress=False)
        self._first: str | None = None
        t = self._t = self._frame.t
        with ui.element("main").classes("mw-main mw-team"):
            with _card(t("team.my_share")):
                self._waits = ui.label()
                with ui.row():
                    self._begin = ui.button(t("team.begin"), icon="play_arrow", on_click=self._label)
                    self._begin.props("unelevated dense no-caps padding='4px 14px'")
                    self._join = ui.button(t("team.join"), icon="person_add", on_click=self._take_share)
                    self._join.props("outline dense no-caps")
            title = "returned_all" if self._frame.person.is_admin else "returned"
            with _card(t(f"team.{title}")) as self._returned_card:
                self._returned = ui.html()
            with _card(t("team.disagreements"), t("team.disagreements_why")) as self._decide_card:
                self._decide = ui.html()
            with _card(t("team.progress"), wide=True):
                self._work = ui.html().classes("mw-scroll").props("tabindex=0")
            with _card(t("team.agreement"), t("team.agreement_why"), wide=True):
                self._agreement = ui.html().classes("mw-scroll").props("tabindex=0")
            self._members = MembersCard(t, self._write) if self._frame.person.is_admin else None
            with _card(t("team.guidelines"), wide=True):
                ui.markdown(guidelines(self._review.queue.folder, t.language)).classes("mw-guide-text")
        ui.timer(REFRESH_S, self.refresh, immediate=False)

    async def open(self) -> None:
        """Show it, at once where the queue has been read."""
        task = background_tasks.create(self.refresh(), context=self._client)
        await asyncio.wait({task}, timeout=0.5)

    async def refresh(self) -> None:
        """Gather it anew."""
        review = self._review
        try:
            found = await asyncio.to_thread(overview, review.queue, review.learned, self._frame.person)
            self._accounts = await asyncio.to_thread(self._who_may_label)
        except (QueueError, UserError) as e:
            ui.notify(str(e), type="negative")
            return
        self._show(found)

    def _who_may_label(self) -> list[str]:
        users = self._users.all() if self._users else []
        return [each.name for each in users if each.role.may(Role.LABELLER)]

    def _refresh_soon(self) -> None:
        background_tasks.create(self.refresh(), context=self._client)

    def _show(self, found: Overview) -> None:
        t, name = self._t, self._frame.name
        self._first = found.first
        is_in = name in found.team.labellers
        waiting = found.mine.waiting
        told = t("team.waits", count=waiting) if waiting else t("team.none_waits")
        self._waits.text = told if is_in else t("team.not_in")
        self._begin.set_enabled(found.first is not None)
        self._join.visible = not is_in and bool(name)
        _put(self._returned, tables.returned_list(found.returned, t))
        self._returned_card.visible = bool(found.returned)
        nothing = f"<p>{t('team.no_disagreements')}</p>"
        _put(self._decide, tables.disagreement_list(found.to_decide, t) if found.to_decide else nothing)
        self._decide_card.visible = bool(found.to_decide) or self._frame.person.is_admin
        _put(self._work, tables.work_table(found.work, t))
        nobody = f"<p>{t('team.agreement_none')}</p>"
        seen = found.agreement.total.pictures
        _put(self._agreement, tables.agreement_table(found.agreement, t) if seen else nobody)
        if self._members:
            self._members.show(found.team, sorted({*found.names, *self._accounts}))

    def _label(self) -> None:
        if self._first is not None:
            ui.navigate.to(sample_path(self._first, MINE.to_query()))

    async def _take_share(self) -> None:
        team = await asyncio.to_thread(read_team, self._review.queue.folder)
        await self._write(team.with_labeller(self._frame.name))

    async def _write(self, team: Team) -> None:
        try:
            await asyncio.to_thread(write_team, self._review.queue.folder, team)
        except QueueError as e:
            ui.notify(str(e), type="negative")
        await self.refresh()


def _put(place: ui.html, content: str) -> None:
    """Nothing moves under a reader where nothing changed."""
    if place.content != content:
        place.content = content


def _card(title: str, why: str = "", *, wide: bool = False) -> ui.element:
    card = ui.element("section").classes(f"mw-panel {'mw-wide' if wide else ''}")
    with card:
        ui.html(f"<h2>{title}</h2>" + (f"<p>{why}</p>" if why else ""))
    return card
