"""What the commands of `maskwatch evaluate` share: the pictures, asking the models, the report's ways out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.evaluation.chosen import SplitChoice

if TYPE_CHECKING:
    from maskwatch.app.compose import Models
    from maskwatch.config.load import Defaults
    from maskwatch.core.ports import Detector
    from maskwatch.evaluation.detection import Detection
    from maskwatch.evaluation.document import Report
    from maskwatch.evaluation.images import Material
    from maskwatch.evaluation.system import System
    from maskwatch.plugins import KindSettings


def chosen_images(data: Path, part: SplitChoice, *, with_boxes: bool) -> "Material":
    from maskwatch.datasets.formats.registry import read
    from maskwatch.evaluation.images import choose, need_boxes

    labelled = read(data)
    if with_boxes:  # told before thousands of pictures are opened
        need_boxes(str(data), labelled.images)
    material = choose(str(data), labelled, part, tracked("opening pictures"))
    if with_boxes:
        need_boxes(str(data), material.images)
    tell_problems(material.notes)
    return material


def searched(models: "Models", settings: "KindSettings", material: "Material") -> "Detection":
    """With the last threshold lowered, so that a curve can be drawn; the detector's own one counts.

    Of a detector that is no cascade, all that it finds counts.
    """
    from maskwatch.detect.settings import Settings
    from maskwatch.evaluation.detection import SWEEP_FROM, search
    from maskwatch.evaluation.images import opened

    images = opened(material.images, tracked("finding faces"))
    if not isinstance(settings, Settings):
        return search(models.detector(settings), images, 0.0)
    to_p, to_r, to_o = models.mtcnn(settings).thresholds
    lowered = settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})
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
    models: "Models", detectors: "list[Detector]", settings: "list[KindSettings]"
) -> dict[str, object]:
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings

    first = settings[0]
    if not isinstance(first, Settings):
        return {"detector": first.kind, **first.model_dump(mode="json", exclude={"kind"})}
    told: dict[str, object] = {"smallest face to look for": f"{first.min_face_px:g} px"}
    for letter, each in zip("AB", detectors, strict=False):
        name = f"thresholds {letter}" if len(detectors) > 1 else "thresholds"
        assert isinstance(each, Mtcnn)
        told[name] = ", ".join(f"{threshold:g}" for threshold in each.thresholds)
    scout = "on" if first.scout else "off"
    return {**told, "scout": scout, "computed with": models.computes_with(first)}


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
