"""The gallery's cards as HTML. Everything that a camera, a file or a person named is escaped."""

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import quote, urlencode

from maskwatch.core.records import Box
from maskwatch.core.selection.reasons import sentences
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import accepted
from maskwatch.samples.sample import Sample

EMPTY = """
<div class="mw-empty">
  <h2>The queue is empty</h2>
  <p>Frames that the models are unsure of come here by themselves while <code>maskwatch run</code> watches the
  cameras, or when footage is gone through with <code>maskwatch replay door.mp4 --queue DIR</code>.</p>
  <p>Nothing waits, so there is nothing to do. You may add pictures of your own with <em>Add pictures</em>.</p>
</div>
"""
NOTHING_FITS = """
<div class="mw-empty">
  <h2>Nothing fits these filters</h2>
  <p>There are pictures in the queue, but none of this kind. <em>Show all</em> takes the filters away.</p>
</div>
"""


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


def grid(samples: Iterable[Sample], query: Mapping[str, str]) -> str:
    """The cards of one page; each leads to its picture, with the filter in `query` kept."""
    return '<div class="mw-grid">' + "".join(_card(sample, query) for sample in samples) + "</div>"


def words(label: AnnotationLabel) -> str:
    """A label as people read it: blanks for underscores."""
    return label.value.replace("_", " ")


def summary(labels: Iterable[AnnotationLabel]) -> str:
    """Such as `2 protected, 1 worn wrong`."""
    labels = list(labels)
    counts = [f"{labels.count(label)} {words(label)}" for label in AnnotationLabel if label in labels]
    return ", ".join(counts) or "no face"


def clock(sample: Sample) -> str:
    """When it was taken, by this machine's own time."""
    return f"{sample.saved_at.astimezone():%Y-%m-%d %H:%M:%S}"


def why(sample: Sample) -> str:
    """Why the picture is in the queue, in sentences, and what a dashed box is where there is one."""
    told = " ".join(sentences(sample.reasons))
    if sample.report.near_misses:
        told += " A dashed box counts as no face unless you click it."
    return escape(told)


def _card(sample: Sample, query: Mapping[str, str]) -> str:
    labels = sample.labels
    faces = accepted(sample.report.faces) if labels is None else labels.faces
    said = summary(face.label for face in faces)
    state = "waiting" if labels is None else f"by {labels.by}" if labels.by else "labelled"
    width, height = sample.report.size
    boxes = "".join(_rectangle(face.box, face.label.value) for face in faces)
    if labels is None:
        boxes += "".join(_rectangle(face.box, "suggested") for face in sample.report.near_misses)
    return (
        f'<a class="mw-card {"mw-waits" if labels is None else "mw-done"}" '
        f'href="{escape(sample_path(sample.id, query))}" title="{escape(sample.id)}">'
        f'<span class="mw-thumb"><img loading="lazy" alt="{escape(said)}" '
        f'src="{escape(thumbnail_path(sample.id))}">'
        f'<svg viewBox="0 0 {width:d} {height:d}" aria-hidden="true">{boxes}</svg></span>'
        f'<span class="mw-line"><b>{escape(sample.report.camera)}</b><i>{escape(state)}</i></span>'
        f'<span class="mw-line"><span>{escape(said)}</span>'
        f'<span title="the lowest confidence">{sample.lowest_confidence:.2f}</span></span>'
        f'<span class="mw-line mw-faint"><span>{clock(sample)}</span></span>'
        f'<span class="mw-line mw-faint"><span title="{why(sample)}">'
        f"{escape(', '.join(sample.reasons))}</span></span></a>"
    )


def _rectangle(box: Box, label: str) -> str:
    return (
        f'<rect class="mw-{label}" x="{box.x1:.1f}" y="{box.y1:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}"></rect>'
    )
