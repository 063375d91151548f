"""The line above a picture, as HTML: where we are, what it is, who else looks at it. What others named is escaped."""

from collections.abc import Sequence
from html import escape

from maskwatch.console.review.cards import clock, reason_names
from maskwatch.console.review.walk import Walk
from maskwatch.console.texts import Texts
from maskwatch.samples.sample import Sample


def facts(sample: Sample, walk: Walk, others: Sequence[str], t: Texts) -> str:
    """Of the sample as the person may see it; `others` have it open, too."""
    labels = sample.labels
    state = t("review.waiting")
    if labels is not None:
        when = f"{labels.at.astimezone():%Y-%m-%d %H:%M}"
        state = t("review.labelled_by", name=labels.by or t("review.somebody"), when=when)
    told = [
        ("b", "", t("review.place", place=walk.place + 1, count=len(walk.ids))),
        ("b", "", sample.report.camera),
        ("span", "", clock(sample)),
        ("span", "", reason_names(sample.reasons, t)),
        ("span", "", t("review.lowest", value=sample.lowest_confidence)),
        ("span", "mw-state", state),
        ("span", "mw-id", sample.id),
    ]
    if others:
        told.append(("span", "mw-warn", t("review.looks_too", names=", ".join(others))))
    return "".join(f'<{tag} class="{look}">{escape(text)}</{tag}>' for tag, look, text in told)
