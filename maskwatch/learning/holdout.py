"""Compares a version from elsewhere with the serving one on this service's own holdout."""

from functools import partial

from maskwatch.datasets.records import Split
from maskwatch.learning.archive import Archive
from maskwatch.learning.collect import sample_images
from maskwatch.learning.compare import F1, Analysts, compared, judge_each
from maskwatch.learning.gate import why_worse
from maskwatch.models.registry import ModelFiles


def why_worse_here(
    archive: Archive, analysts: Analysts, serving: ModelFiles, candidate: ModelFiles, margin: float
) -> str | None:
    """Why the candidate is worse than the serving version, a line for people; None where it is not, or too little is labelled.

    `margin` is that of `gate.why_worse`. Raises `DataError` and `QueueError` for an archive that cannot be read.
    """
    images = sample_images(archive.samples, archive.assignments())[Split.TEST]
    before, after = (judge_each(partial(analysts, files), images) for files in (serving, candidate))
    if before.images != after.images or not before.images:
        return None  # there are none, or one went away meanwhile
    each = {name: compared(before.of(name), after.of(name))[F1] for name in before.cameras}
    return why_worse(compared(before, after)[F1], each, margin, images=before.images)
