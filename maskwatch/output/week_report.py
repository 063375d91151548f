"""The report of a week as PDF pages: what a facility manager mails."""

import io
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from maskwatch.core.events import Event
from maskwatch.core.records import Direction, Estimate, Label, PeopleCount
from maskwatch.events.week import Week
from maskwatch.output.fonts import families, show_all_letters
from maskwatch.output.sheet import FAINT, Sheet, percent
from maskwatch.output.style import COLOURS, hexadecimal
from maskwatch.sources.images import read_rgb

Words = Callable[..., str]
"""The texts: `t("report.title")`, with the values that a text takes by their names."""

BLUE, ORANGE, GREY = (
    hexadecimal(COLOURS[label]) for label in (Label.PROTECTED, Label.UNPROTECTED, Label.UNKNOWN)
)
WAY_COLOURS = {Direction.ENTERING: "#1f7a8c", Direction.LEAVING: "#bf8b2e", Direction.GONE: GREY}
MAX_ROWS = 12  # of a table
MAX_PICTURES = 6
KEY = "\N{BLACK SQUARE}"
_one_at_a_time = threading.Lock()  # matplotlib's settings are everybody's


def pdf(week: Week, t: Words, made: datetime, stills: Mapping[str, Path] | None = None) -> bytes:
    """The report, made at that time, as a file's bytes; `stills` are pictures by the ids of `week.worst`. Any thread may call it."""
    data = io.BytesIO()
    with _one_at_a_time, mpl.rc_context({"pdf.fonttype": 42}):
        told = {"Title": t("report.title"), "Creator": "maskwatch", "CreationDate": made}
        with PdfPages(data, metadata=told) as file:
            for figure in figures(week, t, made, stills or {}):
                file.savefig(figure)
    return data.getvalue()


def figures(week: Week, t: Words, made: datetime, stills: Mapping[str, Path]) -> list[Figure]:
    """Its pages: the ratio and who came; alerts, outages and effect; with `stills`, the worst moments."""
    shown = [event for event in week.worst if event.id in stills][:MAX_PICTURES]
    drawn = [_first(week, t), _second(week, t), *([_pictures(shown, stills, t)] if shown else [])]
    for number, sheet in enumerate(drawn, 1):
        zone = f"{made.astimezone():%Z}"
        told = t("report.made", at=f"{made.astimezone():%Y-%m-%d %H:%M}", zone=zone)
        sheet.foot(told, t("report.page", number=number, of=len(drawn)))
        FigureCanvasAgg(sheet.figure)
        show_all_letters(sheet.figure)
    return [sheet.figure for sheet in drawn]


def _first(week: Week, t: Words) -> Sheet:
    sheet = Sheet()
    first, last = week.days[0][0], week.days[-1][0]
    year, number, _ = first.isocalendar()
    sheet.title(t("report.title"), t("report.week", number=number, year=year, since=first, until=last))
    names = ", ".join(week.chosen) or t("report.all_cameras")
    sheet.line(t("report.cameras", names=names), colour=FAINT)
    sheet.figures_row(_headlines(week, t))
    sheet.heading(t("report.by_day"), t("report.bars"))
    _draw_days(sheet.axes(2.05), week, t)
    sheet.heading(t("report.by_hour"))
    _draw_hours(sheet.axes(2.05), week.hours)
    left, right = sheet.pair_of_axes(2.05, t("report.per_day"), t("report.ways"))
    _draw_stacks(left, _people_of(week, t), _names(t))
    ways = [
        (t(f"report.{way.value}"), WAY_COLOURS[way], [each.get(way.value, 0) for each in week.ways])
        for way in (Direction.ENTERING, Direction.LEAVING, Direction.GONE)
    ]
    _draw_stacks(right, ways, _names(t))
    sheet.line(t("report.how"), colour=FAINT, size=7.5)
    return sheet


