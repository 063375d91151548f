"""The report of a batch's decision and its reasons: a self-contained HTML page, and the same as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maskwatch.core.text import pluralize
from maskwatch.datasets.records import Split
from maskwatch.evaluation.bootstrap import Difference
from maskwatch.evaluation.document import Report, Section, Table, page
from maskwatch.evaluation.reports.common import BY_CHANCE
from maskwatch.evaluation.reports.figures import INTERVALS, number
from maskwatch.learning.archive import LearningBatch
from maskwatch.learning.collect import LearningData
from maskwatch.learning.compare import JudgedImages, compared
from maskwatch.learning.gate import GateDecision, Margins
from maskwatch.platform.files import write_atomically

PAGE, FACTS = "report.html", "report.json"
MEANING = (
    "A labelled face counts as right when it is found and judged right. F1 is twice those, of all labelled faces and "
    "all judged ones together; the gate decides by it, because recall alone would let through a detector that sees faces everywhere."
)


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What there is to report; None for steps that were not reached."""

    batch: LearningBatch
    verdict: GateDecision
    material: LearningData | None = None
    serving_cameras: JudgedImages | None = None
    candidate_cameras: JudgedImages | None = None
    serving_base: JudgedImages | None = None
    candidate_base: JudgedImages | None = None
    margins: Margins | None = None
    drift: Section | None = None


def write(folder: Path, told: ReportInput) -> Path:
    """Returns the page's path."""
    report = _report(told)
    facts = json.dumps(report.facts, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(folder / FACTS, f"{facts}\n".encode())
    write_atomically(folder / PAGE, page(report))
    return folder / PAGE


def figures(told: ReportInput) -> dict[str, Any]:
    """The candidate's figures, for the registry."""
    result: dict[str, Any] = {}
    for name, before, after in _pairs(told):
        for figure, each in compared(before, after).items():
            result[f"{name}, {figure}"] = {"serving": each.a, "candidate": each.b}
    return result


def _pairs(told: ReportInput) -> list[tuple[str, JudgedImages, JudgedImages]]:
    """Each set of pictures that both judged: all cameras, each of them when they are several, and the base."""
    pairs = []
    before, after = told.serving_cameras, told.candidate_cameras
    if before is not None and after is not None and before.images:
        pairs.append(("cameras", before, after))
        if len(before.cameras) > 1:
            pairs += [(f"camera {name}", before.of(name), after.of(name)) for name in before.cameras]
    base_before, base_after = told.serving_base, told.candidate_base
    if base_before is not None and base_after is not None and base_before.images:
        pairs.append(("base", base_before, base_after))
    return pairs


def _report(told: ReportInput) -> Report:
    batch, verdict = told.batch, told.verdict
    decided = (
        f"{batch.id} is promoted" if verdict.promoted else f"{batch.id} is refused, {batch.parent} goes on"
    )
    sections = [Section("Why", tuple(f"{reason[:1].upper()}{reason[1:]}." for reason in verdict.reasons))]
    pairs = [(name, before, compared(before, after)) for name, before, after in _pairs(told)]
    if pairs:
        tables = tuple(_table(*pair) for pair in pairs)
        sections.append(Section("Held-out pictures, serving and candidate", (*tables, MEANING)))
    sections += [told.drift] if told.drift else []
    if told.material is not None:
        sections.append(Section("What was used", (_counts(told.material),)))
        if told.material.notes:
            notes = tuple((note,) for note in told.material.notes)
            sections.append(Section("Not used", (Table("What could not be used", ("",), notes),)))
    facts: dict[str, object] = {
        "batch": batch.id,
        "parent": batch.parent,
        "promoted": verdict.promoted,
        "reasons": list(verdict.reasons),
        "samples": list(batch.samples),
        "margins": asdict(told.margins) if told.margins else None,
        "figures": {
            name: {figure: each.as_dict() for figure, each in differences.items()}
            for name, _, differences in pairs
        },
        "used": _used(told.material) if told.material else None,
    }
    lead = [f"{pluralize(len(batch.samples), 'labelled sample')}, on from version {batch.parent}."]
    if told.margins:
        lead.append(
            f"The gate asks for a better F1 on the cameras' holdout, with an interval that does not reach "
            f"-{told.margins.camera:g}, and for one on the base's that does not reach -{told.margins.base:g}."
        )
    warning = None if verdict.promoted else f"Refused: {'; '.join(verdict.reasons)}."
    return Report(
        decided,
        tuple(lead),
        warning,
        tuple(sections),
        facts,
    )


def _table(name: str, before: JudgedImages, differences: Mapping[str, Difference]) -> Table:
    rows = []
    for figure, each in differences.items():
        within = "-" if each.low is None or each.high is None else f"{each.low:+.3f} to {each.high:+.3f}"
        change = "-" if each.difference is None else f"{each.difference:+.3f}"
        rows.append((figure, number(each.a), number(each.b), change, within))
    note = f"{INTERVALS} Every draw is the same for both. {BY_CHANCE}" if name in {"cameras", "base"} else ""
    title = f"{name[:1].upper()}{name[1:]}: {before.images} pictures, {before.faces} labelled faces"
    return Table(title, ("", "serving", "candidate", "difference", "95 % interval"), tuple(rows), note)


def _used(material: LearningData) -> Mapping[str, Mapping[str, int]]:
    return {
        name: {str(split): len(of[split]) for split in Split}
        for name, of in (("cameras", material.cameras), ("base", material.base))
    }


def _counts(material: LearningData) -> Table:
    rows = tuple(
        (name, *(str(counts[str(split)]) for split in Split)) for name, counts in _used(material).items()
    )
    return Table("Pictures", ("", "trained on", "compared on", "held out"), rows)
