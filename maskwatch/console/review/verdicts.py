"""What a reviewer decides on a picture, and what was decided: the strip above it."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from maskwatch.console.review.cards import summary
from maskwatch.console.texts import Texts
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.team import Status, Team, is_settled, opinion_beside


class VerdictStrip:
    """`say` is called with the labels that a reviewer takes over, `accept` and `send_back` when she decides."""

    def __init__(
        self,
        t: Texts,
        say: Callable[[Sequence[Annotation]], None],
        accept: Callable[[], Awaitable[None]],
        send_back: Callable[[], Awaitable[None]],
    ) -> None:
        self._t = t
        self._say = say
        self._accept = accept
        self._send_back = send_back
        self._strip = ui.element("section").classes("mw-verdict")

    def show(self, sample: Sample, team: Team, *, may_review: bool) -> None:
        """Of the sample as the person may see it."""
        self._strip.clear()
        status = team.status(sample)
        disagree = may_review and status is Status.DISAGREED
        told = self._told(sample)
        self._strip.visible = bool(told or may_review)
        with self._strip:
            if told:
                ui.label(told).classes("mw-notice" if status is Status.RETURNED else "")
            if disagree:
                ui.label(self._t("review.seen_by_two")).classes("mw-notice")
                self._both(sample)
            if may_review:
                accept = ui.button(self._t("review.review_accept"), icon="verified", on_click=self._accept)
                accept.props("outline dense no-caps")
                back = ui.button(self._t("review.review_return"), icon="reply", on_click=self._send_back)
                back.props("outline dense no-caps")

    def _told(self, sample: Sample) -> str:
        verdict = sample.verdict
        if verdict is None:
            return ""
        if verdict.accepted:
            return self._t("review.review_accepted", name=verdict.by) if is_settled(sample) else ""
        key = "review_returned" if is_settled(sample) else "review_was_returned"
        return self._t(f"review.{key}", name=verdict.by, comment=verdict.comment)

    def _both(self, sample: Sample) -> None:
        labels, opinion = sample.labels, opinion_beside(sample)
        for each in (labels, opinion):
            if each is None:
                continue
            said = summary((annotation.label for annotation in each.faces), self._t)
            ui.label(self._t("review.their_labels", name=each.by, said=said))
            take = ui.button(
                self._t("review.take_theirs", name=each.by), on_click=lambda _, f=each.faces: self._say(f)
            )
            take.props("flat dense no-caps")
