"""The questions that a picture's page may ask."""

from html import escape

from nicegui import ui

from maskwatch.console.review.cards import summary
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample


async def keep_mine(theirs: Sample, mine: tuple[Annotation, ...]) -> bool:
    """Whether to overwrite what somebody else saved meanwhile."""
    last = theirs.history[-1]
    said = "took the labels away" if last.faces is None else f"says: {summary(m.label for m in last.faces)}"
    when = f"{last.at.astimezone():%H:%M:%S}"
    with ui.dialog().props("persistent") as dialog, ui.card().classes("mw-dialog mw-conflict"):
        ui.html(
            f"<h2>{escape(last.by)} was here first</h2>"
            f"<p>After you opened this picture, at {when}, {escape(last.by)} {escape(said)}.</p>"
            f"<p>You say: {escape(summary(m.label for m in mine))}. Nothing of yours is saved yet.</p>"
        )
        with ui.row().classes("self-end"):
            theirs_button = ui.button(f"See what {last.by} says", on_click=lambda: dialog.submit(False))
            theirs_button.props("flat no-caps autofocus")
            ui.button("Overwrite with mine", on_click=lambda: dialog.submit(True)).props("unelevated no-caps")
    answer = bool(await dialog)
    dialog.delete()
    return answer


async def try_again(problem: str) -> bool:
    """Whether to save once more after it failed."""
    with ui.dialog().props("persistent") as dialog, ui.card().classes("mw-dialog"):
        ui.html(f"<h2>This could not be saved</h2><p>{escape(problem)}</p>")
        with ui.row().classes("self-end"):
            ui.button("Leave it", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("Try again", on_click=lambda: dialog.submit(True)).props("unelevated no-caps autofocus")
    answer = bool(await dialog)
    dialog.delete()
    return answer


async def to_gallery(labelled: int, total: int) -> bool:
    """After the last picture: whether to go back to the gallery."""
    with ui.dialog() as dialog, ui.card().classes("mw-dialog"):
        ui.html(
            "<h2>That was the last one</h2>"
            f"<p>{labelled} of {total} pictures with these filters are labelled. Thank you.</p>"
        )
        with ui.row().classes("self-end"):
            ui.button("Stay here", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            back = ui.button("Back to the gallery", on_click=lambda: dialog.submit(True))
            back.props("unelevated no-caps autofocus")
    answer = bool(await dialog)
    dialog.delete()
    return answer
