"""The ratio over the recorded minute and the alerts in it, before and after, as a small picture."""

from collections.abc import Iterator, Sequence
from html import escape

from maskwatch.console.texts import Texts
from maskwatch.core.what_if import Course, Moment

WIDTH, PLOT, ROW = 600, 90, 16  # the plot's height and that of a row of alerts
MINUTE_S = 60.0
GAP_S = 2.0  # longer without anybody to assess: the line ends


def timeline(t: Texts, now: Course, tried: Course, bound: float) -> str:
    """As SVG: the ratio in force thin, the tried one thick, the bound dashed; below, a bar for each alert."""
    end = tried.moments[-1].at if tried.moments else MINUTE_S
    said = escape(t("editor.timeline_said", now=len(now.alerts), tried=len(tried.alerts)), quote=True)
    y = _y(bound)
    return (
        f'<svg class="mw-ed-time" viewBox="0 -4 {WIDTH} {PLOT + 2 * ROW + 8}" role="img" aria-label="{said}">'
        f'<line class="mw-ed-bound" x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"></line>'
        f'<path class="mw-ed-now" d="{_path(now.moments, end)}"></path>'
        f'<path class="mw-ed-tried" d="{_path(tried.moments, end)}"></path>'
        + "".join(_alerts(now, end, PLOT + 4, "mw-ed-now"))
        + "".join(_alerts(tried, end, PLOT + 4 + ROW, "mw-ed-tried"))
        + "</svg>"
    )


def _x(at: float, end: float) -> float:
    return min(max(WIDTH * (1 + (at - end) / MINUTE_S), 0.0), WIDTH)


def _y(ratio: float) -> float:
    return PLOT * (1 - ratio)


def _path(moments: Sequence[Moment], end: float) -> str:
    parts: list[str] = []
    last = None
    for moment in moments:
        if moment.ratio is None or end - moment.at > MINUTE_S:
            continue
        joined = last is not None and moment.at - last <= GAP_S
        x, y = _x(moment.at, end), _y(moment.ratio)
        parts.append(f"H{x:.1f}V{y:.1f}" if joined else f"M{x:.1f} {y:.1f}")
        last = moment.at
    return "".join(parts)


def _alerts(course: Course, end: float, y: int, look: str) -> Iterator[str]:
    for alert in course.alerts:
        x = _x(alert.at, end)
        to = _x(end if alert.ended_at is None else alert.ended_at, end)
        yield (
            f'<rect class="{look}" x="{x:.1f}" y="{y}" width="{max(to - x, 3):.1f}" height="{ROW - 5}" rx="2">'
            f"<title>{escape(alert.rule)}</title></rect>"
        )
