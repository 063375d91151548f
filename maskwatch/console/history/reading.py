"""What the page reads from the store, on a thread of its own."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from maskwatch.console.history.query import Choice, Period
from maskwatch.console.history.strip import Strip
from maskwatch.console.users import Role
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.media import Media
from maskwatch.events.ratios import (
    Span,
    by_camera,
    by_site,
    by_span,
    day_span,
    people,
    tallies,
    week_span,
    whole,
)
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.events.timeline import Page, outcome_of, page
from maskwatch.platform.clock import local_day

ROWS = 60
MARKS = 2000  # alerts and outages that a strip shows at most
BEFORE_S = 14 * 86_400.0  # an outage that began so long before a day may still go on in it
DRAWN = (EventKind.ALERT, EventKind.OUTAGE)


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands above the timeline: of `day`, and of its week. `ratios` has the day's and the week's people by camera, or by site."""

    day: date
    strip: Strip
    everybody: tuple[PeopleCount, PeopleCount]
    ratios: tuple[tuple[str, PeopleCount, PeopleCount], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as its dialog shows it: what came of it, and which pictures there are."""

    event: Event
    outcome: Event | None
    has_still: bool
    has_clip: bool


def overview(store: EventStore, choice: Choice, today: date, *, has_sites: bool = False) -> Overview:
    """Of the day that is chosen, or that of the newest event; `has_sites`: of several sites. Raises `EventError`."""
    day = choice.day
    if day is None:
        newest = store.find(Choice(choice.camera, site=choice.site).filter(Role.VIEWER), limit=1)
        day = local_day(newest[0].at) if newest else today
    its, week = day_span(day), week_span(day)
    span = week if choice.period is Period.WEEK else its
    found = tallies(store, span, choice.cameras, choice.sites)
    of_day = [each for each in found if its.since <= each.begin < its.until]
    # no hour of it is shown: far fewer rows
    of_week = found if span is week else whole(store, week, choice.cameras, choice.sites)
    hours = span.hours()
    strip = Strip(span, hours, by_span(found, hours), _drawn(store, span, choice), people(of_day))
    by_place = by_site if has_sites else by_camera
    days, weeks = by_place(of_day), by_place(of_week)
    ratios = tuple((name, days.get(name, PeopleCount()), counts) for name, counts in weeks.items())
    return Overview(day, strip, (people(of_day), people(of_week)), ratios)


def rows_of(
    store: EventStore, media: Media | None, choice: Choice, role: Role, until: float | None
) -> tuple[Page, frozenset[str]]:
    """A page of the timeline, and the ids of its alerts that have a still. Raises `EventError`."""
    found = page(store, choice.filter(role, until), limit=ROWS)
    alerts = (row.id for row in found.rows if isinstance(row, Event) and row.kind is EventKind.ALERT)
    return found, frozenset(each for each in alerts if media and media.still(each).exists())


def alert_of(store: EventStore, media: Media | None, event_id: str) -> Alert | None:
    """The alert of that id, None where there is none. Raises `EventError`."""
    event = store.get(event_id)
    if event is None or event.kind is not EventKind.ALERT:
        return None
    pictures = (media.still(event.id).exists(), media.clip(event.id).exists()) if media else (False, False)
    return Alert(event, outcome_of(store, event), *pictures)


def newest_id(store: EventStore, choice: Choice, role: Role) -> str | None:
    """Of what is chosen, None where there is nothing. Raises `EventError`."""
    found = store.find(choice.filter(role), limit=1)
    return found[0].id if found else None


def beside(day: date, days: int) -> date:
    """So many days later; the same where the calendar has no such day."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day


def _drawn(store: EventStore, span: Span, choice: Choice) -> list[Event]:
    wanted = EventFilter(span.since, span.until, choice.cameras, DRAWN, choice.sites)
    within = store.find(wanted, limit=MARKS)
    before = replace(wanted, since=span.since - BEFORE_S, until=span.since, kinds=(EventKind.OUTAGE,))
    reaching = [e for e in store.find(before, limit=MARKS) if e.ended_at is None or e.ended_at > span.since]
    return [*within, *reaching]
