"""What the reports share: on what was measured, figures with their intervals, and two models side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskwatch.evaluation.bootstrap import RESAMPLES, Difference, Estimate, Measured, differences, estimates
from maskwatch.evaluation.document import Block, Report, Section, Table
from maskwatch.evaluation.images import EvaluationImages
from maskwatch.evaluation.system import ACCUSED, BIAS, UNNOTICED

INTERVALS = (
    f"Intervals hold 95 % of {RESAMPLES:,} bootstrap draws of whole pictures, with a fixed seed. "
    "They tell what other pictures of the same kind might have given, and nothing of other kinds."
)
BY_CHANCE = (
    "Of twenty figures that do not differ, about one still falls outside its interval: "
    "look first at the figure that was to be improved."
)
LOW_IS_BETTER = (
    UNNOTICED,
    ACCUSED,
    "expected calibration error",
    "error of the protected ratio",
    "false alarms a picture",
)
SIGNED = (BIAS,)  # shown with a sign, and neither better high nor better low


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured, and how: the versions of the models by their roles, and the settings in words."""

    what: str
    material: EvaluationImages
    models: Mapping[str, str]
    settings: Mapping[str, object]


def report(
    subject: Subject, first: Sequence[str], sections: Sequence[Section], facts: Mapping[str, object]
) -> Report:
    """A report with its head; `first` are the sentences that it begins with, of how much there was to count say."""
    material = subject.material
    about = {
        "what": subject.what,
        "models": dict(subject.models),
        "settings": dict(subject.settings),
        "data": material.name,
        "part": str(material.chosen),
        "held_out": material.chosen.held_out,
        "pictures": len(material.images),
        "not_used": list(material.notes),
    }
    lead = [
        *first,
        "; ".join(f"{role}: {version}" for role, version in subject.models.items()) + ".",
        "; ".join(f"{name}: {value}" for name, value in subject.settings.items()) + ".",
    ]
    if material.chosen.held_out:
        lead.append(material.chosen.meaning)
    if material.notes:
        left_out = Table("What could not be used", ("",), tuple((note,) for note in material.notes))
        sections = [*sections, Section("Not used", (left_out,))]
    return Report(
        f"{subject.what.capitalize()} on {material.name}, {_part(material)}",
        tuple(lead),
        None if material.chosen.held_out else material.chosen.meaning,
        tuple(sections),
        {**about, **facts},
    )


def _part(material: EvaluationImages) -> str:
    return "all parts" if material.chosen == "all" else f"{material.chosen} part"


def figures_table(title: str, figures: Mapping[str, Estimate], names: Sequence[str]) -> Table:
    """A row for each of `names`, in this order: the figure and its 95 % interval."""
    rows = tuple((name, *told(name, figures[name])) for name in names)
    return Table(title, ("", "figure", "95 % interval"), rows, INTERVALS)


def as_facts(figures: Mapping[str, Estimate]) -> dict[str, object]:
    """The figures and their intervals for `Report.facts`, under the key `figures`."""
    return {"figures": {name: each.as_dict() for name, each in figures.items()}}


def comparison(
    subject: Subject, counted: str, pair: tuple[Measured, Measured], extra: Sequence[Section]
) -> Report:
    """Two models on the same pictures: both figures, the difference, its paired interval and what that says."""
    a, b = pair
    different = differences(a, b, _better_low)
    blocks: tuple[Block, ...] = (
        Table(
            "B against A",
            ("", "B is", "A", "B", "B - A", "95 % interval"),
            tuple((words(name), *_compared(name, each)) for name, each in different.items()),
            f"{INTERVALS} Every draw is the same for A and B, and the difference is of it. {BY_CHANCE}",
        ),
    )
    facts = {
        "a": {n: e.as_dict() for n, e in estimates(a).items()},
        "b": {n: e.as_dict() for n, e in estimates(b).items()},
        "differences": {name: each.as_dict() for name, each in different.items()},
    }
    return report(subject, [_summary(different), counted], [Section("A and B", blocks), *extra], facts)


def _better_low(name: str) -> bool | None:
    return None if name in SIGNED else name in LOW_IS_BETTER


def _summary(different: Mapping[str, Difference]) -> str:
    """One sentence of all verdicts."""
    named = {
        verdict: ", ".join(_flat(name) for name, each in different.items() if each.verdict == verdict)
        for verdict in ("better", "worse", "higher", "lower")
    }
    clear = [f"{verdict} in {names}" for verdict, names in named.items() if names]
    if not clear:
        return "Between A and B there is no difference that this data can show."
    return f"B is {'; '.join(clear)}. Of all else this data can show no difference."


def _flat(name: str) -> str:
    """A figure's name to stand among others with commas between."""
    figure, comma, of = words(name).partition(", ")
    return f"{figure} ({of})" if comma else figure


def _compared(name: str, each: Difference) -> tuple[str, ...]:
    within = "-" if each.low is None or each.high is None else f"{each.low:+.3f} to {each.high:+.3f}"
    change = "-" if each.difference is None else f"{each.difference:+.3f}"
    sign = "+" if name in SIGNED else ""
    return each.verdict, number(each.a, sign), number(each.b, sign), change, within


def told(name: str, estimate: Estimate) -> tuple[str, str]:
    """The figure of that name and its interval as text; with their signs where it may be below 0."""
    if name in SIGNED:
        return number(estimate.value, "+"), between(estimate, "+")
    return number(estimate.value), between(estimate)


def number(value: float | None, sign: str = "") -> str:
    """With three decimals; `-` for None. `sign` is `+` to show one before what is above 0, too."""
    return "-" if value is None else f"{value:{sign}.3f}"


def between(estimate: Estimate, sign: str = "") -> str:
    """The interval as text, such as `0.912 to 0.954`; `-` where there is none. `sign` is as for `number`."""
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:{sign}.3f} to {estimate.high:{sign}.3f}"


def words(label: str) -> str:
    """A label as people read it: blanks for underscores."""
    return label.replace("_", " ")
