"""The gallery: all samples that pass the filters, page by page."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from nicegui import ui

from maskwatch.console.review import cards, filters
from maskwatch.console.review.context import Review
from maskwatch.console.review.filters import Filter, LabelState, Order
from maskwatch.console.review.frame import PageFrame
from maskwatch.console.review.upload_dialog import upload_dialog
from maskwatch.samples.sample import Sample

REFRESH_S = 4.0
STATES = {
    LabelState.ANY: "any",
    LabelState.WAITING: "waiting",
    LabelState.LABELLED: "labelled",
    LabelState.PROTECTED: "with protected",
    LabelState.UNPROTECTED: "with unprotected",
    LabelState.WORN_WRONG: "with worn wrong",
    LabelState.UNKNOWN: "with unknown",
    LabelState.NO_FACE: "without a face",
}
ORDERS = {
    Order.MISSES: "misses first",
    Order.OLDEST: "oldest first",
    Order.NEWEST: "newest first",
    Order.UNSURE: "least sure first",
}


class Gallery:
    """The page of one visit. `cookies` tell the person's name and look; `query` the filter and the page."""

    def __init__(self, review: Review, cookies: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._review = review
        self._filter = filters.from_query(query)
        self._number = int(query["page"]) if query.get("page", "").isdecimal() else 1
        self._samples: list[Sample] = []
        self._shown = ""
        self._frame = PageFrame(cookies, review.by, self._tell)
        upload = upload_dialog(review.uploads, self.refresh)
        with self._frame.tools:
            add = ui.button("Add pictures", icon="add_photo_alternate", on_click=upload.open)
            add.props("flat dense no-caps").classes("mw-add")
            self._start = ui.button("Label", icon="play_arrow", on_click=self._begin)
            self._start.props("unelevated dense no-caps padding='4px 14px'")
        self._filters()
        self._grid = ui.html()
        with ui.element("div").classes("mw-pages"):
            self._pages = ui.pagination(1, 1, direction_links=True, value=1, on_change=self._paged)
            self._pages.props("max-pages=9 boundary-numbers")
        ui.timer(REFRESH_S, self.refresh, immediate=False)

    def _filters(self) -> None:
        wanted = self._filter
        with ui.element("div").classes("mw-filters"):
            self._camera = self._select("camera", {"": "all cameras"}, wanted.camera or "")
            self._day = self._select("day", {"": "all days"}, wanted.day or "")
            self._reason = self._select("reason", {"": "all reasons"}, wanted.reason or "")
            self._state = self._select(
                "labels", {s.value: text for s, text in STATES.items()}, wanted.state.value
            )
            self._order = self._select(
                "order", {o.value: text for o, text in ORDERS.items()}, wanted.order.value
            )
            with ui.element("div").classes("mw-sure"):
                self._sure_text = ui.label().tooltip("The lowest that any model gave in the picture")
                self._sure = ui.range(min=0, max=1, step=0.01, on_change=self._changed)
                self._sure.value = {"min": wanted.at_least, "max": wanted.at_most}
                self._sure.props("dense")
            self._search = ui.input("search id", value=wanted.search, on_change=self._changed)
            self._search.props("outlined dense clearable debounce=300")
            ui.button("Show all", on_click=self._show_all).props("flat dense no-caps")

    def _select(self, label: str, options: dict[str, str], value: str) -> ui.select:
        known = options if value in options else options | {value: value}
        field = ui.select(known, label=label, value=value, on_change=self._changed)
        return field.props("outlined dense options-dense")

    async def refresh(self) -> None:
        """Read what is in the queue now, and show it where anything changed."""
        self._samples = await asyncio.to_thread(self._review.queue.samples)
        self._show()

    def _show(self) -> None:
        found = filters.choices(self._samples)
        _offer(self._camera, "all cameras", found.cameras)
        _offer(self._day, "all days", found.days)
        _offer(self._reason, "all reasons", found.reasons)
        chosen = filters.chosen(self._samples, self._filter)
        page = filters.page(chosen, self._number)
        self._number = page.number
        shown = cards.grid(page.samples, self._filter.to_query())
        if not chosen:
            shown = cards.NOTHING_FITS if self._samples else cards.EMPTY
        if shown != self._shown:
            self._grid.content = self._shown = shown
        self._pages.max = page.count
        self._pages.value = page.number
        self._pages.visible = page.count > 1
        self._start.set_enabled(bool(chosen))
        least, most = self._filter.at_least, self._filter.at_most
        self._sure_text.text = f"confidence {least:.2f} to {most:.2f}"
        self._tell()

    def _tell(self) -> None:
        today = datetime.now().astimezone().date()
        self._frame.tell(filters.progress(self._samples, self._filter, self._frame.name, today))

    def _changed(self) -> None:
        wanted = Filter(
            camera=self._camera.value or None,
            day=self._day.value or None,
            reason=self._reason.value or None,
            state=LabelState(self._state.value),
            at_least=self._sure.value["min"],
            at_most=self._sure.value["max"],
            search=self._search.value or "",
            order=Order(self._order.value),
        )
        if wanted != self._filter:
            self._filter, self._number = wanted, 1
            self._remember()
            self._show()

    def _show_all(self) -> None:
        plain = Filter()
        self._sure.value = {"min": plain.at_least, "max": plain.at_most}
        self._search.value = plain.search
        for field in (self._camera, self._day, self._reason):
            field.value = ""
        self._state.value, self._order.value = plain.state.value, plain.order.value

    def _paged(self) -> None:
        if self._pages.value != self._number:
            self._number = int(self._pages.value or 1)
            self._remember()
            self._show()
            ui.run_javascript("window.scrollTo(0, 0)")

    def _remember(self) -> None:
        """In the address, so that a reload or a link shows the same."""
        query = self._filter.to_query() | ({"page": str(self._number)} if self._number > 1 else {})
        ui.navigate.history.replace(cards.gallery_path(query))

    def _begin(self) -> None:
        """To the first picture that waits for a label; where none does, the first of all."""
        chosen = filters.chosen(self._samples, self._filter)
        waiting = [sample for sample in chosen if sample.labels is None]
        query = self._filter.to_query()
        if waiting and self._filter.state is LabelState.ANY:
            query["state"] = LabelState.WAITING.value
        if chosen:
            ui.navigate.to(cards.sample_path((waiting or chosen)[0].id, query))


def _offer(field: ui.select, everything: str, names: tuple[str, ...]) -> None:
    """Keep what is chosen, even where no sample has it any more."""
    chosen = field.value or ""
    options = {"": everything} | {name: name for name in names} | ({chosen: chosen} if chosen else {})
    if field.options != options:
        field.set_options(options, value=chosen)
