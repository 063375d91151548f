"""The page of events of one visit: filters, the strip, the timeline, the dialog of an alert."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from nicegui import ui
from nicegui.events import GenericEventArguments

from maskwatch.console.history import dialog, reading
from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.history.filters import Filters
from maskwatch.console.history.query import ALL_SITES, PATH, Choice, Period
from maskwatch.console.history.rows import rows
from maskwatch.console.history.sentences import DASH, long_date, zone_name
from maskwatch.console.history.strip import drawn, ratio_table
from maskwatch.console.shell import Visit
from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.platform.clock import local_day, utc_now

STYLE = Path(__file__).with_name("style.css")
KEYS = Path(__file__).with_name("keys.js")
NEWS_S = 5.0
JUMP_PAGES = 50  # that a click on the strip loads at most


class Timeline:
    """`query` is the address's. `open` reads what is shown first. `on_sites` is told of each choice among sites."""

    def __init__(
        self, sources: EventSources, visit: Visit, query: Mapping[str, str], on_sites: Callable[[str], None]
    ) -> None:
        self._sources = sources
        self._on_sites = on_sites
        self._t, self._role = visit.texts, visit.user.role
        self._choice = sources.choice(query)
        self._day: date | None = None  # of the last row
        self._until: float | None = None
        self._alerts: list[str] = []
        self._newest: str | None = None
        self._is_loading = False
        ui.add_css(STYLE)
        ui.add_body_html(f"<script>{KEYS.read_text(encoding='utf-8')}</script>")
        with ui.element("main").classes("mw-main mw-history"):
            self._filters = Filters(visit, sources, self._choice, self._changed, self._turn)
            self._above = ui.html(sanitize=False)
            self._problem = ui.label().classes("mw-notice").props("role=alert")
            self._news = ui.button(self._t("history.newer"), icon="expand_less", on_click=self.open)
            self._news.props("unelevated no-caps dense padding='4px 12px'").classes("mw-news")
            self._rows = ui.element("div").classes("mw-rows")
            self._more = ui.button(self._t("history.earlier"), icon="expand_more", on_click=self._older)
            self._more.props("flat no-caps").classes("mw-older")
        self._problem.visible = self._news.visible = self._more.visible = False
        with (
            ui.dialog().props(f"aria-label='{self._t('history.dialog')}'") as self._dialog,
            ui.card().classes("mw-dialog mw-event"),
        ):
            self._alert = ui.html(sanitize=False)
            with ui.row().classes("mw-steps"):
                for icon, step, key in (
                    ("expand_less", -1, "previous_alert"),
                    ("expand_more", 1, "next_alert"),
                ):
                    button = ui.button(icon=icon, on_click=lambda _, step=step: self._step(step))
                    told = self._t(f"history.{key}")
                    button.props(f"flat dense round aria-label='{told}'").tooltip(told)
                ui.button(self._t("history.close"), on_click=self._dialog.close).props("flat no-caps")
        self._dialog.on_value_change(self._toggled)
        ui.on("mw_open", lambda event: self._show_alert(str(event.args)))
        ui.on("mw_step", lambda event: self._step(int(event.args)))
        ui.on("mw_jump", self._jump)
        ui.timer(NEWS_S, self._look_for_news, immediate=False)
        self._tell_sites()

    async def open(self) -> None:
        """Read and show all anew."""
        self._rows.clear()
        self._until, self._day, self._alerts = None, None, []
        self._news.visible = False
        self._problem.visible = False
        await self._read_names()
        await self._read_above()
        await self._load(None)
        self._remember()
        if self._choice.event is not None and not self._dialog.value:
            await self._show_alert(self._choice.event)

    async def _read_names(self) -> None:
        try:
            sites, cameras = await self._sources.names(self._choice)
        except EventError as e:
            self._fail(e)  # the shared store is away: this service's own events are there still
            return
        self._filters.show_names(sites, cameras, self._choice)

    async def _read_above(self) -> None:
        read, choice = self._sources.read, self._choice
        today, has_sites = local_day(utc_now().timestamp()), self._sources.has_sites(choice)
        try:
            found = await read(choice, reading.overview, choice, today, has_sites=has_sites)
            self._newest = await read(choice, reading.newest_id, choice, self._role)
        except EventError as e:
            self._fail(e)
            return
        everybody = (
            choice.camera or self._t(f"history.all_{'sites' if has_sites else 'cameras'}"),
            *found.everybody,
        )
        table = [everybody, *(found.ratios if len(found.ratios) > 1 else ())]
        zone = self._t("history.zone", zone=zone_name(found.strip.span.since))
        self._above.content = (
            f"<h1 class='mw-title'>{escape(self._heading(found))}</h1>"
            f"{drawn(self._t, found.strip, utc_now().timestamp())}"
            f"<p class='mw-faint mw-zone'>{zone} <span class='mw-keys-hint'>{self._t('history.keys')}</span></p>"
            f"{ratio_table(self._t, table, 'site' if has_sites else 'camera')}{self._pictures_told()}"
        )
        self._filters.offer_files(choice, found.day)
        self._shown_day = found.day

    def _pictures_told(self) -> str:
        is_shared = self._sources.is_shared(self._choice)
        return f"<p class='mw-faint mw-zone'>{self._t('history.pictures_stay')}</p>" if is_shared else ""

    def _heading(self, found: reading.Overview) -> str:
        if not found.strip.is_long:
            return long_date(self._t, found.day)
        first, last = (local_day(at) for at in (found.strip.span.since, found.strip.span.until - 1))
        return f"{long_date(self._t, first)} {DASH} {long_date(self._t, last)}"

    async def _load(self, until: float | None) -> None:
        """Append the page that ends at `until`."""
        sources, choice = self._sources, self._choice
        try:
            page, stills = await sources.read(
                choice, reading.rows_of, sources.media, choice, self._role, until
            )
        except EventError as e:
            self._fail(e)
            return
        alerts = [row.id for row in page.rows if isinstance(row, Event) and row.kind is EventKind.ALERT]
        self._alerts += alerts
        self._until = page.until
        self._more.visible = page.until is not None
        with self._rows:
            if page.rows:
                sites = (choice.site or "") if sources.is_shared(choice) else None
                ui.html(rows(self._t, page.rows, self._day, stills, sites=sites), sanitize=False)
                self._day = local_day(page.rows[-1].at)
            elif self._day is None:
                key = "nothing_at_all" if self._choice == Choice() else "nothing"
                ui.label(self._t(f"history.{key}")).classes("mw-empty")

    async def _older(self) -> None:
        if self._until is not None and not self._is_loading:
            self._is_loading = True
            try:
                await self._load(self._until)
            finally:
                self._is_loading = False

    async def _jump(self, event: GenericEventArguments) -> None:
        """To a time that was clicked on; of the week, to its day."""
        at = float(event.args)
        if self._choice.period is Period.WEEK:
            self._filters.show_day(local_day(at), Period.DAY)
            await self._take(replace(self._choice, period=Period.DAY, day=local_day(at)))
        for _ in range(JUMP_PAGES):
            if self._until is None or self._until <= at:
                break
            await self._older()
        ui.run_javascript(f"mwShow({at})")

    async def _changed(self) -> None:
        await self._take(self._filters.choice)

    async def _take(self, choice: Choice) -> None:
        if choice == self._choice:
            return
        if choice.site != self._choice.site and choice.camera is not None:
            choice = replace(choice, camera=None)  # another site's cameras are others
        self._choice = choice
        self._tell_sites()
        await self.open()

    def _tell_sites(self) -> None:
        if self._sources.is_shared(self._choice):
            self._on_sites(self._choice.site or ALL_SITES)

    def _turn(self, days: int) -> None:
        self._filters.show_day(reading.beside(self._shown_day, days))

    async def _look_for_news(self) -> None:
        try:
            newest = await self._sources.read(self._choice, reading.newest_id, self._choice, self._role)
        except EventError:
            return  # told when somebody asks for something
        self._news.visible = newest != self._newest

    async def _show_alert(self, event_id: str) -> None:
        sources, choice, found = self._sources, self._choice, None
        with suppress(ValueError):  # an address may say anything
            try:
                found = await sources.read(choice, reading.alert_of, sources.media, event_id)
            except EventError as e:
                self._fail(e)
                return
        if found is None:
            ui.notify(self._t("history.gone"), type="warning")
            return
        self._choice = replace(self._choice, event=event_id)
        is_elsewhere = sources.is_elsewhere(choice, found.event)
        has_camera = not is_elsewhere and found.event.camera in sources.cameras
        self._alert.content = dialog.content(self._t, found, has_camera=has_camera, is_elsewhere=is_elsewhere)
        self._dialog.open()
        self._remember()

    async def _step(self, step: int) -> None:
        """To the alert below or above, among those that are shown."""
        if self._choice.event in self._alerts:
            number = self._alerts.index(self._choice.event) + step
            if 0 <= number < len(self._alerts):
                await self._show_alert(self._alerts[number])

    def _toggled(self) -> None:
        if not self._dialog.value and self._choice.event is not None:
            ui.run_javascript(f"setTimeout(() => mwFocus('{self._choice.event}'), 300)")
            self._choice = replace(self._choice, event=None)
            self._alert.content = ""  # the clip ends
            self._remember()

    def _remember(self) -> None:
        """In the address, so that a reload or a link shows the same."""
        said = urlencode(self._choice.to_query())
        ui.navigate.history.replace(f"{PATH}?{said}" if said else PATH)

    def _fail(self, error: EventError) -> None:
        self._problem.text = self._t("history.unreadable", problem=error)
        self._problem.visible = True
