"""The buttons below a picture, each with its key."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from maskwatch.console.review.keys import Action
from maskwatch.console.texts import Texts

# what it says (a key of `review.yaml`), icon, the key of the keyboard, and whether the icon alone is shown
BUTTONS: tuple[tuple[Action, str, str, str, bool], ...] = (
    (Action.GALLERY, "gallery", "grid_view", "Esc", False),
    (Action.PREVIOUS, "previous", "arrow_back", "←", True),
    (Action.ACCEPT, "accept_next", "check", "Enter", False),
    (Action.NEXT, "next", "arrow_forward", "→", True),
    (Action.NEW_BOX, "new_box", "add_box", "b", False),
    (Action.REMOVE, "not_a_face", "delete_outline", "4", False),
    (Action.RESET, "reset", "restart_alt", "m", False),
    (Action.UNDO, "undo", "undo", "Ctrl Z", False),
    (Action.REDO, "redo", "redo", "Ctrl Shift Z", True),
)
LESS = {Action.NEW_BOX, Action.REMOVE, Action.RESET, Action.UNDO, Action.GALLERY}
"""An icon alone where there is little room."""


def toolbar(act: Callable[[Action], Awaitable[None]], t: Texts) -> ui.element:
    """The bar; `act` is awaited with what a button stands for. More may be put into it."""
    with ui.element("footer").classes("mw-tools") as bar:
        for action, text, icon, key, alone in BUTTONS:
            said = t(f"review.{text}")
            button = ui.button("" if alone else said, icon=icon, on_click=lambda _, a=action: act(a))
            button.tooltip(f"{said} ({key})").classes("mw-more" if action in LESS else "")
            look = "unelevated" if action is Action.ACCEPT else "flat"
            button.props(f"{look} dense no-caps padding='4px 10px'")
            button.props["aria-label"] = said
    return bar
