"""Charts as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from maskwatch.evaluation.classification import BINS, Bin
from maskwatch.evaluation.curve import Curve
from maskwatch.platform.fonts import use_fonts

COLOURS = ("#2060b0", "#d06010")  # blue and orange stay apart for people who cannot tell green from red


@dataclass(frozen=True, slots=True, eq=False)
class OperatingCurve:
    """A detector's curve, and the point of it that was chosen; None where nothing was found."""

    name: str
    curve: Curve
    threshold: float
    recall: float | None
    precision: float | None


def precision_recall(models: Sequence[OperatingCurve]) -> bytes:
    """A PNG: the curves of one or two detectors, with the chosen operating points marked."""
    figure, axes = _figure(6.4, 4.8)
    for colour, model in zip(COLOURS, models, strict=False):
        axes.step(model.curve.recall, model.curve.precision, where="post", color=colour, label=model.name)
        if model.recall is not None and model.precision is not None:
            chosen = f"chosen: score above {model.threshold:g}"
            axes.plot(model.recall, model.precision, "o", color=colour, markersize=9, label=chosen)
    lowest = min((float(m.curve.precision.min()) for m in models if len(m.curve.precision)), default=0)
    axes.set(xlim=(0, 1), ylim=(max(0, min(0.5, lowest - 0.05)), 1.01), xlabel="recall", ylabel="precision")
    axes.legend(loc="lower left")
    return png(figure)


def reliability(models: Sequence[tuple[str, Sequence[Bin]]]) -> bytes:
    """A reliability diagram: the share of protected faces against the predicted probability; below, the number of faces."""
    use_fonts()
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), linestyle="--", color="#808080", label="as told")
    edges = np.arange(BINS) / BINS
    width = 1 / BINS / len(models)
    for number, (colour, (name, bins)) in enumerate(zip(COLOURS, models, strict=False)):
        full = [b for b in bins if b.faces]
        upper.plot([b.predicted for b in full], [b.protected for b in full], "o-", color=colour, label=name)
        counts = [b.faces for b in bins]
        lower.bar(edges + number * width, counts, width * 0.95, align="edge", color=colour)
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that is protected")
    upper.legend(loc="upper left")
    lower.set_yscale("log")
    lower.yaxis.set_major_formatter(
        StrMethodFormatter("{x:g}")
    )  # powers of ten would want fonts of their own
    lower.yaxis.set_minor_formatter(NullFormatter())
    lower.set(xlabel="probability that a mask protects", ylabel="faces", ylim=(0.7, None))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return png(figure)


def confusion(rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> bytes:
    """A confusion matrix: true labels down, verdicts across; a field's shade is its share of its row."""
    figure, axes = _figure(1.6 * len(columns) + 2, 0.8 * len(rows) + 1.2)
    shares = np.array([[n / max(1, sum(row)) for n in row] for row in counts])
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            colour = "white" if shares[y, x] > 0.6 else "black"
            axes.text(x, y, f"{count}\n{shares[y, x]:.1%}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="judged", ylabel="labelled")
    axes.grid(visible=False)
    return png(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    use_fonts()
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def png(figure: Figure) -> bytes:
    """The figure as PNG, at 150 dpi."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()
