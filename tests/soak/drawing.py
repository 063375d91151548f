"""A soak in one picture."""

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

PANELS = (
    ("memory, MB", (("rss_mb", "resident"), ("pss_mb", "proportional"))),
    ("threads", (("threads", None),)),
    ("file handles", (("handles", None),)),
    ("cameras up", (("cameras_up", None),)),
    ("latency (slowest), ms", (("latency_ms", None),)),
    ("load of the machine", (("machine_load", None),)),
)


def draw(rows, faults, title, path):
    """`rows` against minutes; `faults` are (name, from second, to second), a band of its kind's colour each."""
    kinds = sorted({name for name, *_ in faults})
    colour = dict(zip(kinds, plt.colormaps["tab20"].colors, strict=False))
    panels = [p for p in PANELS if any(getattr(row, p[1][0][0]) is not None for row in rows)]
    figure, axes = plt.subplots(len(panels), figsize=(14, 2.3 * len(panels) + 1), sharex=True)
    minutes = [row.at_s / 60 for row in rows]
    for axis, (label, lines) in zip(axes, panels, strict=True):
        for name, begin_s, end_s in faults:
            axis.axvspan(begin_s / 60, end_s / 60, color=colour[name], alpha=0.35, linewidth=0)
        for field, legend in lines:
            axis.plot(minutes, [getattr(row, field) for row in rows], linewidth=1.1, label=legend)
        if len(lines) > 1:
            axis.legend(loc="lower right", fontsize=8)
        if label.startswith("latency"):
            axis.set_yscale("log")
        axis.set_ylabel(label, fontsize=9)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    for name, begin_s, end_s in faults:
        place = ((begin_s + end_s) / 120, 1.02)
        axes[0].annotate(
            name,
            place,
            xycoords=("data", "axes fraction"),
            rotation=90,
            fontsize=6.5,
            ha="center",
            va="bottom",
        )
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
