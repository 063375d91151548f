"""The figures by source and by condition: the worst source, tables for the top of a report, and a section for each source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwatch.core.records import Estimate
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation.bootstrap import (
    Difference,
    Ints,
    Measured,
    Portion,
    differences,
    estimates,
)
from maskwatch.evaluation.document import ContactSheet, Section, Table
from maskwatch.evaluation.images import EvaluationImages
from maskwatch.evaluation.reports.figures import (
    better_low,
    between,
    compared,
    number,
    sign,
    told,
    words,
)
from maskwatch.evaluation.sheets import examples

AS_THEY_ARE, TOGETHER = "as they are", "all together"
MADE = (
    "The same pictures, made darker, noisier and so on by calculation, and the same each time; a camera at night is "
    "still another thing. Of each source a part of one picture is shown, at the size in which it is searched."
)


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that stand together: each column's header and the name of its figure."""

    title: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """The figures that a kind of report leads with; the worst source is the one with the worst of `headlines`."""

    groups: tuple[Group, ...]
    headlines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The breakdown's parts in a report; empty where there is one source and no condition was measured.

    `lead` names the worst source, and `alone` has a section for each.
    """

    lead: tuple[str, ...]
    by_source: tuple[Section, ...]
    by_condition: tuple[Section, ...]
    alone: tuple[Section, ...]
    facts: Mapping[str, object]


Assessed = Mapping[str, Estimate] | Mapping[str, Difference]


def by_label(header: str, name: str) -> dict[str, str]:
    """Columns for a figure of each label, bare faces first; with `header` one of all before them."""
    order = (FaceLabel.UNPROTECTED, FaceLabel.PROTECTED, FaceLabel.WORN_WRONG)
    return ({header: name} if header else {}) | {words(label): f"{name}, {label}" for label in order}


def break_down(
    material: EvaluationImages,
    measured: Sequence[Measured],
    conditions: Mapping[str, Sequence[Measured]],
    layout: Layout,
) -> Breakdown:
    """What was measured of one model, or of two on the same pictures, as they are and under each of `conditions`."""
    of_source = {name: _assessed(_of(measured, places)) for name, places in material.places.items()}
    leading = [name for group in layout.groups for name in group.columns.values()]
    facts: dict[str, object] = {
        "leading": leading,
        "by_source": {n: {"pictures": len(material.places[n]), **_facts(e)} for n, e in of_source.items()},
    }
    everything = _assessed(measured) if len(of_source) > 1 or conditions else {}
    lead: tuple[str, ...] = ()
    by_source, by_condition, alone = [], [], []
    if len(of_source) > 1:
        lead = (_worst(of_source, layout.headlines),)
        table = _by_source(material, {**of_source, TOGETHER: everything}, leading)
        by_source.append(Section("By source", (table,)))
        alone = [Section(f"{name} alone", (_alone(each, leading),)) for name, each in of_source.items()]
    if conditions:
        rows = {AS_THEY_ARE: everything} | {name: _assessed(each) for name, each in conditions.items()}
        tables = [_by_condition(rows, group) for group in layout.groups]
        shown = [ContactSheet(each, "", wide=True) for each in examples(material, list(conditions))]
        by_condition.append(Section("By condition", (*tables, MADE, *shown)))
        facts["conditions"] = {
            name: {**_facts(rows[name]), "by_source": _facts_by_source(material, each)}
            for name, each in conditions.items()
        }
    return Breakdown(lead, tuple(by_source), tuple(by_condition), tuple(alone), facts)


def _facts_by_source(material: EvaluationImages, measured: Sequence[Measured]) -> dict[str, object]:
    return {source: _facts(_assessed(_of(measured, own))) for source, own in material.places.items()}


def _of(measured: Sequence[Measured], places: Ints) -> tuple[Measured, ...]:
    return tuple(Portion(each, places) for each in measured)


def _assessed(measured: Sequence[Measured]) -> Assessed:
    return estimates(measured[0]) if len(measured) == 1 else differences(measured[0], measured[1], better_low)


def _facts(assessed: Assessed) -> dict[str, object]:
    compares = any(isinstance(each, Difference) for each in assessed.values())
    name = "differences" if compares else "figures"
    return {name: {figure: each.as_dict() for figure, each in assessed.items()}}


def _worst(of_source: Mapping[str, Assessed], headlines: Sequence[str]) -> str:
    """A sentence of the source and the figure; of two models, of B's."""
    known = [
        (-value if better_low(name) else value, source, name)
        for source, assessed in of_source.items()
        for name in headlines
        if name in assessed and (value := _value(assessed[name])) is not None
    ]
    if not known:
        return "No source has enough labelled faces to tell which is the worst."
    _, source, name = min(known)
    each = of_source[source][name]
    whose = "" if isinstance(each, Estimate) else ", of B"
    return f"The worst{whose}: {source}, {words(name)}: {_cell(name, each)}{_within(name, each)}."


def _value(each: Estimate | Difference) -> float | None:
    return each.value if isinstance(each, Estimate) else each.b


def _within(name: str, each: Estimate | Difference) -> str:
    return f" (95 % interval {between(each, sign(name))})" if isinstance(each, Estimate) else ""


def _cell(name: str, each: Estimate | Difference | None) -> str:
    """The figure; of two models, A's and B's, and what the data says of B if it says something."""
    if each is None or (isinstance(each, Difference) and each.a is None and each.b is None):
        return "-"
    if isinstance(each, Estimate):
        return number(each.value, sign(name))
    verdict = f" {each.verdict}" if each.is_clear else ""
    return f"{number(each.a, sign(name))} → {number(each.b, sign(name))}{verdict}"


def _by_source(material: EvaluationImages, columns: Mapping[str, Assessed], names: Sequence[str]) -> Table:
    """Figures down, sources across; first how many pictures and labelled faces there are."""
    places = [*material.places.values(), np.arange(len(material.images))]
    rows = [("pictures", *(str(len(each)) for each in places))]
    for label in FaceLabel:
        counts = [
            sum(t.label is label for place in own for t in material.images[place].truths) for own in places
        ]
        rows.append((f"labelled {words(label)}", *map(str, counts)))
    rows += [(words(name), *(_cell(name, each.get(name)) for each in columns.values())) for name in names]
    return Table("By source", ("", *columns), tuple(rows))


def _alone(assessed: Assessed, names: Sequence[str]) -> Table:
    """The same figures of one source, with their intervals."""
    known = [(name, assessed[name]) for name in names if name in assessed]
    if any(isinstance(each, Difference) for _, each in known):
        pairs = ((words(name), *compared(name, each)) for name, each in known if isinstance(each, Difference))
        return Table("B against A", ("", "B is", "A", "B", "B - A", "95 % interval"), tuple(pairs))
    rows = ((words(name), *told(name, each)) for name, each in known if isinstance(each, Estimate))
    return Table("Figures", ("", "figure", "95 % interval"), tuple(rows))


def _by_condition(rows: Mapping[str, Assessed], group: Group) -> Table:
    cells = tuple(
        (condition, *(_cell(name, each.get(name)) for name in group.columns.values()))
        for condition, each in rows.items()
    )
    return Table(group.title, ("", *group.columns), cells)
