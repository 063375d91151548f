"""The settings page of one person."""

import asyncio
from collections.abc import Coroutine
from html import escape
from typing import Any

from nicegui import background_tasks, ui

from maskwatch.console.context import Console, Monitoring
from maskwatch.console.editor.canvas import Canvas
from maskwatch.console.editor.draft import Draft, Thresholds, Variant
from maskwatch.console.editor.figures import figures_table
from maskwatch.console.editor.panels import PlaceList, Sliders, Tools
from maskwatch.console.editor.port import SettingsChange, SettingsEditor, Snapshot
from maskwatch.console.editor.saving import SaveOutcome, Saving
from maskwatch.console.editor.timeline import timeline
from maskwatch.console.editor.trial import Trial
from maskwatch.console.shell import Visit
from maskwatch.core.errors import ConfigError, ServiceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.what_if import Course
from maskwatch.evaluation.thresholds import labelled_figures

WIDTH_PX = 960  # of the picture
REFRESH_S = 3.0  # between two judgements of the recorded minute, which goes on
NOTHING = Draft([], Thresholds(0.5, 0.75, 1.0))


class EditorPage:
    """`open` shows the first camera. Runs on the event loop of the page, and on threads what takes longer."""

    def __init__(
        self, console: Console, monitoring: Monitoring, settings: SettingsEditor, visit: Visit
    ) -> None:
        self._t = visit.texts
        self._console = console
        self._service = monitoring.service
        self._settings = settings
        self._saving = Saving(settings, monitoring, visit)
        self._snapshot: Snapshot | None = None
        self._draft = NOTHING
        self._start = NOTHING.variant
        self._trial = Trial(self._service, settings, "")
        self._stale = self._is_busy = False
        self._labelled: tuple[Any, ...] = ()
        self._camera: ui.select | None = None
        self._build()

    async def open(self) -> None:
        """Read the configuration, and begin."""
        await self._read("")
        ui.timer(max(0.5, 1 / self._console.settings.fps), self._tick)
        ui.timer(REFRESH_S, lambda: self._try(again=True))

    def _build(self) -> None:
        t, draft = self._t, lambda: self._draft
        with ui.element("main").classes("mw-ed"):
            with ui.element("section").classes("mw-ed-left"):
                with ui.row().classes("mw-ed-head"):
                    self._camera = ui.select(
                        [], label=t("editor.camera"), on_change=lambda e: self._later(self._choose(e.value))
                    )
                    self._camera.props("dense outlined options-dense").classes("mw-ed-camera")
                    self._live = ui.label().classes("mw-ed-live")
                self._canvas = Canvas(t, draft, self._changed)
                self._tools = Tools(t, self._canvas, draft, self._changed)
                ui.label(t("editor.help")).classes("mw-ed-hint")
            with ui.element("section").classes("mw-ed-right"):
                with ui.element("div").classes("mw-ed-card"):
                    ui.label(t("editor.places")).classes("mw-ed-title")
                    self._list = PlaceList(t, draft, self._changed)
                with ui.element("div").classes("mw-ed-card"):
                    ui.label(t("editor.thresholds")).classes("mw-ed-title")
                    self._sliders = Sliders(t, draft, self._changed)
                self._minute_card()
                with ui.element("div").classes("mw-ed-card"):
                    ui.label(t("editor.labels")).classes("mw-ed-title")
                    self._figures = ui.html()
        self._foot()

    def _minute_card(self) -> None:
        t = self._t
        with ui.element("div").classes("mw-ed-card"):
            with ui.row().classes("mw-ed-said"):
                ui.label(t("editor.recorded")).classes("mw-ed-title")
                self._hold = ui.switch(t("editor.hold"), on_change=self._held).props("dense")
            self._timeline = ui.html()
            with ui.row().classes("mw-ed-legend"):
                self._alerts_now = ui.label().classes("mw-ed-key mw-ed-key-now")
                self._alerts_tried = ui.label().classes("mw-ed-key mw-ed-key-tried")
            ui.label(t("editor.minute_is")).classes("mw-ed-hint")

    def _foot(self) -> None:
        t = self._t
        with ui.element("footer").classes("mw-ed-foot"):
            self._message = ui.label().classes("mw-ed-message").props('role="status"')
            self._undo_saved = ui.button(t("editor.undo_saved"), icon="history", on_click=self._undo)
            self._undo_saved.props("flat no-caps dense")
            self._save = ui.button(t("editor.save"), icon="save", on_click=self._ask)
            self._save.props("unelevated no-caps")

    async def _read(self, camera: str) -> None:
        """Read the configuration file and show a camera of it."""
        try:
            self._snapshot = await asyncio.to_thread(self._settings.read)
        except ConfigError as e:
            self._message.text = str(e)
            return
        names = list(self._snapshot.cameras)
        if not names:
            self._message.text = self._t("editor.no_cameras")
            return
        assert self._camera is not None
        chosen = camera if camera in names else names[0]
        self._camera.set_options(names, value=chosen)
        await self._choose(chosen, anew=True)

    async def _choose(self, camera: str, *, anew: bool = False) -> None:
        if self._snapshot is None or (camera == self._trial.camera and not anew):
            return
        settings = self._snapshot.cameras[camera]
        self._draft = Draft(settings.places, settings.thresholds)
        self._start = self._draft.variant
        self._trial = Trial(self._service, self._settings, camera)
        self._hold.value = False  # there is no minute yet to hold
        self._labelled = ()
        self._canvas.explain(self._t("editor.aggregate") if settings.privacy is Privacy.AGGREGATE else "")
        self._changed()

    def _changed(self) -> None:
        """Show the draft, and start to try it."""
        self._canvas.redraw()
        self._tools.refresh()
        self._list.refresh()
        self._sliders.refresh()
        self._save.set_enabled(self._draft.changed)
        self._undo_saved.set_visibility(bool(self._snapshot and self._snapshot.can_undo))
        self._undo_saved.set_enabled(not self._draft.changed)
        self._stale = True
        self._later(self._try())

    async def _tick(self) -> None:
        """Show the camera's latest frame, judged by the draft."""
        trial = self._trial
        if self._snapshot is None or not trial.camera:
            return
        if self._snapshot.cameras[trial.camera].privacy is Privacy.AGGREGATE:
            return  # its frames may not be shown
        try:
            await trial.follow()
            report, jpeg = await self._service.frame(trial.camera, WIDTH_PX)
        except ServiceError as e:
            if self._trial is trial:
                self._canvas.explain(str(e))
            return
        if self._trial is trial:
            tried = trial.tried(report)
            self._canvas.show(tried, jpeg)
            ratio = tried.protected_ratio
            self._live.text = (
                self._t("editor.nobody")
                if ratio is None
                else self._t("editor.ratio_now", ratio=f"{ratio:.0%}", people=tried.people)
            )

    async def _try(self, *, again: bool = False) -> None:
        """Judge the recorded minute by the draft; once more where the draft changes meanwhile."""
        self._stale = self._stale or (again and not self._trial.held)
        if self._is_busy or not self._trial.camera:
            return
        self._is_busy = True
        try:
            while self._stale:
                self._stale = False
                trial, tried = self._trial, self._draft.variant
                now, then = await trial.courses(self._start, tried)
                if trial is self._trial:
                    self._show(now, then, tried)
                    await self._count(trial.camera, tried)
        except ConfigError as e:
            self._message.text = str(e)
        finally:
            self._is_busy = False

    def _show(self, now: Course, tried: Course, by: Variant) -> None:
        self._timeline.set_content(timeline(self._t, now, tried, by.thresholds.protected_ratio))
        self._alerts_now.text = self._t("editor.alerts_now", count=len(now.alerts))
        self._alerts_tried.text = self._t("editor.alerts_tried", count=len(tried.alerts))

    async def _count(self, camera: str, tried: Variant) -> None:
        """Compare the draft with the queue's labels, unless nothing has changed since the last time."""

        def both() -> tuple[tuple[Any, ...], str]:
            found = self._console.review.queue.samples()
            samples = [each for each in found if each.report.camera == camera and each.labels is not None]
            key = (camera, tried, [(each.id, each.revision) for each in samples])
            if key == self._labelled:
                return key, ""
            at = self._settings.recorded_at(camera)
            by = [
                self._settings.bounds(camera, each.places, each.thresholds) for each in (self._start, tried)
            ]
            now, then = (labelled_figures(samples, bounds, at) for bounds in by)
            return key, figures_table(self._t, now, then)

        self._labelled, table = await asyncio.to_thread(both)
        if table:
            self._figures.set_content(table)

    def _held(self) -> None:
        self._trial.held = bool(self._hold.value)

    async def _ask(self) -> None:
        if self._snapshot is None:
            return
        camera = self._trial.camera
        change = SettingsChange(camera, self._draft.places, self._draft.thresholds, self._snapshot.digest)
        prepared = await self._saving.ask(change, self._snapshot)
        if prepared is not None:
            await self._finish(self._saving.save(prepared, camera), camera, self._t("editor.taken"))

    async def _undo(self) -> None:
        await self._finish(self._saving.undo(), self._trial.camera, self._t("editor.undone"))

    async def _finish(
        self, saving: Coroutine[Any, Any, tuple[SaveOutcome, str]], camera: str, taken: str
    ) -> None:
        self._message.text = self._t("editor.waiting")
        self._save.set_enabled(False)
        try:
            outcome, why = await saving
        except ConfigError as e:
            self._message.text = str(e)
            self._save.set_enabled(self._draft.changed)
            return
        self._message.text = (
            taken if outcome is SaveOutcome.TAKEN else self._t(f"editor.{outcome.value}", why=why)
        )
        await self._read(camera)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        background_tasks.create(work, name=f"editor {escape(self._trial.camera)}")
