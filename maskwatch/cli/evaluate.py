"""`maskwatch evaluate`: how good the models are on pictures that they were not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.core.errors import DataError

if TYPE_CHECKING:
    from maskwatch.learn.evaluate import Confusion

app = typer.Typer(help="Measure the models.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A group even while it has one command."""


@app.command()
def classifier(
    data: Annotated[Path, typer.Option(help="The labelled pictures.")],
    weights: Annotated[Path | None, typer.Option(help="The classifier; else the shipped one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Judge the faces that the detector finds in the test part, and count. Positive means protected."""
    import json

    from maskwatch import config as configuration
    from maskwatch.app import Models, pick_device
    from maskwatch.learn.dataset import Part
    from maskwatch.learn.evaluate import evaluate
    from maskwatch.learn.faces import gather
    from maskwatch.learn.formats.registry import read

    settings = configuration.default().defaults
    models = Models(pick_device("auto"))
    judge = models.classifier(str(weights) if weights else None)
    labelled = read(data)
    faces, notes = gather(labelled.pictures, models.detector(settings.detect), tracked("finding faces"))
    test = [face for face in faces if face.part is Part.TEST]
    if not test:
        raise DataError(f"{data}: its test part has no face that the detector finds")
    counts = evaluate(judge, test, protected_at=settings.classify.protected_at)
    if as_json:
        out.print_json(json.dumps({"classifier": judge.version, **counts.as_dict()}))
        return
    out.print(table(counts, f"{judge.version} on the test part of {data}"))
    tell_problems(labelled.problems)
    out.print(f"{len(notes)} pictures of all parts gave no face")


def table(counts: "Confusion", title: str) -> Table:
    result = Table("faces", "TP", "FP", "TN", "FN", "accuracy", "precision", "recall", title=title)
    shares = ["-" if v is None else f"{v:.4f}" for v in (counts.accuracy, counts.precision, counts.recall)]
    result.add_row(*map(str, (counts.total, counts.tp, counts.fp, counts.tn, counts.fn)), *shares)
    return result
