"""What came of a hyper-parameter search: the trials as curves, which parameters mattered, and the values of the best."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maskwatch.core.text import pluralize
from maskwatch.evaluation.document import Image, Report, Section, Table
from maskwatch.platform.fonts import use_fonts
from maskwatch.training.search import Searched, Trial

BLUE, ORANGE, GREY = "#2060b0", "#d06010", "#b0b0b0"
FIGURE = "balanced loss"
NOTE = (
    "The balanced loss is the mean of the losses of each label, however few faces have it: masks worn wrong count as much as "
    "bare faces. "
    "All figures are of the validation part, on which trials are chosen, so that of the best is flattered. The test part "
    "was not looked at."
)

MEANINGS = {
    "batch": "faces in a step",
    "learning_rate": "how far a step goes, where it goes farthest",
    "weight_decay": "how strongly weights are drawn to zero",
    "label_smoothing": "so far is a label from being certain",
    "worn_wrong": "a face with a mask worn wrong is drawn so many times as often as another unprotected one",
    "average": "the weights that are kept are a moving average: each step leaves so much of it",
}
"""What the parameters of a recipe are; one that is not here tells nothing."""


def search_report(searched: Searched, about: str) -> Report:
    """`about` says what was searched, and on what."""
    best, default = searched.best, searched.default
    names = list(default.parameters)
    verdict = (
        f"Trial {best.number + 1} is better than the default at the same effort: {_told(best)} and {_told(default)}."
        if searched.is_better
        else f"No trial is better than the default at the same effort ({_told(default)})."
    )
    early = sum(trial.figure is None for trial in searched.trials)
    lead = (verdict, f"{pluralize(len(searched.trials), 'trial')}, {early} of them ended early. {NOTE}")
    values = Table(
        "Values",
        ("", "default", "best", "importance", "what it is"),
        tuple(
            (name, f"{default.parameters[name]:.4g}", f"{best.parameters[name]:.4g}",
             f"{searched.importance[name]:.0%}" if name in searched.importance else "-", MEANINGS.get(name, ""))
            for name in names
        ),
    )  # fmt: skip
    trials = Table(
        "Trials",
        ("trial", FIGURE, *names),
        tuple(
            (str(trial.number + 1), _told(trial), *(f"{trial.parameters[name]:.4g}" for name in names))
            for trial in sorted(
                searched.trials, key=lambda trial: (trial.figure is None, trial.figure or 0.0)
            )
        ),
    )
    sections = (
        Section("The best", (values,)),
        Section("Curves", (Image(_curves(searched), f"{FIGURE} of each trial by epoch"),)),
        Section("All trials, the best first", (trials,)),
    )
    facts = {
        "about": about,
        "is_better": searched.is_better,
        "default": _facts(default),
        "best": _facts(best),
        "importance": dict(searched.importance),
        "trials": [_facts(trial) for trial in searched.trials],
    }
    return Report(f"Hyper-parameter search: {about}", lead, None, sections, facts)


def _told(trial: Trial) -> str:
    return "ended early" if trial.figure is None else f"{trial.figure:.4f}"


def _facts(trial: Trial) -> dict[str, object]:
    return {
        "number": trial.number,
        "parameters": dict(trial.parameters),
        "figure": trial.figure,
        "curve": list(trial.curve),
    }


def _curves(searched: Searched) -> bytes:
    use_fonts()
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    special = {searched.default.number: (ORANGE, "default"), searched.best.number: (BLUE, "best")}
    for trial in sorted(searched.trials, key=lambda trial: trial.number in special):
        colour, label = special.get(trial.number, (GREY, None))
        steps = range(1, len(trial.curve) + 1)
        axes.plot(steps, trial.curve, color=colour, label=label, linewidth=2 if label else 1, marker=".")
        if trial.figure is None and trial.curve:
            axes.plot(steps[-1], trial.curve[-1], "x", color=colour)
    axes.set(xlabel="epoch", ylabel=f"lowest {FIGURE} so far", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()
