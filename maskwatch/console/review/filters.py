"""Which samples are shown to whom, in which order, and how far the work on them is. Pure: no page and no disk."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache

from maskwatch.core.selection.reasons import is_miss
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.sample import Sample
from maskwatch.samples.team import Status, Team

PAGE_SIZE = 48
Check = Callable[[Sample], bool]


class LabelState(StrEnum):
    """Whether a person has looked, what was said of at least one face, or how far a team is with it."""

    ANY = "any"
    WAITING = "waiting"
    LABELLED = "labelled"
    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"
    NO_FACE = "no_face"
    SECOND = "second"
    DISAGREED = "disagreed"
    ACCEPTED = "accepted"
    RETURNED = "returned"


OF_TEAM = (LabelState.SECOND, LabelState.DISAGREED, LabelState.ACCEPTED, LabelState.RETURNED)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: what is shown of a sample, and which are that person's, depends on the team."""

    team: Team = field(default_factory=Team)
    person: str = ""


ANYBODY = Viewer()


class Order(StrEnum):
    """By time, by `lowest_confidence`, the lowest first, or those in which a face may have been missed before others."""

    MISSES = "misses"
    OLDEST = "oldest"
    NEWEST = "newest"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Filter:
    """None, or an empty text, lets everything through; with `mine`, what is in the person's share.

    A day is one of this machine's own time zone.
    """

    camera: str | None = None
    day: str | None = None
    reason: str | None = None
    state: LabelState = LabelState.ANY
    at_least: float = 0.0
    at_most: float = 1.0
    search: str = ""
    order: Order = Order.MISSES
    mine: bool = False

    def whatever_state(self) -> "Filter":
        """The same work, done or not."""
        return replace(self, state=LabelState.ANY)

    def to_query(self) -> dict[str, str]:
        """What an address says of it: only what differs from the default."""
        plain = Filter()
        return {
            each.name: str(value)
            for each in fields(self)
            if (value := getattr(self, each.name)) != getattr(plain, each.name) and value is not None
        }


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from."""

    cameras: tuple[str, ...]
    days: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelProgress:
    """`labelled` of `total` in a filter whatever their state; `today` by one person, anywhere."""

    labelled: int
    total: int
    today: int

    @property
    def share(self) -> float:
        """Labelled / total, 0..1; 0 where there is no sample."""
        return self.labelled / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """Page `number`, from 1, of `count`; there is always one, though it may be empty."""

    samples: tuple[Sample, ...]
    number: int
    count: int


def from_query(query: Mapping[str, str]) -> Filter:
    """The filter that an address asks for; what makes no sense in it is as if it were not there."""
    at_least, at_most = _share(query.get("at_least"), 0.0), _share(query.get("at_most"), 1.0)
    return Filter(
        camera=query.get("camera") or None,
        day=query.get("day") or None,
        reason=query.get("reason") or None,
        state=LabelState(query["state"]) if query.get("state") in set(LabelState) else LabelState.ANY,
        at_least=min(at_least, at_most),
        at_most=max(at_least, at_most),
        search=query.get("search", ""),
        order=Order(query["order"]) if query.get("order") in set(Order) else Order.MISSES,
        mine=query.get("mine") == str(True),
    )


def _share(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if 0 <= value <= 1 else default


def day_of(sample: Sample) -> str:
    """The day on which the sample was saved, `YYYY-MM-DD` in this machine's time zone."""
    return _day(sample.saved_at)


@lru_cache(maxsize=100_000)
def _day(at: datetime) -> str:
    return at.astimezone().date().isoformat()


def passes(sample: Sample, wanted: Filter, viewer: Viewer = ANYBODY) -> bool:
    """Whether a sample passes the filter; `search` is a part of its id, confidence counts to two decimals."""
    return all(check(sample) for check in _checks(wanted, viewer))


def _checks(wanted: Filter, viewer: Viewer) -> list[Check]:
    """One for each thing that is asked for, the quick ones first."""
    checks: list[Check] = []
    search = wanted.search.strip().lower()
    if wanted.camera is not None:
        checks.append(lambda sample: sample.report.camera == wanted.camera)
    if wanted.reason is not None:
        checks.append(lambda sample: wanted.reason in sample.reasons)
    if search:
        checks.append(lambda sample: search in sample.id.lower())
    if wanted.day is not None:
        checks.append(lambda sample: day_of(sample) == wanted.day)
    if (wanted.at_least, wanted.at_most) != (0.0, 1.0):
        checks.append(lambda sample: wanted.at_least <= round(sample.lowest_confidence, 2) <= wanted.at_most)
    if wanted.mine:
        checks.append(lambda sample: viewer.team.in_share(sample, viewer.person))
    if wanted.state is not LabelState.ANY:
        checks.append(lambda sample: _is_in(sample, wanted.state, viewer))
    return checks


def _is_in(sample: Sample, state: LabelState, viewer: Viewer) -> bool:
    seen = viewer.team.seen_by(sample, viewer.person)
    labels = seen.labels
    match state:
        case LabelState.WAITING:
            return labels is None
        case LabelState.LABELLED:
            return labels is not None
        case LabelState.NO_FACE:
            return labels is not None and not labels.faces
        case _ if state in OF_TEAM:
            return labels is not None and viewer.team.status(seen) is Status(state.value)
        case _:
            return labels is not None and any(
                annotation.label == AnnotationLabel(state.value) for annotation in labels.faces
            )


def chosen(samples: Iterable[Sample], wanted: Filter, viewer: Viewer = ANYBODY) -> list[Sample]:
    """Those that pass, as the viewer may see them, in the wanted order; what is alike comes oldest first."""
    checks = _checks(wanted, viewer)
    passing = [sample for sample in samples if all(check(sample) for check in checks)]
    if viewer.person:
        passing = [viewer.team.seen_by(sample, viewer.person) for sample in passing]
    passing.sort(key=lambda sample: sample.id)
    match wanted.order:
        case Order.MISSES:
            return sorted(passing, key=lambda sample: not is_miss(sample.reasons))
        case Order.OLDEST:
            return passing
        case Order.NEWEST:
            return passing[::-1]
        case Order.UNSURE:
            return sorted(passing, key=lambda sample: sample.lowest_confidence)


def choices(samples: Iterable[Sample]) -> Choices:
    """The cameras and reasons of these samples, sorted, and their days, the newest first."""
    samples = list(samples)
    return Choices(
        tuple(sorted({sample.report.camera for sample in samples})),
        tuple(sorted({day_of(sample) for sample in samples}, reverse=True)),
        tuple(sorted({reason for sample in samples for reason in sample.reasons})),
    )


def page(samples: Sequence[Sample], number: int, size: int = PAGE_SIZE) -> Page:
    """The page of that number, or the nearest that there is."""
    count = max(1, -(-len(samples) // size))
    number = min(max(1, number), count)
    return Page(tuple(samples[(number - 1) * size : number * size]), number, count)


def progress(
    samples: Iterable[Sample], wanted: Filter, by: str, today: date, viewer: Viewer = ANYBODY
) -> LabelProgress:
    """Over the samples of the filter, its `state` aside; `today`, by `by`, counts over all samples."""
    checks, day = _checks(wanted.whatever_state(), viewer), today.isoformat()
    labelled = total = mine = 0
    for sample in samples:
        labels = viewer.team.seen_by(sample, viewer.person).labels if sample.history else None
        if labels is not None and labels.by == by and _day(labels.at) == day:
            mine += 1
        if all(check(sample) for check in checks):
            total += 1
            labelled += labels is not None
    return LabelProgress(labelled, total, mine)
