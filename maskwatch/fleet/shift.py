"""Whether a version sees otherwise than the one that served before: from the counts of `drift/confidences.py`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from maskwatch.drift.confidences import MODELS, Day
from maskwatch.drift.shift import Bounds, chance, psi, total

FEWER = 0.2  # of the faces of the quietest day before: by far fewer than a quiet day brings


def why_shifted(
    days: Sequence[Day],
    before: Mapping[str, str],
    now: Mapping[str, str],
    bounds: Bounds,
    *,
    since: datetime,
    today: date,
) -> str | None:
    """Why the version that judges `now` is not to be trusted, a line for people; None: nothing speaks against it.

    `before` and `now` are what judged and judges each camera (`drift.confidences.named`), and `since` is when that
    changed; days are those of UTC. Of the days before, the last `bounds.reference_days` count. `bounds.psi` may be wider than
    drift's: the first hours with a version are no whole days.
    """
    for camera in sorted(before.keys() & now.keys()):
        if before[camera] == now[camera]:
            continue
        own = sorted((day for day in days if day.camera == camera), key=lambda day: day.day)
        old = [day for day in own if day.versions == before[camera] and day.day <= since.date()]
        new = [day for day in own if day.versions == now[camera] and day.day >= since.date()]
        why = _shift(old[-bounds.reference_days :], new, bounds) or _blindness(old, new, bounds, since, today)
        if why:
            return f"{camera}: {why}"
    return None


def _shift(old: Sequence[Day], new: Sequence[Day], bounds: Bounds) -> str | None:
    for model in MODELS:
        reference, present = (total(day.counts[model] for day in each) for each in (old, new))
        if min(reference.sum(), present.sum()) < bounds.least:
            continue
        index, bound = psi(reference, present), max(bounds.psi, chance(reference, present))
        if index > bound:
            return f"how sure the {model} is has shifted (PSI {index:.2f}, bound {bound:.2f})"
    return None


def _blindness(
    old: Sequence[Day], new: Sequence[Day], bounds: Bounds, since: datetime, today: date
) -> str | None:
    """Far fewer faces on the first whole day than on any whole day before: there would never be enough to compare."""
    first = since.date() + timedelta(days=1)
    whole = [_faces(day) for day in old if day.day < since.date()][1:]  # their first may be a part of a day
    quietest = min(whole[-bounds.reference_days :], default=0)
    if today <= first or len(whole) < bounds.reference_days or quietest < bounds.least:
        return None
    found = sum(_faces(day) for day in new if day.day == first)
    if found < FEWER * quietest:
        return f"{found} faces were counted on {first}, and {quietest} on the quietest of the days before"
    return None


def _faces(day: Day) -> int:
    """How many were counted on a day."""
    return int(day.counts["detector"].sum())
