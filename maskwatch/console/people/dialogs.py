"""What the page of users asks, and how it says what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nicegui import run, ui

from maskwatch.console.texts import Texts
from maskwatch.console.users import (
    MAX_NAME,
    MIN_PASSWORD,
    Role,
    UserChangeError,
    UserProblem,
    checked_password,
    checked_user_name,
)
from maskwatch.core.errors import UserError


@dataclass(frozen=True, slots=True)
class NewUser:
    """What somebody entered."""

    name: str
    role: Role
    password: str = field(repr=False)


async def ask_new_user(t: Texts, role: Role) -> NewUser | None:
    """None when it was given up."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("people.add")).classes("text-h6")
        name = ui.input(t("people.name")).props("outlined autofocus autocomplete=off").classes("full-width")
        roles = {each.value: t(f"people.{each}") for each in Role}
        chosen = ui.select(roles, value=role.value, label=t("people.role"))
        chosen.props("outlined").classes("full-width")
        may = ui.label().classes("mw-since")
        may.bind_text_from(chosen, "value", lambda value: t(f"people.{value}_may"))
        first, second = _password_fields(t)

        def made() -> NewUser:
            entered = checked_user_name(name.value or "")
            return NewUser(entered, Role(chosen.value), _same(first, second, entered))

        submit = lambda: _submit_checked(t, dialog, made)  # noqa: E731
        second.on("keydown.enter", submit)
        _buttons(t, dialog, t("people.save"), submit)
    found: NewUser | None = await dialog
    return found


async def ask_password(t: Texts, name: str) -> str | None:
    """A new one for a user; None when it was given up."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("people.new_password_of", name=name)).classes("text-h6")
        first, second = _password_fields(t)
        submit = lambda: _submit_checked(t, dialog, lambda: _same(first, second, name))  # noqa: E731
        second.on("keydown.enter", submit)
        _buttons(t, dialog, t("people.save"), submit)
    found: str | None = await dialog
    return found


async def ask_removal(t: Texts, name: str) -> bool:
    """Whether somebody is sure."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("people.remove_of", name=name)).classes("text-h6")
        ui.label(t("people.remove_sure", name=name))
        _buttons(t, dialog, t("people.remove"), lambda: dialog.submit(True))
    return bool(await dialog)


async def attempt(t: Texts, change: Callable[[], object], name: str) -> bool:
    """Make a change in a thread; whether it was made. Why not is shown."""
    try:
        await run.io_bound(change)
    except UserError as e:
        ui.notify(told(t, e, name), type="negative", multi_line=True)
        return False
    return True


def _password_fields(t: Texts) -> tuple[ui.input, ui.input]:
    def field(label: str) -> ui.input:
        made = ui.input(label, password=True, password_toggle_button=True)
        return made.props("outlined autocomplete=new-password").classes("full-width")

    return field(t("people.password", count=MIN_PASSWORD)), field(t("people.again"))


def _same(first: ui.input, second: ui.input, name: str) -> str:
    """The password that was entered twice. Raises `UserChangeError`."""
    if (first.value or "") != (second.value or ""):
        raise UserChangeError(UserProblem.DIFFER, "the two passwords differ")
    return checked_password(name, first.value or "")


def _submit_checked(t: Texts, dialog: ui.dialog, make: Callable[[], object]) -> None:
    """Close the dialog with what was entered, or say what is wrong with it."""
    try:
        dialog.submit(make())
    except UserChangeError as e:
        ui.notify(told(t, e, ""), type="warning", multi_line=True)


def _buttons(t: Texts, dialog: ui.dialog, label: str, on_click: Callable[[], None]) -> None:
    with ui.row().classes("self-end"):
        ui.button(t("people.cancel"), on_click=lambda: dialog.submit(None)).props("flat no-caps")
        ui.button(label, on_click=on_click).props("unelevated no-caps")


def told(t: Texts, error: UserError, name: str) -> str:
    """An error in the person's language."""
    match error.problem if isinstance(error, UserChangeError) else None:
        case UserProblem.NAME:
            return t("people.bad_name", count=MAX_NAME)
        case UserProblem.PASSWORD:
            return t("people.bad_password", count=MIN_PASSWORD)
        case UserProblem.DIFFER:
            return t("people.differ")
        case UserProblem.TAKEN:
            return t("people.taken", name=name)
        case UserProblem.LAST_ADMIN:
            return t("people.last_admin", name=name)
    return t("people.failed", reason=str(error))
