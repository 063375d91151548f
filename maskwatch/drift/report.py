"""Drift, drawn: a section of a report."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maskwatch.drift.confidences import BINS
from maskwatch.drift.shift import Shift
from maskwatch.drift.watch import Drift
from maskwatch.evaluation.document import Block, Image, Report, Section, Table
from maskwatch.evaluation.plots import COLOURS, png
from maskwatch.platform.fonts import use_fonts

MEANING = (
    "The index compares how sure the models are now with how sure they were in their first days (population stability "
    "index; N. Siddiqi, Credit Risk Scorecards, 2006: under 0.1 nothing changed, above 0.25 much did). It tells that a camera shows "
    "something else, not that the models err; the audit, samples that were drawn at random and labelled, tells that."
)


def report(drift: Drift) -> Report:
    """A report of drift alone: the title says whether labelling is due, the lead where and why."""
    due = drift.due()
    lead = tuple(f"Labelling is due for {camera}: {reason}." for camera, reason in due.items())
    facts: dict[str, object] = {
        "due": due,
        "shifts": [
            {
                "camera": each.camera,
                "model": each.model,
                "faces_then": int(each.reference.sum()),
                "faces_now": int(each.now.sum()),
                "psi": each.psi,
                "bound": each.bound,
                "by_day": {day.isoformat(): value for day, value in each.by_day},
            }
            for each in drift.shifts
        ],
        "audits": [
            {
                "camera": each.camera,
                "samples": each.samples,
                "faces": each.faces,
                "right": each.right,
                "interval": each.interval,
            }
            for each in drift.audits
        ],
    }
    known = any(each.psi is not None for each in drift.shifts)
    calm = "No drift that calls for labels" if known else "Too early to say: there are too few faces yet"
    title = "Labelling is due" if due else calm
    return Report(title, lead, None, (section(drift),), facts)


def section(drift: Drift) -> Section:
    """Tables of the shifts and the audits, and a chart of each shift whose first days have faces."""
    blocks: list[Block] = [_shifts(drift), _audits(drift)]
    blocks += [_drawn(each) for each in drift.shifts if each.reference.sum()]
    return Section("Drift", (*blocks, MEANING))


def _shifts(drift: Drift) -> Table:
    rows = tuple(
        (
            f"{each.camera}, {each.model}",
            str(int(each.reference.sum())),
            str(int(each.now.sum())),
            "too few" if each.psi is None else f"{each.psi:.3f}",
            "-" if each.psi is None else f"{each.bound:.3f}",
            "labelling is due" if each.is_due else "-",
        )
        for each in drift.shifts
    )
    return Table("How sure the models are", ("", "faces then", "faces now", "index", "bound", ""), rows)


def _audits(drift: Drift) -> Table:
    rows = []
    for each in drift.audits:
        share, within = each.share, each.interval
        told = (
            ("-", "-")
            if share is None or within is None
            else (f"{share:.3f}", f"{within[0]:.3f} to {within[1]:.3f}")
        )
        rows.append((each.camera, str(each.samples), str(each.faces), *told))
    headers = ("", "samples", "faces", "found and judged right", "95 % interval")
    return Table(
        "The audit", headers, tuple(rows), f"Labelling is due clearly under {drift.least_right:.0%}."
    )


def _drawn(shift: Shift) -> Image:
    """Then and now, and the index of each later day."""
    use_fonts()
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1)
    for place, (name, counts) in enumerate((("first days", shift.reference), ("now", shift.now))):
        if counts.sum():
            edges = [(number + 0.45 * place) / BINS for number in range(BINS)]
            upper.bar(
                edges, counts / counts.sum(), 0.43 / BINS, align="edge", color=COLOURS[place], label=name
            )
    upper.set(xlabel=f"probability of the {shift.model}", ylabel="share of faces", xlim=(0, 1))
    upper.legend(loc="upper center")
    if shift.by_day:
        names, values = zip(*((day.isoformat(), value) for day, value in shift.by_day), strict=True)
        lower.plot(range(len(values)), values, "o-", color=COLOURS[1])
        few = max(1, len(names) // 6)
        lower.set_xticks(range(0, len(names), few), names[::few])
    lower.axhline(shift.bound, linestyle="--", color="#808080", label="bound")
    lower.set(ylabel="index of the day", ylim=(0, None))
    lower.legend(loc="upper left")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return Image(png(figure), f"{shift.camera}, {shift.model}: then and now, and day by day")
