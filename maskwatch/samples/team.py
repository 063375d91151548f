"""Who labels what: even shares of a queue, a tenth of it seen by two.

By rendezvous hashing: everybody in the team is ranked by a hash of name and sample, the highest has the sample. Somebody
who joins takes his share from all others alike, and the share of one who leaves goes to all others; nothing else moves.
D. G. Thaler, C. V. Ravishankar, Using name-based mappings to increase hit rates, 1998.

The team stands in `.team.json` in the queue's folder: {"labellers": ["kim", "lee"]}.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from maskwatch.core.errors import QueueError
from maskwatch.samples.annotations import Revision, checked_name
from maskwatch.samples.json_file import read_json, write_json
from maskwatch.samples.opinions import Opinion, agree
from maskwatch.samples.sample import Sample

NAME = ".team.json"
SECOND_SHARE = 0.1
MAX_LABELLERS = 100


class Status(StrEnum):
    """How far a sample is: `SECOND` waits for the opinion of a second, `DISAGREED` for a reviewer, `RETURNED` to be mended."""

    WAITING = "waiting"
    LABELLED = "labelled"
    SECOND = "second"
    DISAGREED = "disagreed"
    ACCEPTED = "accepted"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Team:
    """The people among whom a queue is shared out, by name; without any, everybody labels what he likes."""

    labellers: tuple[str, ...] = ()

    def owner(self, sample_id: str) -> str | None:
        """Whose share the sample is in."""
        ranked = _ranked(self.labellers, sample_id)
        return ranked[0] if ranked else None

    def is_doubled(self, sample_id: str) -> bool:
        """Whether two are to see it; the same samples whoever is in the team."""
        return len(self.labellers) > 1 and _share(f"second\n{sample_id}") < SECOND_SHARE

    def second(self, sample: Sample) -> str | None:
        """Who is to give the second opinion, None where none is due: the owner, or who comes next if he labelled it."""
        labels = sample.labels
        if labels is None or not self.is_doubled(sample.id) or is_settled(sample) or opinion_beside(sample):
            return None
        return next(name for name in _ranked(self.labellers, sample.id) if name != labels.by)

    def status(self, sample: Sample) -> Status:
        """How far the sample is."""
        labels, opinion = sample.labels, opinion_beside(sample)
        if labels is None:
            return Status.WAITING
        if is_settled(sample) and sample.verdict is not None:
            return Status.ACCEPTED if sample.verdict.accepted else Status.RETURNED
        if opinion is not None:
            return Status.LABELLED if agree(labels.faces, opinion.faces) else Status.DISAGREED
        return Status.SECOND if self.second(sample) else Status.LABELLED

    def may_learn(self, sample: Sample) -> bool:
        """Whether the labels may be learned from: nobody doubts them, and nobody is still to be heard."""
        return self.status(sample) in {Status.LABELLED, Status.ACCEPTED}

    def in_share(self, sample: Sample, person: str) -> bool:
        """Whether it is for that person, done or not: her share, her second opinion, or what was returned to her."""
        if sample.labels is not None and self.status(sample) is Status.RETURNED:
            return sample.labels.by == person
        if self.owner(sample.id) in {None, person}:
            return True
        return any(each.by == person for each in sample.opinions) or self.second(sample) == person

    def seen_by(self, sample: Sample, person: str) -> Sample:
        """The sample as that person may see it before it is settled: who gives the second opinion sees her own alone."""
        if not sample.opinions and not self.is_doubled(sample.id):
            return sample
        own = next((each for each in sample.opinions if each.by == person), None)
        if sample.labels is None or sample.labels.by == person or is_settled(sample):
            return sample
        if own is not None:
            said = (Revision(own.faces, own.by, own.at, sample.revision),)
            return replace(sample, history=said, opinions=())
        return replace(sample, history=(), verdict=None) if self.second(sample) == person else sample

    def may_review(self, sample: Sample, person: str, *, is_admin: bool) -> bool:
        """Whether that person may accept or return it: an admin, or a third where two disagree; nobody her own second look unseen."""
        labels, opinion = sample.labels, opinion_beside(sample)
        if labels is None or self.second(sample) == person:
            return False
        if is_admin:
            return True
        return opinion is not None and person in self.labellers and person not in {labels.by, opinion.by}

    def with_labeller(self, name: str) -> "Team":
        """The team with one more. Raises `QueueError` for a name that is none, or a team that is too large."""
        if len(self.labellers) >= MAX_LABELLERS:
            raise QueueError(f"queue: a team has at most {MAX_LABELLERS} people")
        return Team(tuple(sorted({*self.labellers, checked_name(name)})))

    def without_labeller(self, name: str) -> "Team":
        """The team with one less; an unknown name changes nothing."""
        return Team(tuple(each for each in self.labellers if each != name))


def is_settled(sample: Sample) -> bool:
    """Whether a reviewer has decided on the labels as they are."""
    return sample.verdict is not None and sample.verdict.revision == sample.revision


def opinion_beside(sample: Sample) -> Opinion | None:
    """The newest opinion of another person than the one whose labels hold."""
    labels = sample.labels
    others = [each for each in sample.opinions if labels is not None and each.by != labels.by]
    return others[-1] if others else None


def read_team(queue: Path) -> Team:
    """The team of a queue's folder; nobody where none was named. Raises `QueueError` for a file that is none."""
    return read_json(queue / NAME, lambda content: _team(content["labellers"])) or Team()


def write_team(queue: Path, team: Team) -> None:
    """Raises `QueueError`."""
    write_json(queue / NAME, {"labellers": list(team.labellers)})


def _team(names: Iterable[str]) -> Team:
    team = Team()
    for name in names:
        team = team.with_labeller(name)
    return team


@lru_cache(maxsize=200_000)
def _ranked(labellers: tuple[str, ...], sample_id: str) -> tuple[str, ...]:
    """The two highest: more are never asked."""
    return tuple(
        sorted(labellers, key=lambda name: sha256(f"{name}\n{sample_id}".encode()).digest(), reverse=True)[:2]
    )


@lru_cache(maxsize=200_000)
def _share(text: str) -> float:
    """A number in 0..1 that is always the same for a text."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) / 2**64
