"""What every page has: the look, the bar on top, the person's name, the help."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from nicegui import ui

from maskwatch.console.review.filters import LabelProgress
from maskwatch.console.review.keys import HELP
from maskwatch.core.errors import QueueError
from maskwatch.samples.annotations import checked_name

NAME_COOKIE = "maskwatch_reviewer"
LOOK_COOKIE = "maskwatch_look"
LOOKS: dict[str, bool | None] = {"auto": None, "light": False, "dark": True}
LOOK_ICONS = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}
GENERAL = Path(__file__).parents[1] / "style.css"
STYLE = Path(__file__).with_name("style.css")


class PageFrame:
    """The top of a page. The person's name and chosen look are kept by the browser, for a year."""

    def __init__(self, cookies: Mapping[str, str], by: str | None, on_name: Callable[[], None]) -> None:
        self._on_name = on_name
        self.name = _name(unquote(cookies.get(NAME_COOKIE, ""))) or _name(by or "")
        self._look = cookies.get(LOOK_COOKIE, "auto")
        self._look = self._look if self._look in LOOKS else "auto"
        ui.add_css(GENERAL)
        ui.add_css(STYLE)
        ui.colors(primary="#2f6fd0", dark="#1c2027", dark_page="#14171c")
        self._dark = ui.dark_mode(LOOKS[self._look])
        self.help = _help_dialog()
        self._bar()
        if not self.name:
            self.ask_name()

    def _bar(self) -> None:
        with ui.element("header").classes("mw-bar"):
            ui.html('<a href="/">maskwatch<small>review</small></a>').classes("mw-brand")
            self.tools = ui.row().classes("items-center gap-2")
            self._person = ui.button(self.name or "Who are you?", icon="person", on_click=self.ask_name)
            self._person.props("flat dense no-caps").tooltip("Whose labels these are")
            self._look_button = ui.button(icon=LOOK_ICONS[self._look], on_click=self._next_look)
            self._look_button.props("flat dense round").tooltip("Light or dark")
            ui.button(icon="help_outline", on_click=self.help.open).props("flat dense round").tooltip(
                "Keys (?)"
            )
        with ui.element("div").classes("mw-progress"):
            self._share = ui.linear_progress(0, show_value=False)
            self._told = ui.label("")

    def tell(self, progress: LabelProgress) -> None:
        """Show in the bar on top how far labelling is."""
        self._share.value = progress.share
        self._told.text = f"{progress.labelled} of {progress.total} labelled · {progress.today} by you today"

    def ask_name(self) -> None:
        """Open a dialog for the person's name; it cannot be dismissed while there is none."""
        with ui.dialog(value=True) as dialog, ui.card().classes("mw-dialog"):
            dialog.props("persistent" if not self.name else "")
            ui.html(
                "<h2>Who is labelling?</h2><p>Your name stands beside your labels, so that others know.</p>"
            )
            field = ui.input("Your name", value=self.name).props("autofocus outlined").classes("full-width")
            done = ui.button("Begin", on_click=lambda: self._named(field.value or "", dialog))
            done.props("no-caps unelevated").classes("self-end")
            field.on("keydown.enter", lambda: self._named(field.value or "", dialog))

    def _named(self, text: str, dialog: ui.dialog) -> None:
        name = _name(text)
        if not name:
            ui.notify("Please enter a name of at most 64 letters.", type="warning")
            return
        self.name = name
        self._person.text = name
        _keep(NAME_COOKIE, name)
        dialog.close()
        self._on_name()

    def _next_look(self) -> None:
        looks = list(LOOKS)
        self._look = looks[(looks.index(self._look) + 1) % len(looks)]
        self._dark.value = LOOKS[self._look]
        self._look_button.icon = LOOK_ICONS[self._look]
        _keep(LOOK_COOKIE, self._look)


def _name(text: str) -> str:
    try:
        return checked_name(text)
    except QueueError:
        return ""


def _keep(cookie: str, value: str) -> None:
    said = f"{cookie}={quote(value)}; max-age=31536000; path=/; samesite=strict"
    ui.run_javascript(f"document.cookie = {json.dumps(said)}")


def _help_dialog() -> ui.dialog:
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        lines = "".join(f"<b>{keys}</b><span>{text}</span>" for keys, text in HELP)
        ui.html(f'<h2>Keys on a picture</h2><div class="mw-keys">{lines}</div>')
        ui.html(
            "<p>A face is drawn as the models see it until a person has said otherwise. With the mouse: drag on the "
            "picture for a new box, a box to move it, its corners to resize it; Alt and drag draws inside a box.</p>"
        )
        ui.button("Close", on_click=dialog.close).props("flat no-caps").classes("self-end")
    return dialog
