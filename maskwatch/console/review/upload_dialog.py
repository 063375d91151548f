"""Where people add pictures of their own: each file with what became of it beside its name."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from maskwatch.console.review.uploads import CAMERA, MAX_BYTES, SUFFIXES, Refusal
from maskwatch.console.texts import Texts
from maskwatch.core.errors import MALFORMED
from maskwatch.core.records import MAX_PIXELS

PATH = "/queue/upload"
MAX_AT_ONCE = 100
LONGEST_LIST = 200
# what Quasar's uploader says of files that it does not even send
REJECTIONS = {
    "max-file-size": Refusal.TOO_LARGE.value,
    "accept": Refusal.NO_PICTURE.value,
    "max-files": "too_many_files",
}
NAMES = "files.map(f => f.name)"


class UploadList:
    """The files of one visit, the newest first, each with what became of it."""

    def __init__(self, t: Texts, on_stored: Callable[[], None]) -> None:
        self._t = t
        self._on_stored = on_stored
        self._said: dict[str, tuple[str, str]] = {}
        self._list = ui.html().classes("mw-uploads").props("role=status")

    def sent(self, names: list[str]) -> None:
        """They are on their way."""
        self._tell({name: ("running", self._t("review.upload_running")) for name in names})

    def rejected(self, entries: list[dict[str, Any]]) -> None:
        """The browser did not send them."""
        told = {each["name"]: REJECTIONS.get(each["reason"], Refusal.NO_PICTURE.value) for each in entries}
        self._tell({name: ("refused", self._sentence(reason)) for name, reason in told.items()})

    def answered(self, names: list[str], answer: dict[str, Any]) -> None:
        """The server took or refused them; `answer` is what `upload_answer` made."""
        if "refused" in answer:
            said = ("refused", self._sentence(answer["refused"], answer.get("why", "")))
        elif answer.get("proposed"):
            said = ("stored", self._t("review.upload_added", count=answer["faces"]))
        else:
            said = ("stored", self._t("review.upload_no_faces"))
        self._tell(dict.fromkeys(names, said))
        if said[0] == "stored":
            self._on_stored()

    def _sentence(self, reason: str, why: str = "") -> str:
        return self._t(
            f"review.upload_{reason}",
            mb=MAX_BYTES // 1_000_000,
            millions=MAX_PIXELS // 1_000_000,
            count=MAX_AT_ONCE,
            why=why,
        )

    def _tell(self, said: dict[str, tuple[str, str]]) -> None:
        """Escaped: a file may be called anything."""
        rest = {name: each for name, each in self._said.items() if name not in said}
        self._said = dict(list((said | rest).items())[:LONGEST_LIST])
        self._list.content = "".join(
            f'<div class="mw-upload mw-{state}"><b>{escape(name)}</b><span>{escape(text)}</span></div>'
            for name, (state, text) in self._said.items()
        )


def upload_dialog(t: Texts, on_stored: Callable[[], None]) -> ui.dialog:
    """A closed dialog for JPEG and PNG files; `on_stored` is called after each that joins the queue."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("review.add")).classes("mw-title")
        ui.label(t("review.upload_about", camera=CAMERA)).classes("mw-said-below")
        field = ui.element("q-uploader").classes("full-width mw-uploader")
        field.props(f'accept="{",".join(SUFFIXES)}" multiple auto-upload flat bordered send-raw')
        field.props(f"max-file-size={MAX_BYTES} max-files={MAX_AT_ONCE}")
        field.props["label"] = t("review.upload_drop")
        field.props[":url"] = f"files => '{PATH}?name=' + encodeURIComponent(files[0].name)"
        files = UploadList(t, on_stored)
        field.on("uploading", lambda e: files.sent(e.args), js_handler=f"({{files}}) => emit({NAMES})")
        field.on(
            "rejected",
            lambda e: files.rejected(e.args),
            js_handler="es => emit(es.map(e => ({name: e.file.name, reason: e.failedPropValidation})))",
        )
        for event in ("uploaded", "failed"):
            field.on(
                event,
                lambda e: _answered(files, e),
                js_handler=f"({{files, xhr}}) => emit({{names: {NAMES}, answer: xhr.responseText}})",
            )
        dialog.on("hide", lambda: field.run_method("reset"))
        ui.button(t("review.close"), on_click=dialog.close).props("flat no-caps").classes("self-end")
    return dialog


def _answered(files: UploadList, event: GenericEventArguments) -> None:
    try:
        answer = {**json.loads(event.args["answer"])}
    except MALFORMED:  # the connection was lost, or the session had ended
        answer = {"refused": "failed"}
    files.answered([str(name) for name in event.args["names"]], answer)
