"""What the pages of the queue and of the team have: the console's bar, the person's name, the help, how far work is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fastapi import Request
from nicegui import ui

from maskwatch.console.context import Console
from maskwatch.console.review.filters import LabelProgress
from maskwatch.console.review.keys import HELP
from maskwatch.console.review.person import NAME_COOKIE, Person, valid_name
from maskwatch.console.shell import Visit, keep, shell
from maskwatch.console.texts import Texts

STYLE = Path(__file__).with_name("style.css")


class PageFrame:
    """The top of a page. Who has no account is asked for a name once, which the browser keeps for a year."""

    def __init__(
        self,
        console: Console,
        request: Request,
        active: str,
        on_name: Callable[[], None],
        *,
        progress: bool = True,
    ) -> None:
        visit = Visit.of(request)
        self.t = visit.texts
        self.person = Person.of(request, console.review.by)
        self._on_name = on_name
        ui.add_css(STYLE)
        ui.page_title(f"{self.t(f'shell.{active}')} · maskwatch")
        self.tools = shell(console, visit, active)
        self.help = help_dialog(self.t)
        if not self.person.known:
            with self.tools:
                self._button = ui.button(
                    self.person.name or self.t("review.who"), icon="edit", on_click=self.ask_name
                )
                self._button.props("flat dense no-caps").tooltip(self.t("review.whose"))
        with ui.element("div").classes("mw-progress") as bar:
            self._share = ui.linear_progress(0, show_value=False).props("aria-hidden=true")
            self._told = ui.label("")
        bar.visible = progress
        if not self.person.name:
            self.ask_name()

    @property
    def name(self) -> str:
        """The person's; empty before it is told."""
        return self.person.name

    def tell(self, progress: LabelProgress) -> None:
        """Show in the bar on top how far labelling is."""
        self._share.value = progress.share
        self._told.text = self.t(
            "review.progress", labelled=progress.labelled, total=progress.total, today=progress.today
        )

    def ask_name(self) -> None:
        """Open a dialog for the person's name; it cannot be dismissed while there is none."""
        t = self.t
        with ui.dialog(value=True) as dialog, ui.card().classes("mw-dialog"):
            dialog.props("persistent" if not self.name else "")
            ui.label(t("review.who_labels")).classes("mw-title")
            ui.label(t("review.who_why")).classes("mw-said-below")
            field = ui.input(t("review.your_name"), value=self.name)
            field.props("autofocus outlined").classes("full-width")
            done = ui.button(t("review.begin"), on_click=lambda: self._named(field.value or "", dialog))
            done.props("no-caps unelevated").classes("self-end")
            field.on("keydown.enter", lambda: self._named(field.value or "", dialog))

    def _named(self, text: str, dialog: ui.dialog) -> None:
        name = valid_name(text)
        if not name:
            ui.notify(self.t("review.bad_name"), type="warning")
            return
        self.person = replace(self.person, name=name)
        self._button.text = name
        keep(NAME_COOKIE, name)
        dialog.close()
        self._on_name()


def help_dialog(t: Texts) -> ui.dialog:
    """A closed dialog that tells what each key does."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("review.keys_title")).classes("mw-title")
        with ui.element("div").classes("mw-keys"):
            for keys, text in HELP:
                ui.label(keys)
                ui.label(t(f"review.{text}"))
        ui.label(t("review.keys_mouse")).classes("mw-said-below")
        ui.button(t("review.close"), on_click=dialog.close).props("flat no-caps").classes("self-end")
    return dialog
