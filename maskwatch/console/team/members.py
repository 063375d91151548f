"""Who is in the team: an admin adds and removes people."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from maskwatch.console.texts import Texts
from maskwatch.core.errors import QueueError
from maskwatch.samples.team import Team


class MembersCard:
    """A card of the page; `write` is awaited with the team as it is to be."""

    def __init__(self, t: Texts, write: Callable[[Team], Awaitable[None]]) -> None:
        self._t = t
        self._write = write
        self._team: Team | None = None
        with ui.element("section").classes("mw-panel mw-wide"):
            ui.html(f"<h2>{t('team.team')}</h2><p>{t('team.team_why')}</p>")
            self._people = ui.row().classes("items-center gap-2")
            with ui.row().classes("items-center gap-2"):
                self._name = ui.input(t("team.add_name"), autocomplete=[]).props("outlined dense")
                self._name.on("keydown.enter", self._add)
                ui.button(t("team.add"), icon="person_add", on_click=self._add).props("outline dense no-caps")

    def show(self, team: Team, names: Sequence[str]) -> None:
        """The team as it is; `names` of people who labelled are offered."""
        self._name.set_autocomplete([name for name in names if name not in team.labellers])
        if team == self._team:
            return
        self._team = team
        self._people.clear()
        with self._people:
            if not team.labellers:
                ui.label(self._t("team.nobody"))
            for name in team.labellers:
                with ui.row().classes("items-center mw-member"):
                    ui.label(name)
                    remove = ui.button(icon="close", on_click=lambda _, n=name: self._remove(n))
                    remove.props("flat dense round size=sm")
                    remove.props["aria-label"] = self._t("team.remove", name=name)

    async def _add(self) -> None:
        if self._team is None:
            return
        try:
            team = self._team.with_labeller(self._name.value or "")
        except QueueError as e:
            ui.notify(str(e), type="warning")
            return
        self._name.value = ""
        await self._write(team)

    async def _remove(self, name: str) -> None:
        if self._team is not None:
            await self._write(self._team.without_labeller(name))
