"""`maskwatch dataset`: labelled pictures made ready, looked at, and taken to other formats."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from maskwatch.cli.dataset_check import check
from maskwatch.cli.terminal import Classes, Flat, out, tell_problems, tracked
from maskwatch.cli.worker_options import RayOption, WorkersOption, chosen_workers
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize

app = typer.Typer(help="Labelled pictures: check, make ready, look at, convert.", no_args_is_help=True)
app.command()(check)


class FormatName(StrEnum):
    """What can be written."""

    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    LABEL_STUDIO = "label_studio"


@app.command()
def prepare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Data sets, of any formats.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The folder to write.")],
    one_face: Annotated[
        bool, typer.Option("--one-face", help="Leave out pictures with more than one face.")
    ] = False,
    min_px: Annotated[float, typer.Option(min=1, help="The shorter side of a face, at least.")] = 20,
    min_sharpness: Annotated[
        float, typer.Option(min=0, help="The variance of the Laplacian at 32 x 32 px, at least.")
    ] = 50,
    max_turn: Annotated[float, typer.Option(min=0, max=180, help="Degrees of yaw or roll, at most.")] = 50,
    balance: Annotated[
        bool, typer.Option(help="As many protected as unprotected faces in the training part.")
    ] = True,
    workers: WorkersOption = None,
    ray: RayOption = None,
    margin: Annotated[float, typer.Option(min=0, max=2, help="Room around a face, of its side.")] = 0.6,
    seed: Annotated[int, typer.Option(min=0, help="Decides which faces balancing leaves out.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier run wrote to OUT.")] = False,
    classes: Classes = None,
) -> None:
    """Cut the good faces out, without duplicates, balanced and split; prepared.csv tells what went where and why."""
    from functools import partial

    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.formats.registry import read
    from maskwatch.datasets.prepare.prepare import LIST, counts
    from maskwatch.datasets.prepare.prepare import prepare as run
    from maskwatch.datasets.prepare.records import Criteria
    from maskwatch.datasets.prepare.scan import load_face_models
    from maskwatch.datasets.sets import named
    from maskwatch.detect.settings import Settings
    from maskwatch.models.loading import pick_device
    from maskwatch.parallel.settings import WorkerSettings

    _refuse(output, folders, force=force)
    meanings = parse_classes(classes or ())
    sets = {name: read(folder, meanings) for name, folder in named(folders).items()}
    for data in sets.values():
        tell_problems(data.problems)
    worker_settings = chosen_workers(workers, ray)
    device = pick_device("cpu" if worker_settings else "auto")
    if device.type == "cpu":  # each worker with one thread, so that however many there are see the same
        worker_settings = worker_settings or WorkerSettings()
    criteria = Criteria(one_face, min_px, min_sharpness, max_turn, margin, balance, seed)
    outcomes = run(
        sets,
        partial(load_face_models, Settings(), device),
        criteria,
        output,
        worker_settings=worker_settings,
        progress=tracked("looking at pictures"),
    )
    out.print(_table(counts(outcomes), "what became of the faces, or of whole pictures (-)"))
    out.print(f"wrote {output}; {output / LIST} tells what went where and why", soft_wrap=True)


@app.command()
def stats(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A data set, of any format.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="stats.png", help="The picture to draw.")
    ] = Path("stats.png"),
    classes: Classes = None,
) -> None:
    """Count faces by label and part, and draw their sizes, their labels and a contact sheet."""
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.formats.registry import read
    from maskwatch.datasets.labels import FaceLabel
    from maskwatch.datasets.records import Split
    from maskwatch.datasets.statistics import gather_statistics
    from maskwatch.datasets.statistics_plot import draw

    if output.suffix.lower() not in {".png", ".jpg", ".jpeg", ".pdf", ".svg"}:
        raise ConfigError(f"{output}: must end in .png, .jpg, .pdf or .svg")
    data = read(folder, parse_classes(classes or ()))
    found = gather_statistics(data.images, tracked("opening pictures"))
    tell_problems([*data.problems, *found.problems])
    rows = {
        str(part): {
            str(label): sum(face.split is part and face.label is label for face in found.faces)
            for label in FaceLabel
        }
        for part in Split
    }
    out.print(
        _table(rows, f"{folder}: {pluralize(found.images, 'picture')}, {pluralize(len(found.faces), 'face')}")
    )
    draw(output, folder.resolve().name, found)
    out.print(f"wrote {output}", soft_wrap=True)


@app.command()
def convert(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A data set, of any format with boxes.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    to: Annotated[FormatName, typer.Option("--format", help="What to write.")],
    flat: Flat = False,
    classes: Classes = None,
) -> None:
    """Copy a data set into another format, its pictures and all labels that can be used."""
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.formats.registry import read, with_flat_names, write

    _refuse(output, [folder], force=False)
    data = read(folder, parse_classes(classes or ()))
    tell_problems(data.problems)
    write(to, with_flat_names(data.images) if flat else data.images, output)
    faces = sum(len(image.truths) for image in data.images)
    out.print(
        f"wrote {output}: {pluralize(len(data.images), 'picture')}, {pluralize(faces, 'face')}",
        soft_wrap=True,
    )


def _refuse(output: Path, sources: Sequence[Path], *, force: bool) -> None:
    """Raises `ConfigError` when writing there would touch what is there already, or what is read."""
    for source in sources:
        if output.resolve() == source.resolve() or source.resolve().is_relative_to(output.resolve()):
            raise ConfigError(f"{output}: is, or holds, the data set {source}")
    if output.is_file() or (output.is_dir() and not force and any(output.iterdir())):
        raise ConfigError(f"{output}: is there already")


def _table(rows: Mapping[str, Mapping[str, int]], title: str) -> Table:
    columns = sorted(
        {column for row in rows.values() for column in row}, key=lambda name: (name == "-", name)
    )
    table = Table("", *(Column(name, justify="right") for name in columns), title=title)
    for name, row in rows.items():
        table.add_row(name, *(str(row.get(column, 0)) for column in columns))
    return table