def _second(week: Week, t: Words) -> Sheet:
    sheet = Sheet()
    sheet.heading(t("report.by_camera"))
    head = [t(f"report.{key}") for key in ("camera", "ratio", "range", "assessed")]
    rows = [
        (name, percent(counts.protected_ratio), _range(counts), str(counts.protected + counts.unprotected))
        for name, counts in week.cameras.items()
    ]
    _table(sheet, head, rows, (0, 3.2, 4.4, 6.1), t)
    sheet.heading(t("report.alerts_table"))
    alerts = sorted(week.alerts.items(), key=lambda each: -each[1])
    head = [t(f"report.{key}") for key in ("camera", "rule", "number")]
    _table(sheet, head, [(camera, rule, str(number)) for (camera, rule), number in alerts], (0, 3.2, 6.1), t)
    sheet.heading(t("report.outages_table"))
    head = [t(f"report.{key}") for key in ("camera", "number", "time", "reason")]
    outages = sorted(week.outages, key=lambda each: -each.seconds)
    rows = [(each.camera, str(each.number), _duration(t, each.seconds), each.reason) for each in outages]
    _table(sheet, head, rows, (0, 2.4, 3.2, 4.4), t)
    sheet.heading(t("report.effect"))
    for line in _effect_lines(week, t):
        sheet.line(line)
    return sheet


def _pictures(events: Sequence[Event], stills: Mapping[str, Path], t: Words) -> Sheet:
    sheet = Sheet()
    sheet.heading(t("report.worst"))
    for row in range(0, len(events), 2):
        pair = events[row : row + 2]
        said = [
            t(
                "report.worst_line",
                camera=event.camera,
                at=f"{datetime.fromtimestamp(event.at).astimezone():%m-%d %H:%M}",
                unprotected=event.data.get("unprotected"),
                people=event.data.get("people"),
            )
            for event in pair
        ]
        for axes, event in zip(sheet.pair_of_axes(2.1, *said, small=True), pair, strict=False):
            axes.imshow(read_rgb(stills[event.id]))
        for axes in sheet.figure.axes:
            axes.set_axis_off()
    return sheet


def _headlines(week: Week, t: Words) -> list[tuple[str, str, str]]:
    """Each a figure, what it is, and a word more."""
    counts, nobody = week.everybody, t("report.nobody")
    assessed = counts.protected + counts.unprotected
    seconds = sum(each.seconds for each in week.outages)
    interval = counts.interval
    return [
        (
            percent(counts.protected_ratio) or nobody,
            t("report.with_mask"),
            t("report.interval", low=percent(interval[0]), high=percent(interval[1])) if interval else "",
        ),
        (
            f"{assessed + counts.unknown:,}",
            t("report.people"),
            t("report.people_hint", assessed=f"{assessed:,}", unknown=f"{counts.unknown:,}"),
        ),
        (
            f"{sum(week.alerts.values()):,}",
            t("report.alerts"),
            t("report.alerts_hint", undelivered=week.undelivered),
        ),
        (
            f"{sum(each.number for each in week.outages):,}",
            t("report.outages"),
            t("report.outages_hint", time=_duration(t, seconds)),
        ),
    ]


def _names(t: Words) -> list[str]:
    return t("report.weekdays").split()


def _people_of(week: Week, t: Words) -> list[tuple[str, str, list[int]]]:
    counts = [counts for _, counts in week.days]
    return [
        (t("report.protected"), BLUE, [each.protected for each in counts]),
        (t("report.unprotected"), ORANGE, [each.unprotected for each in counts]),
        (t("report.unknown"), GREY, [each.unknown for each in counts]),
    ]


