"""What each person has labelled: today, in seven days, by label, and how long a picture takes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.team import Status, Team, opinion_beside

BREAK_S = 300.0  # who saves nothing for longer did something else
BULK_S = 0.3  # nobody looks at a picture so shortly: labels that came from a file
MIN_INTERVALS = 5  # of fewer, no time is told


@dataclass(frozen=True, slots=True)
class Work:
    """Of one person: pictures `today`, in the last seven days (`week`) and in all; `labels` counts the faces of all.

    `waiting` are those that she has still to label, `returned` among them what is to be mended, and `median_s` the
    seconds that a picture takes; None where too few were labelled one after another.
    """

    name: str
    today: int = 0
    week: int = 0
    total: int = 0
    labels: Mapping[AnnotationLabel, int] = field(default_factory=dict)
    median_s: float | None = None
    waiting: int = 0
    returned: int = 0

    def to_json(self) -> dict[str, object]:
        """Ready for JSON."""
        return {
            "name": self.name,
            "today": self.today,
            "week": self.week,
            "total": self.total,
            "labels": {label.value: count for label, count in self.labels.items()},
            "median_s": None if self.median_s is None else round(self.median_s, 1),
            "waiting": self.waiting,
            "returned": self.returned,
        }


@dataclass(frozen=True, slots=True)
class _Act:
    sample_id: str
    at: datetime
    faces: tuple[Annotation, ...]


def work_done(
    samples: Iterable[Sample], team: Team, now: datetime, learned: Iterable[Sample] = ()
) -> list[Work]:
    """Of everybody in the team, and whoever else labelled, by name; `learned` are samples that left the queue.

    A day is one of this machine's own time zone.
    """
    samples = list(samples)
    acts: defaultdict[str, list[_Act]] = defaultdict(list)
    for sample in (*samples, *learned):
        for revision in sample.history:
            if revision.faces is not None and revision.restores is None:
                acts[revision.by].append(_Act(sample.id, revision.at, revision.faces))
        for opinion in sample.opinions:
            acts[opinion.by].append(_Act(sample.id, opinion.at, opinion.faces))
    waiting, returned = _waiting(samples, team)
    names = sorted({*team.labellers, *acts})
    return [_work(name, acts[name], now, waiting[name], returned[name]) for name in names]


def _waiting(samples: Sequence[Sample], team: Team) -> tuple[Counter[str], Counter[str]]:
    waiting: Counter[str] = Counter()
    returned: Counter[str] = Counter()
    for sample in samples:
        status = team.status(sample)
        if status is Status.WAITING:
            waiting[team.owner(sample.id) or ""] += 1
        elif status is Status.SECOND:
            waiting[team.second(sample) or ""] += 1
        elif status is Status.RETURNED and sample.labels is not None:
            waiting[sample.labels.by] += 1
            returned[sample.labels.by] += 1
    return waiting, returned


def _work(name: str, acts: Sequence[_Act], now: datetime, waiting: int, returned: int) -> Work:
    today = _day(now)
    days = [_day(act.at) for act in acts]
    last: dict[str, _Act] = {act.sample_id: act for act in sorted(acts, key=lambda act: act.at)}
    counts = Counter(annotation.label for act in last.values() for annotation in act.faces)
    return Work(
        name,
        len({act.sample_id for act, day in zip(acts, days, strict=True) if day == today}),
        len({a.sample_id for a, d in zip(acts, days, strict=True) if today - timedelta(days=7) < d <= today}),
        len(last),
        {label: counts[label] for label in AnnotationLabel},
        _median_s(acts),
        waiting,
        returned,
    )


def _median_s(acts: Sequence[_Act]) -> float | None:
    times = sorted(act.at for act in acts)
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    working = [gap for gap in gaps if BULK_S <= gap <= BREAK_S]
    return median(working) if len(working) >= MIN_INTERVALS else None


def _day(at: datetime) -> date:
    return at.astimezone().date()


def disagreements(samples: Iterable[Sample], team: Team) -> list[Sample]:
    """Those on which a reviewer has to decide, oldest first."""
    found = [
        sample
        for sample in samples
        if opinion_beside(sample) is not None and team.status(sample) is Status.DISAGREED
    ]
    return sorted(found, key=lambda sample: sample.id)
