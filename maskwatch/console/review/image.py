"""One picture to label, and the way to the next."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime

from fastapi import Request
from nicegui import background_tasks, ui

from maskwatch.console.context import Console
from maskwatch.console.review import cards, dialogs, filters
from maskwatch.console.review.actions import apply
from maskwatch.console.review.canvas import Canvas, CanvasHandlers
from maskwatch.console.review.drafts import Draft
from maskwatch.console.review.editing import Editing
from maskwatch.console.review.facts import facts
from maskwatch.console.review.filters import LabelProgress, LabelState, Viewer
from maskwatch.console.review.frame import PageFrame
from maskwatch.console.review.keys import Action
from maskwatch.console.review.saving import Saving
from maskwatch.console.review.tools import toolbar
from maskwatch.console.review.verdicts import VerdictStrip
from maskwatch.console.review.walk import Walk
from maskwatch.console.team.guidelines import GuidelinesPanel
from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.records import Box
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.team import Status, Team, read_team

AHEAD = 3  # pictures fetched before they are wanted
REFRESH_S = 3.0
ON_THE_WAY = {LabelState.WAITING, LabelState.DISAGREED, LabelState.RETURNED}
"""Who goes through these is led past what is no longer such."""


class ImagePage:
    """`open` shows the first picture. Hands and keys come one after another, all on the page's own loop."""

    def __init__(self, console: Console, request: Request, sample: Sample) -> None:
        review = self._review = console.review
        self._filter = filters.from_query(request.query_params)
        self._saving = Saving(review.queue)
        self._walk = Walk((sample.id,), 0)
        self._team = Team()
        self._sample = sample
        self._editing = Editing((), None, (1, 1))
        self._progress = LabelProgress(0, 0, 0)
        self._turning = False
        self._page = ui.context.client
        with ui.element("div").classes("mw-sheet"):
            self._frame = PageFrame(console, request, "queue", self._named)
            t = self._t = self._frame.t
            with ui.element("main").classes("mw-picture"):
                self._facts = ui.html().classes("mw-facts")
                self._why = ui.html().classes("mw-why")
                self._verdicts = VerdictStrip(t, self._say, self._accept, self._send_back)
                hands = CanvasHandlers(
                    self._act, self._select, self._draw, self._change, self._label, self._remove, self._take
                )
                with ui.element("div").classes("mw-beside"):
                    self._canvas = Canvas(hands, t).classes("mw-canvas")
                    guide = GuidelinesPanel(review.queue.folder, t)
                with toolbar(self._act, t):
                    guide.button()
        with self._frame.tools:
            keys = ui.button(icon="help_outline", on_click=self._frame.help.open).props("flat dense round")
            keys.tooltip(t("review.help")).props["aria-label"] = t("review.help")
        for ending in (self._page.on_disconnect, self._page.on_delete):
            ending(lambda: review.presence.leave(self._page.id))
        ui.timer(REFRESH_S, self._refresh)

    @property
    def _viewer(self) -> Viewer:
        return Viewer(self._team, self._frame.name)

    @property
    def _seen(self) -> Sample:
        """The sample without what the person may not see yet; who is to decide between two sees both."""
        if self._may_review and self._team.status(self._sample) is Status.DISAGREED:
            return self._sample
        return self._team.seen_by(self._sample, self._frame.name)

    @property
    def _may_review(self) -> bool:
        person = self._frame.person
        return self._team.may_review(self._sample, person.name, is_admin=person.is_admin)

    def _named(self) -> None:
        self._be_present()
        self._later(self._show(self._walk))
        self._later(self._count())

    def _be_present(self) -> None:
        name = self._frame.name or self._t("review.somebody")
        self._review.presence.enter(self._page.id, name, self._sample.id)

    def _refresh(self) -> None:
        if self._page.has_socket_connection:
            self._be_present()
        self._tell()

    async def open(self) -> None:
        """Show the sample that the page was made for; then read the queue for the way that the filter gives."""
        await self._show(self._walk)
        self._later(self._find_way())

    async def _find_way(self) -> None:
        samples = await asyncio.to_thread(self._review.queue.samples)
        chosen = await asyncio.to_thread(filters.chosen, samples, self._filter, self._viewer)
        self._walk = Walk(tuple(sample.id for sample in chosen), 0).at(self._sample.id)
        self._fetch_ahead()
        self._redraw()
        self._tell()
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
                if self._save():
                    await self._turn(1)
            case Action.NEXT | Action.PREVIOUS:
                if self._save_changes():
                    await self._turn(1 if action is Action.NEXT else -1)
            case Action.UNDO:
                await self._step(self._editing.undo, self._saving.undo, "none_left")
            case Action.REDO:
                await self._step(self._editing.redo, self._saving.redo, "none_to_redo")
            case Action.GALLERY:
                await self._leave()
            case Action.HELP:
                self._frame.help.open()
            case _:
                apply(action, self._editing)
                self._redraw()

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

    def _say(self, annotations: Sequence[Annotation]) -> None:
        self._editing.say(annotations)
        self._redraw()

    def _redraw(self) -> None:
        editing = self._editing
        self._canvas.draw(editing.annotations, editing.selected, editing.suggestions)
        if editing.changed:
            self._review.drafts.keep(self._frame.name, Draft(self._sample, editing))
        else:
            self._review.drafts.drop(self._frame.name, self._sample.id)

    def _is_labelled(self) -> bool:
        """Whether every box has a label; a person is told where not, and the first such box is selected."""
        missing = self._editing.unlabelled
        if missing:
            self._editing.select(missing[0])
            self._redraw()
            ui.notify(self._t("review.label_first", count=len(missing)), type="warning")
        return not missing

    def _save_changes(self) -> bool:
        return self._save() if self._editing.changed else True

    def _save(self) -> bool:
        """Does not wait: what goes wrong is asked about when it does. False where a label is missing."""
        if not self._is_labelled():
            return False
        self._review.drafts.drop(self._frame.name, self._sample.id)  # nobody finds it while it is written
        self._later(self._saved(self._sample, self._editing, self._saving.save))
        return True

    def _later(self, work: Coroutine[object, object, None]) -> None:
        background_tasks.create(work, context=self._page)

    async def _saved(
        self,
        sample: Sample,
        editing: Editing,
        save: Callable[[Sample, Sequence[Annotation], str], Awaitable[Sample]],
    ) -> None:
        annotations = editing.result
        while True:
            try:
                await save(sample, annotations, self._frame.name)
                self._review.drafts.drop(self._frame.name, sample.id)
                break
            except LabelConflict:
                sample = await self._saving.read(sample.id)
                if not await dialogs.keep_mine(sample, annotations, self._t):
                    self._review.drafts.drop(self._frame.name, sample.id)
                    if self._sample.id != sample.id:
                        self._save_changes()
                    await self._show(self._walk.at(sample.id))
                    break
            except QueueError as e:
                self._review.drafts.keep(self._frame.name, Draft(sample, editing))
                if not await dialogs.try_again(str(e), self._t):
                    break
        if sample.id == self._sample.id and self._editing is not editing:
            await self._show(self._walk)
        await self._count()

    async def _accept(self) -> None:
        """As a reviewer: these are the labels."""
        if self._is_labelled():
            await self._saved(self._sample, self._editing, self._saving.accept)
            await self._after_verdict()

    async def _send_back(self) -> None:
        said = await dialogs.comment(self._t)
        if said is None:
            return
        try:
            await self._saving.send_back(self._sample, said, self._frame.name)
        except QueueError as e:  # a conflict, too: it has to be looked at again
            ui.notify(str(e), type="negative")
            await self._show(self._walk)
            return
        self._review.drafts.drop(self._frame.name, self._sample.id)
        await self._after_verdict()

    async def _after_verdict(self) -> None:
        """On to the next on which two disagree; else the picture with what was decided."""
        if self._filter.state is LabelState.DISAGREED:
            await self._turn(1)
        else:
            await self._show(self._walk)

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
        if step < 0 or self._filter.state not in ON_THE_WAY:
            return True
        if self._review.presence.others(self._frame.name, sample_id):
            return False
        try:
            sample = await self._saving.read(sample_id)
        except QueueError:
            return False  # it was removed
        return filters.passes(sample, self._filter, self._viewer)

    async def _end(self) -> None:
        await self._show(self._walk)
        await self._count()
        if await dialogs.to_gallery(self._progress.labelled, self._progress.total, self._t):
            await self._leave()

    async def _show(self, walk: Walk) -> None:
        sample_id = walk.here
        assert sample_id is not None
        try:
            sample = await self._saving.read(sample_id)
            self._team = await asyncio.to_thread(read_team, self._review.queue.folder)
        except QueueError as e:
            ui.notify(self._t("review.gone", why=e), type="negative")
            return
        self._walk, self._sample = walk, sample
        self._be_present()
        draft = self._review.drafts.of(self._frame.name, sample_id)
        if draft is not None:  # also where somebody labelled it since: saving tells of that
            self._sample, self._editing = draft.sample, draft.editing
            ui.notify(self._t("review.kept"))
        else:
            report, labels = sample.report, self._seen.labels
            said = None if labels is None else labels.faces
            self._editing = Editing(report.faces, said, report.size, report.near_misses)
        self._why.content = cards.why(sample, self._t)
        self._fetch_ahead()
        self._redraw()
        self._tell_verdict()
        self._tell()
        ui.navigate.history.replace(cards.sample_path(sample_id, self._filter.to_query()))

    def _fetch_ahead(self) -> None:
        ahead = [cards.image_path(each) for each in self._walk.ahead(AHEAD)]
        sample = self._sample
        self._canvas.show(sample.id, cards.image_path(sample.id), sample.report.size, ahead)

    def _tell_verdict(self) -> None:
        """A team's reviewer may decide on every picture that has labels."""
        is_team = bool(self._team.labellers or self._sample.opinions)
        self._verdicts.show(self._seen, self._team, may_review=is_team and self._may_review)

    async def _step(
        self, edit: Callable[[], bool], saved: Callable[[str], Awaitable[str | None]], nothing: str
    ) -> None:
        """A step back, or forward again: of the work on this picture, else of what was saved."""
        if edit():
            self._redraw()
            return
        try:
            sample_id = await saved(self._frame.name)
        except QueueError as e:
            ui.notify(self._t("review.not_undone", why=e), type="warning")
            return
        if sample_id is None:
            ui.notify(self._t(f"review.{nothing}"))
            return
        await self._show(self._walk.at(sample_id))
        await self._count()

    async def _leave(self) -> None:
        if not self._save_changes():
            return
        await self._saving.settled()
        ui.navigate.to(cards.gallery_path(self._filter.to_query()))

    async def _count(self) -> None:
        samples = await asyncio.to_thread(self._review.queue.samples)
        today = datetime.now().astimezone().date()
        self._progress = await asyncio.to_thread(
            filters.progress, samples, self._filter, self._frame.name, today, self._viewer
        )
        self._frame.tell(self._progress)

    def _tell(self) -> None:
        """Where we are, what the picture is, who else looks at it."""
        others = self._review.presence.others(self._frame.name, self._sample.id)
        told = facts(self._seen, self._walk, others, self._t)
        if self._facts.content != told:
            self._facts.content = told
