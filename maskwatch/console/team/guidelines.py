"""What is to be labelled how: the queue's own guidelines.md, else the guidelines that come with the program."""

from pathlib import Path

from nicegui import ui

from maskwatch.console.texts import Texts

MAX_BYTES = 200_000


def guidelines(queue: Path, language: str) -> str:
    """Markdown: guidelines.ko.md (of another language, that), else guidelines.md in the queue's folder, else our own.

    A file that is too large or cannot be read is passed over.
    """
    for name in (f"guidelines.{language}.md", "guidelines.md"):
        try:
            if (queue / name).stat().st_size <= MAX_BYTES:
                return (queue / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return Path(__file__).with_name(f"guidelines.{language}.md").read_text(encoding="utf-8")


class GuidelinesPanel:
    """Stands beside the picture once somebody asks for it; read anew each time it is opened."""

    def __init__(self, queue: Path, t: Texts) -> None:
        self._queue = queue
        self._t = t
        with ui.element("aside").classes("mw-guide") as self._panel:
            self._panel.props("tabindex=0").props["aria-label"] = t("review.guidelines")
            self._text = ui.markdown()
        self._panel.visible = False

    def button(self) -> ui.button:
        """What opens and closes it."""
        said = self._t("review.guidelines")
        button = ui.button(said, icon="menu_book", on_click=self._turn).classes("mw-more")
        button.props("flat dense no-caps padding='4px 10px'").props["aria-label"] = said
        return button

    def _turn(self) -> None:
        if not self._panel.visible:
            self._text.content = guidelines(self._queue, self._t.language)
        self._panel.visible = not self._panel.visible
