"""Where people add pictures of their own."""

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import UploadEventArguments

from maskwatch.console.review.uploads import CAMERA, MAX_BYTES, SUFFIXES, Uploads
from maskwatch.core.errors import MaskwatchError

MAX_AT_ONCE = 100


def upload_dialog(uploads: Uploads, on_stored: Callable[[], Awaitable[None]]) -> ui.dialog:
    """A closed dialog for JPEG and PNG files; `on_stored` is awaited after each that joins the queue."""

    async def store(event: UploadEventArguments) -> None:
        try:
            data = await event.file.read()
            stored = await asyncio.to_thread(uploads.store, event.file.name, data)
        except MaskwatchError as e:
            ui.notify(str(e), type="negative", close_button=True, timeout=0)
            return
        found = f"{stored.faces} faces proposed" if stored.proposed else "no faces proposed"
        ui.notify(f"{event.file.name}: added, {found}", type="positive")
        await on_stored()

    def refuse() -> None:
        ui.notify(
            f"Only JPEG and PNG of at most {MAX_BYTES // 1_000_000} MB, {MAX_AT_ONCE} at once.",
            type="warning",
        )

    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.html(
            f"<h2>Add pictures</h2><p>They join the queue as camera <b>{CAMERA}</b>, "
            "with the faces that the detector finds.</p>"
        )
        field = ui.upload(
            multiple=True,
            auto_upload=True,
            max_file_size=MAX_BYTES,
            max_files=MAX_AT_ONCE,
            on_upload=store,
            on_rejected=refuse,
            label="JPEG or PNG: drop them here, or +",
        )
        dialog.on("hide", field.reset)
        field.props(f'accept="{",".join(SUFFIXES)}" flat bordered').classes("full-width")
        ui.button("Close", on_click=dialog.close).props("flat no-caps").classes("self-end")
    return dialog