def _draw_days(axes: Axes, week: Week, t: Words) -> None:
    for number, (_, counts) in enumerate(week.days):
        if counts.protected_ratio is None or counts.interval is None:
            continue
        low, high = counts.interval
        axes.plot([number, number], [low, high], color=BLUE, linewidth=12, alpha=0.35, solid_capstyle="butt")
        axes.plot(number, counts.protected_ratio, "_", color=BLUE, markersize=12, mew=2.5)
        axes.annotate(
            percent(counts.protected_ratio),
            (number, counts.protected_ratio),
            xytext=(11, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    names = [f"{name} {day.day}." for name, (day, _) in zip(_names(t), week.days, strict=True)]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    _as_ratio(axes)


def _draw_hours(axes: Axes, hours: Sequence[PeopleCount]) -> None:
    before: float | None = None
    for hour, counts in enumerate(hours):
        ratio, interval = counts.protected_ratio, counts.interval
        if ratio is not None and interval is not None:
            axes.fill_between([hour, hour + 1], *interval, color=BLUE, alpha=0.25, linewidth=0)
            axes.plot([hour, hour + 1], [ratio, ratio], color=BLUE, linewidth=2)
            if before is not None:
                axes.plot([hour, hour], [before, ratio], color=BLUE, linewidth=2)
        before = ratio
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}" for hour in range(0, 25, 3)])
    axes.set_xlim(0, 24)
    _as_ratio(axes)


def _as_ratio(axes: Axes) -> None:
    axes.set_ylim(0, 1.04)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_yticks((0, 0.25, 0.5, 0.75, 1))
    axes.grid(axis="y", alpha=0.3)


def _draw_stacks(axes: Axes, parts: Sequence[tuple[str, str, Sequence[int]]], names: Sequence[str]) -> None:
    below = [0] * len(names)
    for number, (name, colour, counts) in enumerate(parts):
        axes.bar(range(len(names)), counts, bottom=below, color=colour, width=0.65)
        for left, text, ink in (
            (0.0, KEY, colour),
            (0.05, name, FAINT),
        ):  # no legend: it takes all letters for Latin
            axes.text(
                0.02 + left + number / 3,
                0.97,
                text,
                color=ink,
                fontsize=7.5,
                va="top",
                transform=axes.transAxes,
                family=list(families()),
            )
        below = [one + other for one, other in zip(below, counts, strict=True)]
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, max(1, *below) * 1.3)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y", alpha=0.3)


def _table(
    sheet: Sheet, head: Sequence[str], rows: Sequence[Sequence[str]], inches: Sequence[float], t: Words
) -> None:
    if not rows:
        sheet.line(t("report.none"))
        return
    sheet.cells(head, inches, colour=FAINT)
    for row in rows[:MAX_ROWS]:
        sheet.cells(row, inches)
    if len(rows) > MAX_ROWS:
        sheet.line(t("report.more", n=len(rows) - MAX_ROWS), colour=FAINT)


def _effect_lines(week: Week, t: Words) -> list[str]:
    told, withheld, gap = week.effect.told, week.effect.withheld, week.effect.difference
    lines = [] if told.announcements else [t("report.effect_none")]
    for key, each in (("told", told), ("withheld", withheld)):
        if each.announcements:
            counts = {
                name: getattr(each, name) for name in ("announcements", "addressed", "put_on", "unknown")
            }
            lines.append(t(f"report.effect_{key}", **counts, share=_estimate(t, each.share)))
    if gap.value is not None:
        lines.append(t("report.effect_difference", share=_estimate(t, gap)))
    return lines


def _estimate(t: Words, estimate: Estimate) -> str:
    value = percent(estimate.value) or t("report.nobody")
    if estimate.low is None or estimate.high is None:
        return value
    return t("report.share", value=value, low=percent(estimate.low), high=percent(estimate.high))


def _range(counts: PeopleCount) -> str:
    return "" if counts.interval is None else " - ".join(map(percent, counts.interval))


def _duration(t: Words, seconds: float) -> str:
    if seconds < 120:
        return t("report.seconds", n=round(seconds))
    minutes = round(seconds / 60)
    return (
        t("report.minutes", n=minutes)
        if minutes < 120
        else t("report.hours", n=minutes // 60, m=minutes % 60)
    )
