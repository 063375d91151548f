"""What the commands of `maskwatch evaluate` share: who is told how it goes, and the report's ways out."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from maskwatch.cli.terminal import out, tell_problems, tracked
from maskwatch.evaluation.split_choice import SplitChoice

if TYPE_CHECKING:
    from maskwatch.evaluation.classification import Confusion
    from maskwatch.evaluation.document import Report
    from maskwatch.evaluation.measure import Measurement
    from maskwatch.parallel.settings import WorkerSettings


def shown(
    part: SplitChoice,
    classes: list[str] | None,
    *,
    conditions: bool,
    worker_settings: "WorkerSettings | None" = None,
    teacher: bool = False,
) -> "Measurement":
    """A measurement that a person at the terminal can follow.

    Raises `ModelError` where the `teacher` is not installed.
    """
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.evaluation.measure import Measurement
    from maskwatch.training.teacher import CenterFace

    return Measurement(
        part,
        tracked,
        tell_problems,
        parse_classes(classes or ()),
        conditions,
        worker_settings=worker_settings,
        teacher=CenterFace() if teacher else None,
    )


def deliver(report: "Report", html: Path | None, as_json: Path | None) -> None:
    """Tables on the terminal, unless JSON goes there; files where they are asked for."""
    write_report(report, html, as_json)
    if as_json is not None and str(as_json) == "-":
        return
    print_report(report)
    for path in (html, as_json):
        if path:
            out.print(f"wrote {path}", soft_wrap=True)


def write_report(report: "Report", html: Path | None, as_json: Path | None) -> None:
    """The files that are asked for; JSON to `-` is printed."""
    import json

    from maskwatch.evaluation.document import page
    from maskwatch.platform.files import write_atomically

    facts = json.dumps(report.facts, indent=1, allow_nan=False)
    if html:
        write_atomically(html, page(report))
    if as_json is not None and str(as_json) == "-":
        out.print_json(facts)
    elif as_json:
        write_atomically(as_json, f"{facts}\n".encode())


def print_report(report: "Report") -> None:
    """Its title, what it begins with, and its tables."""
    from rich.text import Text

    out.print(report.title, style="bold", markup=False, soft_wrap=True)
    for line in (*report.lead, *([report.warning] if report.warning else [])):
        out.print(line, markup=False, highlight=False)
    for each in report.tables:
        shown = Table(title=Text(each.title))
        for place, header in enumerate(each.headers):
            shown.add_column(Text(header), justify="right" if place else "left")
        for row in each.rows:
            shown.add_row(*map(Text, row))
        out.print(shown)
        if each.note:
            out.print(each.note, style="dim", markup=False, highlight=False)


def confusion_table(counts: "Confusion", title: str) -> Table:
    """A confusion matrix in one row, with accuracy, precision and recall; positive is protected."""
    result = Table("faces", "TP", "FP", "TN", "FN", "accuracy", "precision", "recall", title=title)
    shares = ["-" if v is None else f"{v:.4f}" for v in (counts.accuracy, counts.precision, counts.recall)]
    result.add_row(*map(str, (counts.total, counts.tp, counts.fp, counts.tn, counts.fn)), *shares)
    return result
