"""Saves a draft to the configuration file, and has the service reload it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from uuid import uuid4

from nicegui import ui

from maskwatch.console.context import Monitoring
from maskwatch.console.editor.port import Prepared, SettingsChange, SettingsEditor, Snapshot
from maskwatch.console.shell import Visit
from maskwatch.core.errors import ConfigError, EventError, ServiceError
from maskwatch.core.events import Event, EventKind

RELOAD_S = 60.0
POLL_S = 0.3
UNDONE = "undo"


class SaveOutcome(StrEnum):
    """What became of a configuration that was written; the values are keys of texts."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    NOT_RUNNING = "not_running"
    SLOW = "slow"


class Saving:
    """Saves for one person on one page."""

    def __init__(self, settings: SettingsEditor, monitoring: Monitoring, visit: Visit) -> None:
        self._settings = settings
        self._monitoring = monitoring
        self._visit = visit

    async def ask(self, change: SettingsChange, snapshot: Snapshot) -> Prepared | None:
        """Show in a dialog what would change; None when the person cancels, or it cannot be saved."""
        title = self._visit.texts(f"editor.{_title(snapshot)}")
        named = ui.dialog().props(f'aria-label="{title}"')
        with named as dialog, ui.card().classes("mw-dialog mw-ed-dialog"):
            ui.label(title).classes("mw-ed-title")
            question = _Question(self._settings, change, snapshot, self._visit, dialog)
            await question.show()
        answer = await dialog
        dialog.delete()
        return question.prepared if answer else None

    async def save(self, prepared: Prepared, camera: str) -> tuple[SaveOutcome, str]:
        """Write a change and reload the service; returns the outcome and the reason. Raises `ConfigError`."""
        digest = await asyncio.to_thread(self._settings.save, prepared)
        return await self._in_force(digest, prepared.keys, camera)

    async def undo(self) -> tuple[SaveOutcome, str]:
        """Take the last change back; returns and raises like `save`."""
        digest = await asyncio.to_thread(self._settings.undo)
        return await self._in_force(digest, (UNDONE,), None)

    async def _in_force(
        self, digest: str, keys: Sequence[str], camera: str | None
    ) -> tuple[SaveOutcome, str]:
        await self._note(keys, camera)
        try:
            await self._monitoring.service.reload()
        except ServiceError as e:
            return SaveOutcome.NOT_RUNNING, str(e)
        until_s = time.monotonic() + RELOAD_S
        while time.monotonic() < until_s:
            await asyncio.sleep(POLL_S)
            try:
                config = (await self._monitoring.service.status()).get("config") or {}
            except ServiceError:
                continue  # while it reloads
            if config.get("refused") == digest:
                return SaveOutcome.NOT_TAKEN, str(config.get("problem"))
            if config.get("digest") == digest:
                return SaveOutcome.TAKEN, ""
        return SaveOutcome.SLOW, ""

    async def _note(self, keys: Sequence[str], camera: str | None) -> None:
        data = {"user": self._visit.user.name, "keys": list(keys)}
        event = Event(uuid4().hex, EventKind.SETTINGS, time.time(), camera, data=data)
        try:
            await asyncio.to_thread(self._monitoring.events.add, [event])
        except EventError as e:
            ui.notify(str(e), type="warning")


def _title(snapshot: Snapshot) -> str:
    return "paste_title" if snapshot.why_read_only else "save_title"


class _Question:
    """The content of the dialog: what would be written, for one camera or for all."""

    def __init__(
        self,
        settings: SettingsEditor,
        change: SettingsChange,
        snapshot: Snapshot,
        visit: Visit,
        dialog: ui.dialog,
    ) -> None:
        self._settings = settings
        self._change = change
        self._why_read_only = snapshot.why_read_only
        self._t = visit.texts
        self._dialog = dialog
        self.prepared: Prepared | None = None

    async def show(self) -> None:
        t, read_only = self._t, self._why_read_only
        if read_only:
            ui.label(t("editor.read_only", why=read_only)).classes("mw-notice")
        scopes = {False: t("editor.for_camera"), True: t("editor.for_all")}
        ui.radio(
            scopes, value=self._change.for_all, on_change=lambda e: self._prepare(for_all=e.value)
        ).props("inline dense")
        self._place = ui.column().classes("mw-ed-diff")
        with ui.row().classes("self-end"):
            leave = ui.button(t("editor.close" if read_only else "editor.cancel"))
            leave.props("flat no-caps").on_click(lambda: self._dialog.submit(False))
            self._write = ui.button(t("editor.write"), on_click=lambda: self._dialog.submit(True))
            self._write.props("unelevated no-caps autofocus").set_visibility(not read_only)
        await self._prepare(for_all=self._change.for_all)

    async def _prepare(self, *, for_all: bool) -> None:
        change = replace(self._change, for_all=for_all)
        problem = ""
        try:
            self.prepared = await asyncio.to_thread(self._settings.prepare, change)
        except ConfigError as e:
            self.prepared, problem = None, str(e)
        self._write.set_enabled(self.prepared is not None)
        self._place.clear()
        with self._place:
            if self.prepared is None:
                ui.label(self._t("editor.refused")).classes("mw-ed-title")
                ui.label(problem).classes("mw-notice mw-ed-problem")
                return
            for sign, style, lines in (
                ("-", "mw-ed-gone", self.prepared.removed),
                ("+", "mw-ed-new", self.prepared.added),
            ):
                for line in lines:
                    ui.label(f"{sign} {line}").classes(f"mw-ed-text {style}")
