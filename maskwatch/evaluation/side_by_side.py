"""The figures of several reports beside each other, as a Markdown table: published, before and after, say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwatch.core.errors import MALFORMED, ConfigError, DataError
from maskwatch.evaluation.reports.breakdown import AS_THEY_ARE, TOGETHER
from maskwatch.evaluation.reports.figures import number, sign, words

SAME = ("what", "data", "part", "pictures")

Facts = Mapping[str, Any]


def side_by_side(paths: Sequence[Path], figures: Sequence[str] = ()) -> str:
    """A row for each source, condition and figure, a column for each of the reports, which are JSON of one model each.

    `figures` are the names of those wanted; else the ones that this kind of report leads with. Raises `DataError`
    for what is no such report, or is of other pictures than the first, and `ConfigError` for a figure that is not there.
    """
    reports = [_read(path) for path in paths]
    for path, report in zip(paths, reports, strict=True):
        for key in SAME:
            if report[key] != reports[0][key]:
                raise DataError(f"{path}: {key} is {report[key]}, and {reports[0][key]} in {paths[0]}")
    unknown = [name for name in figures if not any(name in report["figures"] for report in reports)]
    if unknown:
        there = "; ".join(reports[0]["figures"])
        raise ConfigError(f"--figure: {paths[0]} has no {unknown[0]!r}, only {there}")
    names = figures or reports[0]["leading"]
    heads = [path.stem if [p.stem for p in paths].count(path.stem) == 1 else str(path) for path in paths]
    lines = [_row(["source", "condition", "figure", *heads]), _row(["---"] * 3 + ["---:"] * len(heads))]
    by_place = [dict(_places(report)) for report in reports]
    for source, condition in by_place[0]:
        for name in names:
            cells = [_value(places.get((source, condition), {}), name) for places in by_place]
            if set(cells) != {"-"}:
                lines.append(_row([source, condition, words(name), *cells]))
    return "\n".join(lines)


def _read(path: Path) -> Facts:
    try:
        report = json.loads(path.read_text())
    except (OSError, *MALFORMED) as e:
        raise DataError(f"{path}: cannot be read as JSON ({e})") from e
    if not isinstance(report, dict) or "what" not in report:
        raise DataError(f"{path}: is not a report of `maskwatch evaluate --json`")
    if "differences" in report:
        raise DataError(f"{path}: compares two models; a table takes reports of one model each")
    if "leading" not in report:
        raise DataError(f"{path}: was written by an older version; measure again")
    return report


def _places(report: Facts) -> Iterator[tuple[tuple[str, str], Facts]]:
    """The figures by source and condition; all sources together where there are several."""
    for condition, facts in {AS_THEY_ARE: report, **report.get("conditions", {})}.items():
        sources = facts["by_source"]
        for source, own in sources.items():
            yield (source, condition), own["figures"]
        if len(sources) > 1:
            yield (TOGETHER, condition), facts["figures"]


def _value(figures: Facts, name: str) -> str:
    return number(figures.get(name, {}).get("value"), sign(name))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
