"""The gallery: all samples that pass the filters, page by page."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from nicegui import background_tasks, ui

from maskwatch.console.context import Console
from maskwatch.console.review import cards, filters
from maskwatch.console.review.filters import Choices, Filter, LabelProgress, LabelState, Order, Page, Viewer
from maskwatch.console.review.frame import PageFrame
from maskwatch.console.review.upload_dialog import upload_dialog
from maskwatch.samples.team import Team, read_team

REFRESH_S = 4.0
PATIENCE_S = 0.5  # a queue that is read for longer is shown when it is read; the page comes before


@dataclass(frozen=True, slots=True)
class _Found:
    """What the queue has for the filter just now; `first` is the first picture that waits, or the first of all."""

    team: Team
    choices: Choices
    page: Page
    progress: LabelProgress
    first: str | None
    is_waiting: bool
    is_empty: bool


class Gallery:
    """The page of one visit. The request tells the person, the filter and the page."""

    def __init__(self, console: Console, request: Request) -> None:
        query = request.query_params
        self._review = console.review
        self._filter = filters.from_query(query)
        self._number = int(query["page"]) if query.get("page", "").isdecimal() else 1
        self._found: _Found | None = None
        self._shown = ""
        self._client = ui.context.client
        self._frame = PageFrame(console, request, "queue", self._refresh_soon)
        self._t = self._frame.t
        upload = upload_dialog(self._t, self._refresh_soon)
        with self._frame.tools:
            add = ui.button(self._t("review.add"), icon="add_photo_alternate", on_click=upload.open)
            add.props("flat dense no-caps").classes("mw-add")
            self._start = ui.button(self._t("review.label"), icon="play_arrow", on_click=self._begin)
            self._start.props("unelevated dense no-caps padding='4px 14px'")
            self._start.set_enabled(False)
        with ui.element("main").classes("mw-gallery"):
            self._filters()
            self._reading = ui.label(self._t("review.reading")).classes("mw-reading")
            self._grid = ui.html()
            with ui.element("nav").classes("mw-pages").props(f"aria-label='{self._t('review.page')}'"):
                self._pages = ui.pagination(1, 1, direction_links=True, value=1, on_change=self._paged)
                self._pages.props("max-pages=9 boundary-numbers")
                self._pages.visible = False
        ui.timer(REFRESH_S, self.refresh, immediate=False)

    def _filters(self) -> None:
        t, wanted = self._t, self._filter
        with ui.element("div").classes("mw-filters"):
            self._share = self._select(
                "share", {"": t("review.share_all"), "mine": t("review.share_mine")}, "mine" * wanted.mine
            )
            self._camera = self._select("camera", {"": t("review.all_cameras")}, wanted.camera or "")
            self._day = self._select("day", {"": t("review.all_days")}, wanted.day or "")
            self._reason = self._select("reason", {"": t("review.all_reasons")}, wanted.reason or "")
            states = {state.value: t(f"review.state_{state}") for state in LabelState}
            self._state = self._select("labels", states, wanted.state.value)
            orders = {order.value: t(f"review.order_{order}") for order in Order}
            self._order = self._select("order", orders, wanted.order.value)
            self._least = self._confidence("least_confidence", wanted.at_least)
            self._most = self._confidence("most_confidence", wanted.at_most)
            self._search = ui.input(t("review.search"), value=wanted.search, on_change=self._changed)
            self._search.props("outlined dense clearable debounce=300")
            ui.button(t("review.show_all"), on_click=self._show_all).props("flat dense no-caps")

    def _select(self, label: str, options: dict[str, str], value: str) -> ui.select:
        known = options if value in options else options | {value: value}
        field = ui.select(known, label=self._t(f"review.{label}"), value=value, on_change=self._changed)
        return field.props("outlined dense options-dense").classes(f"mw-by-{label}")

    def _confidence(self, text: str, value: float) -> ui.number:
        t = self._t
        field = ui.number(t(f"review.{text}"), value=value, min=0, max=1, step=0.05, on_change=self._changed)
        field.props("outlined dense debounce=300").classes("mw-sure").tooltip(t("review.confidence_why"))
        return field

    async def open(self) -> None:
        """Show what is in the queue, now or, where it has to be read first, as soon as that is done."""
        reading = background_tasks.create(self.refresh(), context=self._client)
        await asyncio.wait({reading}, timeout=PATIENCE_S)

    async def refresh(self) -> None:
        """Read what is in the queue now, and show it where anything changed."""
        wanted = self._filter
        found = await asyncio.to_thread(self._look, wanted, self._number, self._frame.name)
        if wanted == self._filter:
            self._show(found)

    def _refresh_soon(self) -> None:
        background_tasks.create(self.refresh(), context=self._client)

    def _look(self, wanted: Filter, number: int, person: str) -> _Found:
        samples = self._review.queue.samples()
        viewer = Viewer(read_team(self._review.queue.folder), person)
        chosen = filters.chosen(samples, wanted, viewer)
        waiting = next((sample for sample in chosen if sample.labels is None), None)
        today = datetime.now().astimezone().date()
        return _Found(
            viewer.team,
            filters.choices(samples),
            filters.page(chosen, number),
            filters.progress(samples, wanted, person, today, viewer),
            waiting.id if waiting else chosen[0].id if chosen else None,
            waiting is not None,
            not samples,
        )

    def _show(self, found: _Found) -> None:
        t, self._found = self._t, found
        _offer(self._camera, t("review.all_cameras"), found.choices.cameras)
        _offer(self._day, t("review.all_days"), found.choices.days)
        _offer(self._reason, t("review.all_reasons"), found.choices.reasons)
        self._share.visible = bool(found.team.labellers) or self._filter.mine
        page, self._number = found.page, found.page.number
        unsaved = self._review.drafts.samples(self._frame.name)
        shown = cards.grid(page.samples, self._filter.to_query(), t, unsaved)
        if not page.samples:
            shown = cards.empty(t, "empty" if found.is_empty else "nothing_fits")
        if shown != self._shown:
            self._grid.content = self._shown = shown
        self._reading.visible = False
        self._pages.max = page.count
        self._pages.value = page.number
        self._pages.visible = page.count > 1
        self._start.set_enabled(found.first is not None)
        self._frame.tell(found.progress)

    async def _changed(self) -> None:
        plain = Filter()
        wanted = Filter(
            camera=self._camera.value or None,
            day=self._day.value or None,
            reason=self._reason.value or None,
            state=LabelState(self._state.value),
            at_least=_share(self._least.value, plain.at_least),
            at_most=_share(self._most.value, plain.at_most),
            search=self._search.value or "",
            order=Order(self._order.value),
            mine=self._share.value == "mine",
        )
        if wanted != self._filter:
            self._filter, self._number = wanted, 1
            self._remember()
            await self.refresh()

    def _show_all(self) -> None:
        plain = Filter()
        self._least.value, self._most.value = plain.at_least, plain.at_most
        self._search.value = plain.search
        for field in (self._camera, self._day, self._reason, self._share):
            field.value = ""
        self._state.value, self._order.value = plain.state.value, plain.order.value

    async def _paged(self) -> None:
        if self._pages.value != self._number:
            self._number = int(self._pages.value or 1)
            self._remember()
            await self.refresh()
            ui.run_javascript("window.scrollTo(0, 0)")

    def _remember(self) -> None:
        """In the address, so that a reload or a link shows the same."""
        query = self._filter.to_query() | ({"page": str(self._number)} if self._number > 1 else {})
        ui.navigate.history.replace(cards.gallery_path(query))

    def _begin(self) -> None:
        """To the first picture that waits for a label; where none does, the first of all."""
        found, query = self._found, self._filter.to_query()
        if found is None or found.first is None:
            return
        if found.is_waiting and self._filter.state is LabelState.ANY:
            query["state"] = LabelState.WAITING.value
        ui.navigate.to(cards.sample_path(found.first, query))


def _offer(field: ui.select, everything: str, names: tuple[str, ...]) -> None:
    """Keep what is chosen, even where no sample has it any more."""
    chosen = field.value or ""
    options = {"": everything} | {name: name for name in names} | ({chosen: chosen} if chosen else {})
    if field.options != options:
        field.set_options(options, value=chosen)


def _share(value: float | None, default: float) -> float:
    return default if value is None else min(1.0, max(0.0, value))
