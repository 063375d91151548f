"""What the commands of `maskwatch evaluate` share: the pictures, asking the models, the report's ways out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.learn.evaluation.chosen import Chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskwatch.app import Models
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.learn.class_names import ClassNames
    from maskwatch.learn.dataset import DataSet
    from maskwatch.learn.evaluation.detection import Detection
    from maskwatch.learn.evaluation.document import Report
    from maskwatch.learn.evaluation.pictures import Material
    from maskwatch.learn.evaluation.system import System
    from maskwatch.sections import Defaults


def sets_together(folders: "Sequence[Path]", meanings: "ClassNames") -> "dict[str, DataSet]":
    """The data sets by names of which no two are equal, split so that what they have in common is on one side.

    What cannot be used, and what had to be moved, is told.
    """
    from maskwatch.learn.formats.registry import read
    from maskwatch.learn.sets import named, together

    sets = {name: read(folder, meanings) for name, folder in named(folders).items()}
    sets = together(sets, tracked("comparing pictures"))
    for data in sets.values():
        tell_problems(data.problems)
    return sets


def chosen_pictures(
    data: "Path | Sequence[Path]", part: Chosen, classes: list[str] | None, *, with_boxes: bool
) -> "Material":
    from maskwatch.learn.class_names import parse_classes
    from maskwatch.learn.evaluation.pictures import choose, choose_of_several, need_boxes, without_faults
    from maskwatch.learn.formats.registry import read

    folders, meanings = [data] if isinstance(data, Path) else data, parse_classes(classes or ())
    once = {folder.resolve(): folder for folder in folders}  # however it is written
    sets = {str(folder): read(folder, meanings) for folder in once.values()}
    if with_boxes:  # told before thousands of pictures are opened
        for name, labelled in sets.items():
            need_boxes(name, labelled.pictures)
    progress = tracked("opening pictures")
    if len(sets) == 1:
        ((name, labelled),) = sets.items()
        material = choose(name, labelled, part, progress)
    else:
        material = choose_of_several(sets, part, progress)
    if with_boxes:
        material = without_faults(material)
        need_boxes(material.name, material.pictures)
    tell_problems(material.notes)
    return material


def searched(models: "Models", settings: "Settings", material: "Material") -> "Detection":
    """With the last threshold lowered, so that a curve can be drawn; the detector's own one counts."""
    from maskwatch.learn.evaluation.detection import SWEEP_FROM, search
    from maskwatch.learn.evaluation.pictures import opened

    to_p, to_r, to_o = models.detector(settings).thresholds
    lowered = settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})
    pictures = opened(material.pictures, tracked("finding faces"))
    return search(models.detector(lowered), pictures, to_o)


def watched(models: "Models", defaults: "Defaults", material: "Material") -> "System":
    from maskwatch.app import analyst
    from maskwatch.learn.evaluation.pictures import opened
    from maskwatch.learn.evaluation.system import watch

    return watch(analyst(defaults, models), opened(material.pictures, tracked("finding and judging faces")))


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

    from maskwatch.core.files import write_atomically
    from maskwatch.learn.evaluation.document import page

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
