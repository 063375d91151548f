"""The picture of a data set: histograms above, a contact sheet of faces below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import Split
from maskwatch.datasets.statistics import KnownFace, Shown, Statistics
from maskwatch.platform.files import replacing
from maskwatch.platform.fonts import use_fonts

# blue and oranges stay apart for people who cannot tell green from red
COLOURS = {
    FaceLabel.PROTECTED: "#40a0ff",
    FaceLabel.UNPROTECTED: "#ff6e28",
    FaceLabel.WORN_WRONG: "#8a2be2",
}
WORDS = {
    FaceLabel.PROTECTED: "protected",
    FaceLabel.UNPROTECTED: "unprotected",
    FaceLabel.WORN_WRONG: "worn wrong",
}
COLUMNS = 12


def draw(path: Path, title: str, statistics: Statistics) -> None:
    """Write the picture; the suffix of the path tells its format."""
    rows = max(1, -(-len(statistics.shown) // COLUMNS))
    use_fonts()
    figure = Figure(figsize=(12, 4 + rows * 1.15), layout="constrained")
    FigureCanvasAgg(figure)
    halves = figure.subfigures(2, 1, squeeze=False, height_ratios=(4, rows * 1.15))
    upper, lower = halves[:, 0]
    sizes, parts = upper.subplots(1, 2, width_ratios=(3, 2))
    _draw_sizes(sizes, statistics.faces)
    _draw_parts(parts, statistics.faces)
    figure.suptitle(f"{title}: {statistics.images} pictures, {len(statistics.faces)} faces")
    axes = lower.subplots(rows, COLUMNS, squeeze=False).flatten()
    for place in axes:
        place.set_axis_off()
    for place, face in zip(axes, statistics.shown, strict=False):
        _draw_face(place, face)
    with replacing(path) as part:
        figure.savefig(part, dpi=110)


def _draw_sizes(axes: Axes, faces: Sequence[KnownFace]) -> None:
    """On a scale of doublings: 10 and 20 px differ as much as 100 and 200."""
    sizes = [face.px for face in faces] or [1.0]
    low, high = np.floor(np.log2(max(1.0, min(sizes)))), np.ceil(np.log2(max(2.0, *sizes)))
    edges = np.logspace(low, max(high, low + 1), int(max(1, high - low)) * 4 + 1, base=2)
    own = {label: [face.px for face in faces if face.label is label] for label in FaceLabel}
    present = [label for label in FaceLabel if own[label]]
    axes.hist(
        [own[label] for label in present],
        edges.tolist(),
        stacked=True,
        color=[COLOURS[label] for label in present],
        label=[WORDS[label] for label in present],
    )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set(xlabel="longer side, px", ylabel="faces", title="sizes")
    if present:
        axes.legend()


def _draw_parts(axes: Axes, faces: Sequence[KnownFace]) -> None:
    across = np.arange(len(Split))
    for number, label in enumerate(FaceLabel):
        if all(face.label is not label for face in faces):
            continue
        counts = [sum(f.label is label and f.split is part for f in faces) for part in Split]
        bars = axes.bar(across + (number - 1) * 0.27, counts, 0.25, color=COLOURS[label])
        axes.bar_label(bars, fontsize=8)
    axes.set_xticks(across, [str(part) for part in Split])
    axes.set(ylabel="faces", title="labels by part")


def _draw_face(axes: Axes, face: Shown) -> None:
    height, width = face.tile.shape[:2]
    axes.imshow(face.tile)
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height), (0, 0)]) - 0.5
    axes.plot(*frame.T, color=COLOURS[face.label], linewidth=3)
    axes.set_title(f"{WORDS[face.label]}\n{face.split}", fontsize=7, color="black", pad=3)
