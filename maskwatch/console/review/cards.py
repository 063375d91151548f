"""The gallery's cards as HTML. Everything that a camera, a file or a person named is escaped."""

from collections.abc import Collection, Iterable, Mapping
from html import escape
from urllib.parse import quote, urlencode

from maskwatch.console.review.shadow import differences
from maskwatch.console.texts import Texts
from maskwatch.core.records import Box
from maskwatch.core.selection.reasons import REASONS
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.sample import Sample


def sample_path(sample_id: str, query: Mapping[str, str]) -> str:
    """The path of a sample's page, quoted, with the filter's query."""
    return f"/queue/sample/{quote(sample_id, safe='')}" + (f"?{urlencode(query)}" if query else "")


def gallery_path(query: Mapping[str, str]) -> str:
    """The path of the gallery, with the filter's query."""
    return "/queue" + (f"?{urlencode(query)}" if query else "")


def image_path(sample_id: str) -> str:
    """The path of a sample's frame in full size, a JPEG."""
    return f"/queue/picture/{quote(sample_id, safe='')}.jpg"


def thumbnail_path(sample_id: str) -> str:
    """The path of a sample's thumbnail, a JPEG."""
    return f"/queue/thumbnail/{quote(sample_id, safe='')}.jpg"


def empty(t: Texts, key: str) -> str:
    """What stands in the place of the cards: `empty`, or `nothing_fits`."""
    title, said = t(f"review.{key}_title"), t(f"review.{key}")
    return f'<div class="mw-empty"><h2>{escape(title)}</h2><p>{escape(said)}</p></div>'


def grid(samples: Iterable[Sample], query: Mapping[str, str], t: Texts, unsaved: Collection[str] = ()) -> str:
    """The cards of one page; each leads to its picture, with the filter in `query` kept. `unsaved` are marked so."""
    cards = (_card(sample, query, t, is_unsaved=sample.id in unsaved) for sample in samples)
    return '<div class="mw-grid">' + "".join(cards) + "</div>"


def summary(labels: Iterable[AnnotationLabel], t: Texts) -> str:
    """Such as `2 protected, 1 worn wrong`."""
    labels = list(labels)
    counts = [
        t("review.counted", count=labels.count(label), label=t(f"review.{label}"))
        for label in AnnotationLabel
        if label in labels
    ]
    return ", ".join(counts) or t("review.no_face")


def clock(sample: Sample) -> str:
    """When it was taken, by this machine's own time."""
    return f"{sample.saved_at.astimezone():%Y-%m-%d %H:%M:%S}"


def why(sample: Sample, t: Texts) -> str:
    """Why the picture is in the queue, in sentences, and what a dashed box is where there is one."""
    told = [t(f"review.why_{reason}") for reason in REASONS if reason in sample.reasons]
    told += differences(sample, t)
    if sample.report.near_misses:
        told.append(t("review.dashed"))
    return escape(" ".join(told))


def reason_names(reasons: Collection[str], t: Texts) -> str:
    """Why a picture was queued, in a few words; a reason of another release as it is written."""
    return ", ".join(t(f"review.reason_{each}") if each in REASONS else each for each in reasons)


def _card(sample: Sample, query: Mapping[str, str], t: Texts, *, is_unsaved: bool) -> str:
    labels = sample.labels
    faces = sample.annotations
    said = summary((face.label for face in faces), t)
    state = t("review.waiting" if labels is None else "review.labelled")
    if labels is not None and labels.by:
        state = t("review.by", name=labels.by)
    if is_unsaved:
        state = t("review.unsaved")
    width, height = sample.report.size
    boxes = "".join(_rectangle(face.box, face.label.value) for face in faces)
    if labels is None:
        boxes += "".join(_rectangle(face.box, "suggested") for face in sample.report.near_misses)
    return (
        f'<a class="mw-card {"mw-waits" if labels is None else "mw-done"}" '
        f'href="{escape(sample_path(sample.id, query))}" title="{escape(sample.id)}">'
        f'<span class="mw-thumb"><img loading="lazy" decoding="async" alt="{escape(said)}" '
        f'src="{escape(thumbnail_path(sample.id))}">'
        f'<svg viewBox="0 0 {width:d} {height:d}" aria-hidden="true">{boxes}</svg></span>'
        f'<span class="mw-line"><b>{escape(sample.report.camera)}</b><i>{escape(state)}</i></span>'
        f'<span class="mw-line"><span>{escape(said)}</span>'
        f'<span title="{escape(t("review.confidence_why"))}">{sample.lowest_confidence:.2f}</span></span>'
        f'<span class="mw-line mw-faint"><span>{clock(sample)}</span></span>'
        f'<span class="mw-line mw-faint"><span title="{why(sample, t)}">'
        f"{escape(reason_names(sample.reasons, t))}</span></span></a>"
    )


def _rectangle(box: Box, label: str) -> str:
    return (
        f'<rect class="mw-{label}" x="{box.x1:.1f}" y="{box.y1:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}"></rect>'
    )
