"""One picture to label, and the way to the next."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime
from html import escape

from nicegui import background_tasks, ui

from maskwatch.console.review import cards, dialogs, filters
from maskwatch.console.review.canvas import Canvas, CanvasHandlers
from maskwatch.console.review.context import Review
from maskwatch.console.review.editing import Editing
from maskwatch.console.review.filters import LabelProgress, LabelState
from maskwatch.console.review.frame import PageFrame
from maskwatch.console.review.keys import LABEL_OF, MOVES, SIZES, Action
from maskwatch.console.review.saving import Saving
from maskwatch.console.review.walk import Walk
from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.records import Box
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.sample import Sample

AHEAD = 3  # pictures fetched before they are wanted
REFRESH_S = 3.0
MORE = {Action.NEW_BOX, Action.REMOVE, Action.RESET, Action.UNDO}  # an icon alone where there is little room


class ImagePage:
    """`open` shows the first picture. Hands and keys come one after another, all on the page's own loop."""

    def __init__(
        self, review: Review, cookies: Mapping[str, str], query: Mapping[str, str], sample: Sample
    ) -> None:
        self._review = review
        self._filter = filters.from_query(query)
        self._saving = Saving(review.queue)
        self._walk = Walk((sample.id,), 0)
        self._sample = sample
        self._editing = Editing((), None, (1, 1))
        self._progress = LabelProgress(0, 0, 0)
        self._turning = False
        self._page = ui.context.client
        with ui.element("main").classes("mw-sheet"):
            self._frame = PageFrame(cookies, review.by, self._named)
            self._facts = ui.html().classes("mw-facts")
            self._why = ui.html().classes("mw-why")
            hands = CanvasHandlers(
                self._act, self._select, self._draw, self._change, self._label, self._remove, self._take
            )
            self._canvas = Canvas(hands).classes("mw-canvas")
            self._tools()
        for ending in (self._page.on_disconnect, self._page.on_delete):
            ending(lambda: review.presence.leave(self._page.id))
        ui.timer(REFRESH_S, self._refresh)

    def _tools(self) -> None:
        buttons = (
            ("Gallery", "grid_view", Action.GALLERY, "Esc"),
            ("", "arrow_back", Action.PREVIOUS, "←"),
            ("Accept, next", "check", Action.ACCEPT, "Enter"),
            ("", "arrow_forward", Action.NEXT, "→"),
            ("New box", "add_box", Action.NEW_BOX, "b"),
            ("Not a face", "delete_outline", Action.REMOVE, "4"),
            ("As the models say", "restart_alt", Action.RESET, "m"),
            ("Undo", "undo", Action.UNDO, "z"),
        )
        with ui.element("footer").classes("mw-tools"):
            for text, icon, action, key in buttons:
                look = "unelevated" if action is Action.ACCEPT else "flat"
                button = ui.button(text, icon=icon, on_click=lambda _, a=action: self._act(a)).tooltip(key)
                button.classes("mw-more" if action in MORE else "")
                button.props(f"{look} dense no-caps padding='4px 10px' aria-label='{action.value}'")

    def _named(self) -> None:
        self._be_present()
        self._later(self._count())

    def _be_present(self) -> None:
        self._review.presence.enter(self._page.id, self._frame.name or "somebody", self._sample.id)

    def _refresh(self) -> None:
        if self._page.has_socket_connection:
            self._be_present()
        self._tell()

    async def open(self) -> None:
        """Read the queue and show the sample that the page was made for, on the way that the filter gives."""
        samples = await asyncio.to_thread(self._review.queue.samples)
        chosen = tuple(sample.id for sample in filters.chosen(samples, self._filter))
        await self._show(Walk(chosen, 0).at(self._sample.id))
        await self._count()

    async def _act(self, action: Action) -> None:
        if self._turning:
            return  # the next picture is on its way: nobody labels what he has not seen, or twice
        self._turning = True
        try:
            await self._do(action)
        finally:
            self._turning = False

    async def _do(self, action: Action) -> None:
        match action:
            case Action.ACCEPT:
                self._save()
                await self._turn(1)
            case Action.NEXT | Action.PREVIOUS:
                self._save_changes()
                await self._turn(1 if action is Action.NEXT else -1)
            case Action.UNDO:
                await self._undo()
            case Action.GALLERY:
                await self._leave()
            case Action.HELP:
                self._frame.help.open()
            case _:
                self._edit(action)
                self._redraw()

    def _edit(self, action: Action) -> None:
        editing = self._editing
        match action:
            case Action.REMOVE:
                editing.remove()
            case Action.SELECT_NEXT | Action.SELECT_PREVIOUS:
                editing.select_next(1 if action is Action.SELECT_NEXT else -1)
            case Action.NEW_BOX:
                editing.draw()
            case Action.TAKE:
                editing.take()
            case Action.RESET:
                editing.as_the_models_say()
            case _ if action in LABEL_OF:
                editing.label(LABEL_OF[action])
            case _ if action in MOVES:
                editing.nudge(*MOVES[action])
            case _ if action in SIZES:
                editing.nudge(*SIZES[action], resize=True)

    def _select(self, number: int | None) -> None:
        self._editing.select(number)
        self._redraw()

    def _draw(self, box: Box) -> None:
        self._editing.draw(box)
        self._redraw()

    def _change(self, number: int, box: Box) -> None:
        self._editing.change(number, box)
        self._redraw()

    def _label(self, number: int, label: AnnotationLabel) -> None:
        self._editing.label(label, number)
        self._redraw()

    def _remove(self, number: int) -> None:
        self._editing.remove(number)
        self._redraw()

    def _take(self, place: int) -> None:
        self._editing.take(place)
        self._redraw()

    def _redraw(self) -> None:
        editing = self._editing
        self._canvas.draw(editing.annotations, editing.selected, editing.suggestions)

    def _save_changes(self) -> None:
        if self._editing.changed:
            self._save()

    def _save(self) -> None:
        """Does not wait: what goes wrong is asked about when it does."""
        self._later(self._saved(self._sample, self._editing))

    def _later(self, work: Coroutine[object, object, None]) -> None:
        background_tasks.create(work, context=self._page)

    async def _saved(self, sample: Sample, editing: Editing) -> None:
        annotations = editing.result
        while True:
            try:
                await self._saving.save(sample, annotations, self._frame.name)
                break
            except LabelConflict:
                sample = await self._saving.read(sample.id)
                if not await dialogs.keep_mine(sample, annotations):
                    if self._sample.id != sample.id:
                        self._save_changes()
                    await self._show(self._walk.at(sample.id))
                    break
            except QueueError as e:
                if not await dialogs.try_again(str(e)):
                    break
        if sample.id == self._sample.id and self._editing is not editing:
            await self._show(self._walk)
        await self._count()

    async def _turn(self, step: int) -> None:
        """To the next picture in that direction; among the waiting, to one that nobody has done or has open."""
        for walk in self._walk.onward(step):
            if walk.here is None:
                await self._end()
                return
            if await self._is_wanted(walk.here, step):
                await self._show(walk)
                return

    async def _is_wanted(self, sample_id: str, step: int) -> bool:
        if step < 0 or self._filter.state is not LabelState.WAITING:
            return True
        if self._review.presence.others(self._frame.name, sample_id):
            return False
        try:
            return (await self._saving.read(sample_id)).labels is None
        except QueueError:
            return False  # it was removed

    async def _end(self) -> None:
        await self._show(self._walk)
        await self._count()
        if await dialogs.to_gallery(self._progress.labelled, self._progress.total):
            await self._leave()

    async def _show(self, walk: Walk) -> None:
        sample_id = walk.here
        assert sample_id is not None
        try:
            sample = await self._saving.read(sample_id)
        except QueueError as e:
            ui.notify(str(e), type="negative")
            return
        self._walk, self._sample = walk, sample
        self._be_present()
        report, labels = sample.report, sample.labels
        said = None if labels is None else labels.faces
        self._editing = Editing(report.faces, said, report.size, report.near_misses)
        self._why.content = cards.why(sample)
        ahead = [cards.image_path(each) for each in walk.ahead(AHEAD)]
        self._canvas.show(sample_id, cards.image_path(sample_id), report.size, ahead)
        self._redraw()
        self._tell()
        ui.navigate.history.replace(cards.sample_path(sample_id, self._filter.to_query()))

    async def _undo(self) -> None:
        if self._editing.undo():
            self._redraw()
            return
        try:
            sample_id = await self._saving.undo(self._frame.name)
        except QueueError as e:
            ui.notify(f"Not undone: {e}", type="warning")
            return
        if sample_id is None:
            ui.notify("There is nothing to undo.")
            return
        await self._show(self._walk.at(sample_id))
        await self._count()

    async def _leave(self) -> None:
        self._save_changes()
        await self._saving.settled()
        query = self._filter.to_query()
        ui.navigate.to(cards.gallery_path(query))

    async def _count(self) -> None:
        samples = await asyncio.to_thread(self._review.queue.samples)
        today = datetime.now().astimezone().date()
        self._progress = filters.progress(samples, self._filter, self._frame.name, today)
        self._frame.tell(self._progress)

    def _tell(self) -> None:
        """Where we are, what the picture is, who else looks at it."""
        sample, walk = self._sample, self._walk
        report, labels = sample.report, sample.labels
        state = "waiting"
        if labels is not None:
            state = f"labelled by {labels.by or 'somebody'}, {labels.at.astimezone():%Y-%m-%d %H:%M}"
        facts = [
            f"<b>{walk.place + 1} of {len(walk.ids)}</b>",
            f"<b>{escape(report.camera)}</b>",
            cards.clock(sample),
            escape(", ".join(sample.reasons)),
            f"lowest confidence {sample.lowest_confidence:.2f}",
            f"<span class='mw-state'>{escape(state)}</span>",
            f"<span class='mw-id'>{escape(sample.id)}</span>",
        ]
        others = self._review.presence.others(self._frame.name, sample.id)
        if others:
            facts.append(f"<span class='mw-warn'>{escape(', '.join(others))} looks at it too</span>")
        told = "".join(fact if fact.startswith("<") else f"<span>{fact}</span>" for fact in facts)
        if self._facts.content != told:
            self._facts.content = told
