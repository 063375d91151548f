"""What the team's page tells one person, gathered from the queue. No page."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.console.review import filters
from maskwatch.console.review.filters import Filter, LabelState, Viewer
from maskwatch.console.review.person import Person
from maskwatch.platform.clock import utc_now
from maskwatch.samples.agreement import Agreement, agreement, comparisons
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import Status, Team, read_team
from maskwatch.samples.work_done import Work, disagreements, work_done

MINE = Filter(state=LabelState.WAITING, mine=True)


@dataclass(frozen=True, slots=True)
class Overview:
    """`work` is of everybody, or of the person alone who is no admin; `first` is the first picture that waits for her.

    `to_decide` are those on which she may decide, `returned` those that are hers to mend, of an admin all of them.
    """

    team: Team
    mine: Work
    work: Sequence[Work]
    agreement: Agreement
    to_decide: Sequence[Sample]
    returned: Sequence[Sample]
    first: str | None
    names: Sequence[str]


def overview(queue: Queue, learned: Queue | None, person: Person) -> Overview:
    """Gathered anew; takes as long as the queue is large. Raises `QueueError`."""
    samples, team = queue.samples(), read_team(queue.folder)
    before = learned.samples() if learned else []
    done = work_done(samples, team, utc_now(), before)
    mine = next((each for each in done if each.name == person.name), Work(person.name))
    compared = comparisons([*samples, *before])
    if not person.is_admin:
        compared = [each for each in compared if person.name in each.people]
    waiting = filters.chosen(samples, MINE, Viewer(team, person.name))
    may = [
        sample
        for sample in disagreements(samples, team)
        if team.may_review(sample, person.name, is_admin=person.is_admin)
    ]
    returned = [sample for sample in samples if sample.verdict and team.status(sample) is Status.RETURNED]
    return Overview(
        team,
        mine,
        done if person.is_admin else [mine],
        agreement(compared),
        may,
        [each for each in returned if person.is_admin or (each.labels and each.labels.by == person.name)],
        waiting[0].id if waiting else None,
        [each.name for each in done],
    )
