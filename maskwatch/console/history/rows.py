"""The rows of the timeline as HTML."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from urllib.parse import urlencode

from maskwatch.console.history.query import ALL_SITES, PATH
from maskwatch.console.history.sentences import (
    DASH,
    badges,
    clock,
    long_date,
    quarter_sentence,
    sentence,
    ways,
)
from maskwatch.console.texts import Texts
from maskwatch.core.events import Event, EventKind
from maskwatch.events.ratios import QUARTER_S
from maskwatch.events.timeline import Quarter
from maskwatch.platform.clock import local_day

ICONS = {
    EventKind.ALERT: "campaign",
    EventKind.PASSAGE: "directions_walk",
    EventKind.OUTAGE: "videocam_off",
    EventKind.ANNOUNCEMENT: "how_to_reg",
    EventKind.MODELS: "model_training",
    EventKind.SERVICE: "power_settings_new",
    EventKind.SETTINGS: "tune",
    EventKind.ACCESS: "visibility",
}


def rows(
    t: Texts,
    found: Sequence[Event | Quarter],
    day: date | None,
    stills: frozenset[str],
    *,
    sites: str | None = None,
) -> str:
    """The rows, the newest first, with a heading where another day begins than `day`, that of the row before.

    `stills` are the ids of events of which there is a picture. `sites` is the choice of sites as an address has it, None
    where they are all of this service; of several sites, each row tells which.
    """
    names_site = sites in {"", ALL_SITES}
    more = {"site": sites} if sites else {}
    parts: list[str] = []
    is_open = False
    for row in found:
        its = local_day(row.at)
        if its != day:
            parts.append("</ol>" if is_open else "")
            parts.append(
                f'<h2 class="mw-day"><a href="{_address(more, day=its)}">{escape(long_date(t, its))}</a></h2>'
            )
            is_open = False
        if not is_open:
            parts.append('<ol class="mw-events">')
            is_open = True
        day = its
        parts.append(
            _quarter(t, row, names_site=names_site)
            if isinstance(row, Quarter)
            else _event(t, row, more, has_still=row.id in stills, names_site=names_site)
        )
    return "".join(parts) + ("</ol>" if is_open else "")


def place_of(event: Event) -> str:
    """`north gate · entrance`; of a service, its site alone."""
    return f"{event.site} · {event.camera}" if event.camera else event.site


def _address(more: Mapping[str, str], **said: object) -> str:
    return escape(f"{PATH}?{urlencode({**more, **said})}")


def _event(t: Texts, event: Event, more: Mapping[str, str], *, has_still: bool, names_site: bool) -> str:
    told = escape(sentence(t, event))
    if event.kind is EventKind.ALERT and event.data.get("say"):
        told += f" <q>{escape(str(event.data['say']))}</q>"
    words = "".join(f"<em>{escape(word)}</em>" for word in badges(t, event))
    place = place_of(event) if names_site else event.camera or ""
    picture = (
        f'<img src="{PATH}/thumbnail/{event.id}.jpg" alt="" loading="lazy" decoding="async">'
        if has_still
        else ""
    )
    inner = (
        f'{_time(event.at)}{_icon(event.kind)}<span class="mw-what"><b>{escape(place)}</b> '
        f"{told} {words}</span>{picture}"
    )
    if event.kind is not EventKind.ALERT:
        return _row(event.kind, event.at, f'<div class="mw-row" tabindex="-1">{inner}</div>')
    link = f'<a class="mw-row" href="{_address(more, event=event.id)}" data-event="{event.id}">{inner}</a>'
    return _row(event.kind, event.at, link)


def _quarter(t: Texts, quarter: Quarter, *, names_site: bool) -> str:
    places = quarter.sites if names_site else quarter.cameras
    where = ", ".join(f"{escape(name)} {number}" for name, number in places.items())
    how = escape(ways(t, quarter.ways))
    span = f"{clock(quarter.at, seconds=False)}{DASH}{clock(quarter.at + QUARTER_S, seconds=False)}"
    inner = (
        f'<time>{span}</time>{_icon(EventKind.PASSAGE)}<span class="mw-what">{escape(quarter_sentence(t, quarter))}'
        f" <small>{' · '.join(filter(None, (how, where)))}</small></span>"
    )
    return _row(EventKind.PASSAGE, quarter.at, f'<div class="mw-row" tabindex="-1">{inner}</div>')


def _row(kind: EventKind, at: float, inner: str) -> str:
    return f'<li class="mw-kind-{kind.value}" data-at="{at}">{inner}</li>'


def _time(at: float) -> str:
    return f"<time>{clock(at)}</time>"


def _icon(kind: EventKind) -> str:
    return f'<i class="material-icons" aria-hidden="true">{ICONS[kind]}</i>'
