"""The frame of every page: navigation, the person, language, light or dark."""

import json
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from nicegui import ui
from nicegui.language import Language

from maskwatch.console.context import Console
from maskwatch.console.texts import COOKIE, LANGUAGES, Texts, language_of
from maskwatch.console.users import User
from maskwatch.http.guard import address_of

THEME_COOKIE = "maskwatch_look"
THEMES: dict[str, bool | None] = {"auto": None, "light": False, "dark": True}
THEME_ICONS = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}
LIBRARY_LANGUAGES: dict[str, Language] = {"en": "en-US", "ko": "ko-KR"}
STYLE = Path(__file__).with_name("style.css")
SIGNED_OUT = """<script>
(function watch() {
  if (!window.socket) return setTimeout(watch, 500);
  window.socket.on("connect_error", async () => {
    const answer = await fetch("/session", {cache: "no-store"}).catch(() => null);
    if (answer && answer.status === 401) location.reload();
  });
})();
</script>"""  # a page whose session has ended asks to sign in


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's visit of one page: who, in which language, by which theme, from which address."""

    user: User
    texts: Texts
    theme: str
    address: str = ""

    @classmethod
    def of(cls, request: Request) -> "Visit":
        """Of a request that the guard let through; where nobody has to sign in, of the owner."""
        theme = request.cookies.get(THEME_COOKIE, "auto")
        texts = Texts(language_of(request.cookies, request.headers.get("accept-language", "")))
        return cls(request.scope["user"], texts, theme if theme in THEMES else "auto", address_of(request))


def shell(console: Console, visit: Visit, active: str) -> ui.row:
    """Draw the bar on top of a page, `active` being its link's key; returns the place in it for the page's own tools."""
    t = visit.texts
    ui.add_css(STYLE)
    _set_language(t)
    ui.add_body_html(SIGNED_OUT)
    ui.colors(primary="#2f6fd0", dark="#1c2027", dark_page="#14171c")
    dark = ui.dark_mode(THEMES[visit.theme])
    with ui.element("header").classes("mw-bar"):
        ui.link("maskwatch", "/").classes("mw-brand")
        with ui.element("nav").classes("mw-nav"):
            for link in console.links:
                if visit.user.role.may(link.role):
                    with ui.link(target=link.path).classes("mw-tab") as tab:
                        ui.icon(link.icon)
                        ui.label(t(f"shell.{link.key}"))
                    if link.key == active:
                        tab.props("aria-current=page")
        tools = ui.row().classes("items-center gap-2")
        _language_menu(t)
        _theme_button(t, visit.theme, dark)
        _person_menu(visit)
    return tools


def _set_language(t: Texts) -> None:
    """Of the page, of the library's own words (that the connection is lost, say); a page of NiceGUI has one for all visitors."""
    client = ui.context.client
    client.page = copy(client.page)
    client.page.language = LIBRARY_LANGUAGES[t.language]


def keep(cookie: str, value: str) -> None:
    """Have the browser keep something for a year."""
    said = f"{cookie}={quote(value)}; max-age=31536000; path=/; samesite=strict"
    ui.run_javascript(f"document.cookie = {json.dumps(said)}")


def _language_menu(t: Texts) -> None:
    def choose(language: str) -> None:
        keep(COOKIE, language)
        ui.navigate.reload()

    with ui.button(icon="translate").props(f"flat dense round aria-label='{t('shell.language')}'"), ui.menu():
        for language, name in LANGUAGES.items():
            ui.menu_item(name, lambda language=language: choose(language))


def _theme_button(t: Texts, theme: str, dark: ui.dark_mode) -> None:
    themes = list(THEMES)
    chosen = [theme]

    def turn() -> None:
        chosen[0] = themes[(themes.index(chosen[0]) + 1) % len(themes)]
        dark.value = THEMES[chosen[0]]
        button.icon = THEME_ICONS[chosen[0]]
        keep(THEME_COOKIE, chosen[0])

    button = ui.button(icon=THEME_ICONS[theme], on_click=turn)
    button.props(f"flat dense round aria-label='{t('shell.theme')}'")


def _person_menu(visit: Visit) -> None:
    with ui.button(visit.user.name, icon="person").props("flat dense no-caps").classes("mw-more"), ui.menu():
        ui.menu_item(visit.texts("shell.sign_out"), lambda: ui.navigate.to("/logout"))
