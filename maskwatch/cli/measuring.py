"""What the commands of `maskwatch evaluate` share: the pictures, asking the models, the report's ways out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.evaluation.chosen import SplitChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskwatch.config.sections import Defaults
    from maskwatch.datasets.class_names import ClassNames
    from maskwatch.datasets.records import DataSet
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.evaluation.detection import Detection
    from maskwatch.evaluation.document import Report
    from maskwatch.evaluation.images import Material
    from maskwatch.evaluation.system import System
    from maskwatch.models.loading import Models


def sets_together(folders: "Sequence[Path]", meanings: "ClassNames") -> "dict[str, DataSet]":
    """The data sets by names of which no two are equal, split so that what they have in common is on one side.

    What cannot be used, and what had to be moved, is told.
    """
    from maskwatch.datasets.formats.registry import read
    from maskwatch.datasets.sets import named, together

    sets = {name: read(folder, meanings) for name, folder in named(folders).items()}
    sets = together(sets, tracked("comparing pictures"))
    for data in sets.values():
        tell_problems(data.problems)
    return sets


def chosen_images(
    data: "Path | Sequence[Path]", part: SplitChoice, classes: list[str] | None, *, with_boxes: bool
) -> "Material":
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.formats.registry import read
    from maskwatch.evaluation.images import choose, choose_of_several, need_boxes, without_faults

    folders, meanings = [data] if isinstance(data, Path) else data, parse_classes(classes or ())
    once = {folder.resolve(): folder for folder in folders}  # however it is written
    sets = {str(folder): read(folder, meanings) for folder in once.values()}
    if with_boxes:  # told before thousands of pictures are opened
        for name, labelled in sets.items():
            need_boxes(name, labelled.images)
    progress = tracked("opening pictures")
    if len(sets) == 1:
        ((name, labelled),) = sets.items()
        material = choose(name, labelled, part, progress)
    else:
        material = choose_of_several(sets, part, progress)
    if with_boxes:
        material = without_faults(material)
        need_boxes(material.name, material.images)
    tell_problems(material.notes)
    return material


def searched(models: "Models", settings: "Settings", material: "Material") -> "Detection":
    """With the last threshold lowered, so that a curve can be drawn; the detector's own one counts."""
    from maskwatch.evaluation.detection import SWEEP_FROM, search
    from maskwatch.evaluation.images import opened

    to_p, to_r, to_o = models.detector(settings).thresholds
    lowered = settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})
    images = opened(material.images, tracked("finding faces"))
    return search(models.detector(lowered), images, to_o)


def watched(models: "Models", defaults: "Defaults", material: "Material") -> "System":
    from maskwatch.app.compose import analyst
    from maskwatch.evaluation.images import opened
    from maskwatch.evaluation.system import analyse_images

    return analyse_images(
        analyst(defaults, models), opened(material.images, tracked("finding and judging faces"))
    )


def roles(models: "dict[str, list[Any]]") -> dict[str, str]:
    """The version of each model by its role; of two in the same role, by A and B."""
    return {
        f"{role} {letter}" if len(found) > 1 else role: each.version
        for role, found in models.items()
        for letter, each in zip("AB", found, strict=False)
    }


def settings_told(
    models: "Models", detectors: "list[Mtcnn]", settings: "list[Settings]"
) -> dict[str, object]:
    told: dict[str, object] = {"smallest face to look for": f"{settings[0].min_face_px:g} px"}
    for letter, each in zip("AB", detectors, strict=False):
        name = f"thresholds {letter}" if len(detectors) > 1 else "thresholds"
        told[name] = ", ".join(f"{threshold:g}" for threshold in each.thresholds)
    scout = "on" if settings[0].scout else "off"
    return {**told, "scout": scout, "computed with": models.computes_with(settings[0])}


def deliver(report: "Report", html: Path | None, as_json: Path | None) -> None:
    """Tables on the terminal, unless JSON goes there; files where they are asked for."""
    import json

    from maskwatch.evaluation.document import page
    from maskwatch.platform.files import write_atomically

    facts = json.dumps(report.facts, indent=1, allow_nan=False)
    to_terminal = as_json is not None and str(as_json) == "-"
    if html:
        write_atomically(html, page(report))
    if to_terminal:
        out.print_json(facts)
        return
    if as_json:
        write_atomically(as_json, f"{facts}\n".encode())
    _print(report)
    for path in (html, as_json):
        if path:
            out.print(f"wrote {path}", soft_wrap=True)


def _print(report: "Report") -> None:
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
