"""A day or a week at a glance: the ratio with its interval by hour, alerts and outages. An SVG, made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from maskwatch.console.history.sentences import DASH, clock, percent, ratio, sentence
from maskwatch.console.texts import Texts
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.events.ratios import Span

WIDTH, HEIGHT = 1000, 100  # of the SVG's own measure; the page stretches it
TOP, BOTTOM = 14, 84  # between these stands the ratio: 100 % and 0 %
OUTAGES = 90  # from here down to the bottom
DAY_S = 86_400
MAX_ROWS = 15  # of a table that is shown at once
TICKS = {False: 3, True: 24}  # hours from one to the next, of a day and of longer


@dataclass(frozen=True, slots=True)
class Strip:
    """What is drawn: `hours` of the span with the people of each, the alerts and outages within it."""

    span: Span
    hours: Sequence[Span]
    people: Sequence[PeopleCount]
    events: Sequence[Event]
    total: PeopleCount

    @property
    def is_long(self) -> bool:
        """Whether it is more than a day."""
        return self.span.until - self.span.since > 1.5 * DAY_S

    def x(self, at: float) -> float:
        """Where a Unix time stands, 0..`WIDTH`."""
        share = (at - self.span.since) / (self.span.until - self.span.since)
        return min(max(share, 0.0), 1.0) * WIDTH


def drawn(t: Texts, strip: Strip, now: float) -> str:
    """HTML. A click tells the page the time there: the element has its span in `data-since` and `data-until`."""
    parts = [*_grid(strip), *_band(strip), *_outages(t, strip, now), *_now(strip, now)]
    kinds = [event.kind for event in strip.events]
    told = t(
        "history.strip",
        alerts=kinds.count(EventKind.ALERT),
        outages=kinds.count(EventKind.OUTAGE),
        ratio=ratio(t, strip.total),
    )
    return (
        f'<div class="mw-strip" role="img" aria-label="{escape(told)}" title="{escape(t("history.legend"))}" '
        f'data-since="{strip.span.since}" data-until="{strip.span.until}">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
        f"{''.join(_marks(t, strip))}"
        '<span class="mw-scale mw-full">100 %</span><span class="mw-scale mw-half">50 %</span>'
        f"{''.join(_ticks(t, strip))}</div>"
    )


def _y(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)


def _grid(strip: Strip) -> list[str]:
    lines = [f'<path class="mw-gridline" d="M0 {_y(share):.1f}H{WIDTH}"/>' for share in (0, 0.5, 1)]
    return lines + [
        f'<path class="mw-gridline" d="M{strip.x(at):.1f} {TOP}V{BOTTOM}"/>' for at in _times(strip)
    ]


def _band(strip: Strip) -> list[str]:
    """A step an hour, and the interval around it; a gap where nobody came."""
    boxes, line, before = [], [], None
    for span, counts in zip(strip.hours, strip.people, strict=True):
        if counts.protected_ratio is None or counts.interval is None:
            before = None
            continue
        left, right = strip.x(span.since), strip.x(span.until)
        low, high = map(_y, counts.interval)
        boxes.append(
            f'<rect class="mw-interval" x="{left:.1f}" y="{high:.1f}" width="{right - left:.1f}" height="{low - high:.1f}"/>'
        )
        y = _y(counts.protected_ratio)
        line.append(f"{'L' if before == left else 'M'}{left:.1f} {y:.1f}H{right:.1f}")
        before = right
    return [*boxes, f'<path class="mw-curve" d="{"".join(line)}"/>'] if line else []


def _outages(t: Texts, strip: Strip, now: float) -> list[str]:
    found = [event for event in strip.events if event.kind is EventKind.OUTAGE]
    bars = []
    for event in found:
        left = strip.x(event.at)
        width = max(2.0, strip.x(now if event.ended_at is None else event.ended_at) - left)
        told = escape(f"{clock(event.at)} {event.camera or ''}: {sentence(t, event)}")
        bars.append(
            f'<rect class="mw-outage" x="{left:.1f}" y="{OUTAGES}" width="{width:.1f}" height="{HEIGHT - OUTAGES}">'
            f"<title>{told}</title></rect>"
        )
    return bars


def _now(strip: Strip, now: float) -> list[str]:
    if not strip.span.since <= now < strip.span.until:
        return []
    return [f'<path class="mw-now" d="M{strip.x(now):.1f} 0V{HEIGHT}"/>']


def _marks(t: Texts, strip: Strip) -> list[str]:
    """Outside the SVG, which is stretched: a mark would be, too."""
    found = [
        event for event in strip.events if event.kind is EventKind.ALERT and event.at >= strip.span.since
    ]
    return [
        f'<i class="mw-mark-alert" style="left:{strip.x(event.at) / WIDTH:.3%}" '
        f'title="{escape(f"{clock(event.at)} {event.camera or str()}: {sentence(t, event)}")}"></i>'
        for event in found
    ]


def _times(strip: Strip) -> list[float]:
    """Of the ticks: every third hour of a day, every midnight of more."""
    every = TICKS[strip.is_long]
    hours = [span.since for span in strip.hours]
    return [at for at in hours if datetime.fromtimestamp(at).astimezone().hour % every == 0]


def _ticks(t: Texts, strip: Strip) -> list[str]:
    days = t("history.weekdays").split()
    told = []
    for at in _times(strip):
        moment = datetime.fromtimestamp(at).astimezone()
        name = (
            days[moment.weekday()][: 1 if t.language == "ko" else 3]
            if strip.is_long
            else f"{moment.hour:02d}"
        )
        told.append(f'<span class="mw-tick" style="left:{strip.x(at) / WIDTH:.3%}">{name}</span>')
    return told


def ratio_table(t: Texts, rows: Sequence[tuple[str, PeopleCount, PeopleCount]], place: str = "camera") -> str:
    """HTML: the ratio of each (name, day, week) with its interval, as figures and as a bar; names are of a camera or a site.

    The first row is that of all together; where the others are many, they wait to be asked for.
    """
    if len(rows) > MAX_ROWS:
        others = f"<summary>{t(f'sites.by_{place}', n=len(rows) - 1)}</summary>{_table(t, rows[1:], place)}"
        return f"{_table(t, rows[:1], place)}<details class='mw-others'>{others}</details>"
    return _table(t, rows, place)


def _table(t: Texts, rows: Sequence[tuple[str, PeopleCount, PeopleCount]], place: str) -> str:
    head = "".join(f"<th scope='col'>{t(f'history.{key}')}</th>" for key in (place, "this_day", "this_week"))
    body = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>{_figure(t, day)}{_figure(t, week)}</tr>"
        for name, day, week in rows
    )
    return f"<table class='mw-ratios'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(t: Texts, counts: PeopleCount) -> str:
    if counts.protected_ratio is None or counts.interval is None:
        return f"<td class='mw-faint'>{t('history.nobody')}</td>"
    low, high = counts.interval
    of = t("history.people", n=counts.protected + counts.unprotected)
    told = t("history.interval", low=percent(low), high=percent(high))
    return (
        f"<td title='{escape(told)}'><b>{percent(counts.protected_ratio)}</b> <small>{of}</small>"
        f"<small class='mw-range'>{percent(low)} {DASH} {percent(high)}</small>"
        f"<span class='mw-bar-of'><i style='left:{low:.1%};width:{high - low:.1%}'></i>"
        f"<b style='left:{counts.protected_ratio:.1%}'></b></span></td>"
    )
