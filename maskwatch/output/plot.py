"""A replay over time, drawn: the protected ratio, everybody's verdict, how many people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from maskwatch.core.records import Alert, Label
from maskwatch.output.style import ALERT_COLOUR, COLOURS, hexadecimal
from maskwatch.output.timeline import MAX_LANES, Stretch, Timeline
from maskwatch.platform.files import replacing
from maskwatch.platform.fonts import use_fonts

INCHES = (11, 7)
NAMED_LANES = 20  # of more, only some rows have their number
MINUTES_S = 300  # footage longer than this has minutes on its axis
DPI = 120
RATIO_COLOUR = "#2060b0"
BOUND_COLOUR = "#c05010"
VERDICTS = {
    Label.UNPROTECTED: "without mask",
    Label.PROTECTED: "with mask",
    Label.UNKNOWN: "unknown",
}


def plot(
    path: Path,
    title: str,
    timeline: Timeline,
    alerts: Sequence[Alert],
    bounds: Mapping[str, float],
    *,
    rows: bool = True,
) -> None:
    """Draw the protected ratio with its `bounds` (0..1, by what they mean) and the alerts, and the people below it.

    Everybody has a row in the colour of her verdict, with gaps where her face was hidden; with more than `MAX_LANES`
    people, or without `rows`, there are only their counts.
    """
    lanes = timeline.lanes() if rows else {}
    shown = 0 < len(lanes) <= MAX_LANES
    use_fonts()
    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    if shown:
        upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.2))
        _draw_lanes(middle, lanes)
    else:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_ratio(upper, timeline, alerts, bounds)
    _draw_counts(lower, timeline)
    upper.set_title(title)
    end = timeline.end if len(timeline) else 1.0
    for axes in figure.axes:
        axes.set_xlim(timeline.at[0] if len(timeline) else 0, end)
        axes.grid(axis="x", alpha=0.25)
        handles, _ = axes.get_legend_handles_labels()
        if handles:
            axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1), frameon=False, borderaxespad=0)
    if end > MINUTES_S:
        lower.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s // 60)}:{int(s % 60):02d}"))
    lower.set_xlabel("minutes" if end > MINUTES_S else "seconds")
    with replacing(path) as part:
        figure.savefig(part, dpi=DPI)


def _draw_ratio(axes: Axes, timeline: Timeline, alerts: Sequence[Alert], bounds: Mapping[str, float]) -> None:
    followed = np.array(timeline.ratio) != np.array(timeline.raw_ratio)
    if (followed & ~(np.isnan(timeline.ratio) & np.isnan(timeline.raw_ratio))).any():
        axes.step(
            timeline.at,
            timeline.raw_ratio,
            where="post",
            color="#9a9a9a",
            linewidth=0.9,
            label="each frame alone",
        )
    axes.step(
        timeline.at, timeline.ratio, where="post", color=RATIO_COLOUR, linewidth=2.2, label="people protected"
    )
    for number, (meaning, bound) in enumerate(bounds.items()):
        style = "--" if number == 0 else ":"
        axes.axhline(bound, linestyle=style, color=BOUND_COLOUR, label=f"{meaning} {bound:.0%}")
    red = hexadecimal(ALERT_COLOUR)
    last = timeline.last_at
    for number, alert in enumerate(alerts):
        ended = last if alert.ended_at is None else alert.ended_at
        axes.axvspan(alert.at, ended, color=red, alpha=0.12, linewidth=0)
        axes.axvline(alert.at, color=red, linewidth=1)
        label = "alert" if number == 0 else None
        axes.plot(alert.at, 1.04, "v", color=red, markersize=8, label=label, clip_on=False)
    axes.set(ylim=(-0.05, 1.08), ylabel="protected ratio")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))


def _draw_lanes(axes: Axes, lanes: Mapping[int, Sequence[Stretch]]) -> None:
    tracks = sorted(lanes)
    for label in VERDICTS:
        for row, track in enumerate(tracks):
            bars = [(each.start, each.end - each.start) for each in lanes[track] if each.label is label]
            axes.broken_barh(bars, (row - 0.35, 0.7), color=hexadecimal(COLOURS[label]), linewidth=0)
    every = 1 + (len(tracks) - 1) // NAMED_LANES
    axes.set_yticks(range(0, len(tracks), every), [str(track) for track in tracks[::every]])
    axes.set(ylim=(len(tracks) - 0.4, -0.6), ylabel="person")


def _draw_counts(axes: Axes, timeline: Timeline) -> None:
    below = np.zeros(len(timeline))
    for label in (Label.PROTECTED, Label.UNPROTECTED, Label.UNKNOWN):
        counts = below + np.array(timeline.counts(label))
        colour = hexadecimal(COLOURS[label])
        axes.fill_between(
            timeline.at, below, counts, step="post", color=colour, linewidth=0, label=VERDICTS[label]
        )
        below = counts
    axes.set(ylim=(0, max([*below, 1]) + 0.5), ylabel="people")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
