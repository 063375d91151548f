"""The questions that a picture's page may ask."""

from nicegui import ui

from maskwatch.console.review.cards import summary
from maskwatch.console.texts import Texts
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.opinions import LONGEST_COMMENT
from maskwatch.samples.sample import Sample


async def keep_mine(theirs: Sample, mine: tuple[Annotation, ...], t: Texts) -> bool:
    """Whether to overwrite what somebody else saved meanwhile."""
    last = theirs.history[-1]
    when = f"{last.at.astimezone():%H:%M:%S}"
    if last.faces is None:
        said = t("review.theirs_gone", when=when, name=last.by)
    else:
        said = t("review.theirs", when=when, name=last.by, said=summary((m.label for m in last.faces), t))
    own = t("review.mine", said=summary((m.label for m in mine), t))
    return await _asked(
        t("review.here_first", name=last.by),
        (said, own),
        no=t("review.see_theirs", name=last.by),
        yes=t("review.overwrite"),
        marked="no",
        look="mw-conflict",
    )


async def try_again(problem: str, t: Texts) -> bool:
    """Whether to save once more after it failed."""
    return await _asked(t("review.not_saved"), (problem,), no=t("review.leave_it"), yes=t("review.try_again"))


async def to_gallery(labelled: int, total: int, t: Texts) -> bool:
    """After the last picture: whether to go back to the gallery."""
    said = t("review.thank_you", labelled=labelled, total=total)
    return await _asked(
        t("review.last_one"),
        (said,),
        no=t("review.stay"),
        yes=t("review.to_gallery"),
        may_dismiss=True,
    )


async def comment(t: Texts) -> str | None:
    """What is to be mended, in a reviewer's words; None when she changed her mind."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.label(t("review.return_title")).classes("mw-title")
        field = ui.textarea(t("review.return_comment")).classes("full-width")
        field.props(f"autofocus outlined autogrow maxlength={LONGEST_COMMENT}")

        def say() -> None:
            if (field.value or "").strip():
                dialog.submit(field.value)
            else:
                ui.notify(t("review.return_comment_missing"), type="warning")

        with ui.row().classes("self-end"):
            ui.button(t("review.cancel"), on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button(t("review.review_return"), on_click=say).props("unelevated no-caps")
    said = await dialog
    dialog.delete()
    return None if said is None else str(said)


async def _asked(
    title: str,
    said: tuple[str, ...],
    *,
    no: str,
    yes: str,
    marked: str = "yes",
    look: str = "",
    may_dismiss: bool = False,
) -> bool:
    """A question with two answers; `marked` is the one that Enter gives."""
    with ui.dialog() as dialog, ui.card().classes(f"mw-dialog {look}"):
        dialog.props("" if may_dismiss else "persistent")
        ui.label(title).classes("mw-title")
        for each in said:
            ui.label(each).classes("mw-said-below")
        with ui.row().classes("self-end"):
            left = ui.button(no, on_click=lambda: dialog.submit(False)).props("flat no-caps")
            right = ui.button(yes, on_click=lambda: dialog.submit(True)).props("unelevated no-caps")
            (right if marked == "yes" else left).props("autofocus")
    answer = bool(await dialog)
    dialog.delete()
    return answer
