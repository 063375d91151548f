"""`maskwatch dataset check`: what is wrong with labelled pictures, before anything is trained on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.measuring import print_report, write_report
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import Classes, out, tracked
from maskwatch.core.errors import ConfigError

if TYPE_CHECKING:
    from maskwatch.datasets.check import Checked
    from maskwatch.evaluation.reports.data_check import Doubts

SHOWN = 10  # rows of each kind on the terminal


def check(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Data sets, of any formats.")],
    models: Annotated[
        bool, typer.Option(help="Ask the models which labels may be wrong, which takes longest.")
    ] = True,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report with pictures here.")] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", metavar="sheet.png", help="Draw the labels that may be wrong, as one picture."
        ),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", help="Write all that is found here; - prints it instead of tables."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="The configuration file, for its models.")
    ] = None,
    classes: Classes = None,
) -> None:
    """Count faces by class and part, and tell doubled boxes, leaks between parts, and labels that may be wrong.

    The exit code is 1 when something is wrong; what the models doubt is not counted.
    """
    from maskwatch.datasets.check import check as run
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.formats.registry import read
    from maskwatch.datasets.sets import named
    from maskwatch.evaluation.reports.data_check import data_report

    if sheet is not None and (not models or sheet.suffix.lower() not in {".png", ".jpg", ".jpeg"}):
        raise ConfigError(f"{sheet}: must end in .png or .jpg, and be asked of the models")
    meanings = parse_classes(classes or ())
    sets = {name: read(folder, meanings) for name, folder in named(folders).items()}
    checked = run(sets, tracked("opening pictures"))
    doubts = _doubts(checked, config) if models else None
    title = " and ".join(sets)
    report = data_report(title, checked, doubts)
    write_report(report, html, as_json)
    if sheet is not None and doubts is not None:
        _draw(sheet, doubts)
    if str(as_json) != "-":
        print_report(data_report(title, checked, doubts, SHOWN))
        for path in (html, sheet, as_json):
            if path:
                out.print(f"wrote {path}", soft_wrap=True)
    if checked.findings:
        raise typer.Exit(1)


def _doubts(checked: "Checked", config: Path | None) -> "Doubts":
    from maskwatch.app.cameras import configured_models
    from maskwatch.evaluation.label_errors import suspects
    from maskwatch.evaluation.reports.data_check import Doubts
    from maskwatch.models.loading import Models, pick_device

    settings = settings_for("dataset check", config)
    loaded = configured_models(settings) if config else Models(pick_device(settings.device))
    defaults = settings.defaults
    detector, classifier = loaded.detector(defaults.detect), loaded.classifier(defaults.classify)
    images = [member.image for member in checked.members]
    found = suspects(images, detector, classifier, tracked("asking the models"))
    return Doubts(found, ", ".join(loaded.versions(defaults.detect, defaults.classify).values()))


def _draw(path: Path, doubts: "Doubts") -> None:
    from maskwatch.evaluation.contact_sheet import contact_sheet
    from maskwatch.platform.files import write_atomically
    from maskwatch.sources.images import encoded

    write_atomically(path, encoded(contact_sheet(doubts.suspects), path.suffix))
