"""What the reports share: the data measured on, figures with their intervals, and two models side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskwatch.core.records import Estimate
from maskwatch.evaluation.bootstrap import Difference, Measured, differences, estimates
from maskwatch.evaluation.document import Block, Report, Section, Table
from maskwatch.evaluation.images import EvaluationImages
from maskwatch.evaluation.reports.breakdown import Breakdown
from maskwatch.evaluation.reports.figures import INTERVALS, better_low, compared, words

BY_CHANCE = (
    "Of twenty figures that do not differ, about one still falls outside its interval: "
    "look first at the figure that was to be improved."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured, and how: the versions of the models by their roles, and the settings in words.

    `breakdown` is how the figures differ between sources and conditions.
    """

    what: str
    material: EvaluationImages
    models: Mapping[str, str]
    settings: Mapping[str, object]
    breakdown: Breakdown


def report(
    subject: Subject, first: Sequence[str], sections: Sequence[Section], facts: Mapping[str, object]
) -> Report:
    """A report with its head; `first` are the sentences that it begins with, of how much there was to count say.

    The first of `sections` has the figures of all sources together.
    """
    material, parts = subject.material, subject.breakdown
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
        *parts.lead,
        *first,
        "; ".join(f"{role}: {version}" for role, version in subject.models.items()) + ".",
        "; ".join(f"{name}: {value}" for name, value in subject.settings.items()) + ".",
    ]
    if material.chosen.held_out:
        lead.append(material.chosen.meaning)
    together, *rest = sections
    sections = [*parts.by_source, together, *parts.by_condition, *rest, *parts.alone]
    if material.notes:
        left_out = Table("What could not be used", ("",), tuple((note,) for note in material.notes))
        sections = [*sections, Section("Not used", (left_out,))]
    return Report(
        f"{subject.what.capitalize()} on {material.name}, {_part(material)}",
        tuple(lead),
        None if material.chosen.held_out else material.chosen.meaning,
        tuple(sections),
        {**about, **facts, **parts.facts},
    )


def _part(material: EvaluationImages) -> str:
    return "all parts" if material.chosen == "all" else f"{material.chosen} part"


def as_facts(figures: Mapping[str, Estimate]) -> dict[str, object]:
    """The figures and their intervals for `Report.facts`, under the key `figures`."""
    return {"figures": {name: each.as_dict() for name, each in figures.items()}}


def comparison(
    subject: Subject, counted: str, pair: tuple[Measured, Measured], extra: Sequence[Section]
) -> Report:
    """Two models on the same pictures: both figures, the difference, its paired interval and what that says."""
    a, b = pair
    different = differences(a, b, better_low)
    blocks: tuple[Block, ...] = (
        Table(
            "B against A",
            ("", "B is", "A", "B", "B - A", "95 % interval"),
            tuple((words(name), *compared(name, each)) for name, each in different.items()),
            f"{INTERVALS} Every draw is the same for A and B, and the difference is of it. {BY_CHANCE}",
        ),
    )
    facts = {
        "a": {n: e.as_dict() for n, e in estimates(a).items()},
        "b": {n: e.as_dict() for n, e in estimates(b).items()},
        "differences": {name: each.as_dict() for name, each in different.items()},
    }
    return report(subject, [_summary(different), counted], [Section("A and B", blocks), *extra], facts)


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
