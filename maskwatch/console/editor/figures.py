"""How well the thresholds in force and those that are tried fit the queue's labels, as a table."""

from html import escape

from maskwatch.console.texts import Texts
from maskwatch.core.records import Estimate
from maskwatch.evaluation.thresholds import LabelFigures, LabelledFigures


def figures_table(t: Texts, now: LabelledFigures, tried: LabelledFigures) -> str:
    """The table as HTML, with a note on what the figures mean."""
    if not now.samples:
        return f'<p class="mw-ed-hint">{escape(t("editor.no_labels"))}</p>'
    rows = [
        (f"editor.{name}_{figure}", getattr(now, name), getattr(tried, name), figure)
        for name in ("bare", "masked")
        for figure in ("recall", "precision")
    ]
    body = "".join(
        f"<tr><th scope='row'>{escape(t(key))}</th><td>{_cell(a, figure)}</td><td>{_cell(b, figure)}</td></tr>"
        for key, a, b, figure in rows
    )
    heads = "".join(
        f"<th scope='col'>{escape(t(f'editor.{key}'))}</th>" for key in ("labelled", "now", "tried")
    )
    return (
        f"<table class='mw-ed-figures'><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        f"<p class='mw-ed-hint'>{escape(t('editor.figures_are', samples=now.samples))}</p>"
    )


def _cell(figures: LabelFigures, figure: str) -> str:
    estimate: Estimate = getattr(figures, figure)
    of = figures.are if figure == "recall" else figures.said
    if estimate.value is None:
        return "-"
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else f" <small>{low:.2f} … {high:.2f}</small>"
    return f"<b>{estimate.value:.2f}</b> <span>{figures.right}/{of}</span>{interval}"
