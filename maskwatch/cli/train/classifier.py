"""`maskwatch train classifier`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.measuring import confusion_table, deliver
from maskwatch.cli.terminal import Classes, out, stages
from maskwatch.cli.train.shown import callbacks
from maskwatch.cli.worker_options import RayOption, WorkersOption, chosen_workers
from maskwatch.core.errors import ConfigError


def classifier(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Labelled pictures: folders of classes, COCO, YOLO, Pascal VOC, or a queue. "
            "May be given several times."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="The weights; the card and the folder of the training stand beside them."
        ),
    ] = Path("classifier.safetensors"),
    epochs: Annotated[
        int,
        typer.Option(
            min=1, help="Rounds over the training part, at most; it ends earlier when none was better."
        ),
    ] = 60,
    start: Annotated[
        str | None,
        typer.Option(help="Weights to go on from, a file or `shipped`, at half the learning rate."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of all that is random: with the same one, the same weights.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that make pictures; else one a core.")
    ] = None,
    classes: Classes = None,
    search: Annotated[
        int,
        typer.Option(
            min=0, help="Try so many other recipes first, and train by the best. Needs the extra search."
        ),
    ] = 0,
    search_epochs: Annotated[int, typer.Option(min=1, help="Of each of these trials.")] = 10,
    study: Annotated[
        str | None,
        typer.Option(
            help="The database that keeps the trials, as SQLAlchemy writes it; else a file beside the output."
        ),
    ] = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
) -> None:
    """Find the faces, train on the training part, keep the best epoch by the validation part, and test.

    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.models.loading import pick_device
    from maskwatch.platform.package_data import shipped
    from maskwatch.training import train_classifier
    from maskwatch.training.classifier import ClassifierRecipe
    from maskwatch.training.jobs.classifier import SearchPlan

    recipe = ClassifierRecipe(epochs=epochs, seed=seed)
    begun = None
    if start is not None:
        recipe = recipe.going_on()
        begun = shipped("models/classifier.safetensors") if start == "shipped" else Path(start)
    meanings = parse_classes(classes or ())
    worker_settings = chosen_workers(workers, ray)
    if worker_settings and not search:
        raise ConfigError("--workers and --ray: spread the trials of --search")
    plan = SearchPlan(search, search_epochs, study, worker_settings) if search else None
    with stages() as stage:
        trained = train_classifier(
            data,
            output,
            recipe=recipe,
            start=begun,
            device=pick_device(device),
            callbacks=callbacks(stage),
            classes=meanings,
            workers=threads,
            plan=plan,
        )
    if trained.searched is not None:
        from maskwatch.output.search_report import search_report

        page = output.with_suffix(".search.html")
        about = f"classifier, {', '.join(path.name for path in data)}, {search_epochs} epochs a trial"
        deliver(search_report(trained.searched, about), page, None)
    for name, counts in trained.tested.items():
        out.print(confusion_table(counts, f"test part of {name}"))
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
