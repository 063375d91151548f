"""Users: who may use the console, for admins."""

from fastapi import FastAPI, Request
from nicegui import ui

from maskwatch.console.context import Console
from maskwatch.console.people.dialogs import ask_new_user, ask_password, ask_removal, attempt
from maskwatch.console.shell import Visit, shell
from maskwatch.console.users import Account, Role, Users


def add_pages(app: FastAPI, console: Console) -> None:  # noqa: ARG001
    """Below `/people`, where the console has a file of users."""
    users = console.users
    if users is None:
        return

    @ui.page("/people", title="maskwatch")
    def page(request: Request) -> None:
        visit = Visit.of(request)
        tools = shell(console, visit, "people")
        _People(console, visit, users).draw(tools)


class _People:
    """The list on one person's page."""

    def __init__(self, console: Console, visit: Visit, users: Users) -> None:
        self._console = console
        self._visit = visit
        self._users = users
        self._t = visit.texts

    def draw(self, tools: ui.row) -> None:
        t = self._t
        with tools:
            add = ui.button(t("people.add"), icon="person_add", on_click=self._add)
            add.props("unelevated no-caps color=primary")
        with ui.element("main").classes("mw-main mw-people"):
            ui.html(f"<h1>{t('people.title')}</h1>").classes("mw-title")
            self._list = ui.refreshable(self._rows)
            self._list()

    def _rows(self) -> None:
        t, accounts = self._t, self._users.all()
        if not accounts:
            ui.label(t("people.first")).classes("mw-notice")
        for account in accounts:
            self._row(account)
        with ui.element("dl").classes("mw-roles"):
            for role in Role:
                ui.html(t(f"people.{role}"), tag="dt")
                ui.html(t(f"people.{role}_may"), tag="dd")

    def _row(self, account: Account) -> None:
        t, name = self._t, account.name
        with ui.element("section").classes("mw-person").props(f'aria-label="{_attribute(name)}"'):
            with ui.element("div").classes("mw-who"):
                ui.label(name).classes("mw-name")
                you = f" · {t('people.you')}" if name == self._visit.user.name else ""
                ui.label(t("people.since", day=account.made_at[:10]) + you).classes("mw-since")
            role = ui.select({each.value: t(f"people.{each}") for each in Role}, value=account.role.value)
            role.props(
                f'dense outlined options-dense aria-label="{_attribute(t("people.role_of", name=name))}"'
            )
            role.on_value_change(lambda event: self._set_role(account, Role(event.value)))
            self._button("key", t("people.new_password_of", name=name), lambda: self._new_password(account))
            self._button("delete", t("people.remove_of", name=name), lambda: self._remove(account))

    @staticmethod
    def _button(icon: str, label: str, on_click: object) -> None:
        button = ui.button(icon=icon, on_click=on_click)  # type: ignore[arg-type]
        button.props(f'flat round dense aria-label="{_attribute(label)}"').tooltip(label)

    async def _add(self) -> None:
        role = Role.VIEWER if self._users.all() else Role.ADMIN
        wanted = await ask_new_user(self._t, role)
        if wanted is not None:
            done = await attempt(
                self._t, lambda: self._users.add(wanted.name, wanted.role, wanted.password), wanted.name
            )
            self._after("user_added", wanted.name, done=done)

    async def _set_role(self, account: Account, role: Role) -> None:
        done = await attempt(self._t, lambda: self._users.set_role(account.name, role), account.name)
        self._after(f"role_{role}", account.name, done=done)

    async def _new_password(self, account: Account) -> None:
        password = await ask_password(self._t, account.name)
        if password is not None:
            done = await attempt(
                self._t, lambda: self._users.set_password(account.name, password), account.name
            )
            self._after("new_password", account.name, done=done)

    async def _remove(self, account: Account) -> None:
        if await ask_removal(self._t, account.name):
            done = await attempt(self._t, lambda: self._users.remove(account.name), account.name)
            self._after("user_removed", account.name, done=done)

    def _after(self, action: str, target: str, *, done: bool) -> None:
        if done:
            ui.notify(self._t("people.done"), type="positive")
            self._console.note_access(self._visit.user, action, target, self._visit.address)
        self._list.refresh()


def _attribute(text: str) -> str:
    """As it may stand in double quotes in `props`."""
    return text.replace("\\", "\\\\").replace('"', "'")
