"""What people of a team do to a sample: label it, give a second opinion, accept it or return it."""

from collections.abc import Sequence
from dataclasses import replace

from maskwatch.core.errors import QueueError
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import (
    Annotation,
    checked_name,
    require_unchanged,
    validated_annotations,
    with_revision,
)
from maskwatch.samples.opinions import LONGEST_COMMENT, Opinion, Verdict
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import Team, is_settled


def save(
    queue: Queue, team: Team, sample_id: str, faces: Sequence[Annotation], by: str, *, based_on: int
) -> Sample:
    """Write what `by` says: as the labels, or as the second opinion where that is hers to give.

    Whose opinion it is decides the record as it is then, so that two who open a sample at once do not collide.
    Raises `LabelConflict` when somebody labelled the sample since revision `based_on`, else `QueueError`.
    """
    name = checked_name(by)

    def change(sample: Sample) -> Sample:
        checked = validated_annotations(faces, sample.report.size)
        if is_opinion(team, sample, name):
            return _with_opinion(sample, checked, name)
        require_unchanged(sample_id, sample.history, based_on)
        return sample.with_history(with_revision(sample.history, checked, name, utc_now()))

    return queue.change(sample_id, change)


def is_opinion(team: Team, sample: Sample, person: str) -> bool:
    """Whether what that person saves is a second opinion: one is due from her, or she mends her own."""
    given = any(each.by == person for each in sample.opinions) and not is_settled(sample)
    return team.second(sample) == person or (
        given and sample.labels is not None and sample.labels.by != person
    )


def withdraw(queue: Queue, sample_id: str, by: str) -> Sample:
    """Take one's own opinion back. Raises `QueueError` where there is none, or a reviewer has decided since."""

    def change(sample: Sample) -> Sample:
        rest = tuple(each for each in sample.opinions if each.by != by)
        if len(rest) == len(sample.opinions) or is_settled(sample):
            raise QueueError(f"queue: {sample_id}: there is nothing to undo")
        return replace(sample, opinions=rest)

    return queue.change(sample_id, change)


def accept(
    queue: Queue, sample_id: str, by: str, *, based_on: int, faces: Sequence[Annotation] | None = None
) -> Sample:
    """The labels are right; or right are these `faces`, which become the labels. Raises `LabelConflict`, `QueueError`."""
    name = checked_name(by)

    def change(sample: Sample) -> Sample:
        require_unchanged(sample_id, sample.history, based_on)
        if sample.labels is None and faces is None:
            raise QueueError(f"queue: {sample_id}: nobody has labelled it")
        if faces is not None:
            checked = validated_annotations(faces, sample.report.size)
            if sample.labels is None or checked != sample.labels.faces:
                sample = sample.with_history(with_revision(sample.history, checked, name, utc_now()))
        verdict = Verdict(accepted=True, by=name, at=utc_now(), revision=sample.revision)
        return replace(sample, verdict=verdict)

    return queue.change(sample_id, change)


def send_back(queue: Queue, sample_id: str, by: str, comment: str, *, based_on: int) -> Sample:
    """The labels are to be mended by who gave them. Raises `LabelConflict`, `QueueError`, also without a comment."""
    name, said = checked_name(by), comment.strip()
    if not said or len(said) > LONGEST_COMMENT:
        raise QueueError(f"queue: say what to mend, in at most {LONGEST_COMMENT} letters")

    def change(sample: Sample) -> Sample:
        require_unchanged(sample_id, sample.history, based_on)
        if sample.labels is None:
            raise QueueError(f"queue: {sample_id}: nobody has labelled it")
        verdict = Verdict(accepted=False, by=name, at=utc_now(), revision=sample.revision, comment=said)
        return replace(sample, verdict=verdict)

    return queue.change(sample_id, change)


def _with_opinion(sample: Sample, faces: tuple[Annotation, ...], by: str) -> Sample:
    others = tuple(each for each in sample.opinions if each.by != by)
    return replace(sample, opinions=(*others, Opinion(faces, by, utc_now(), sample.revision)))
