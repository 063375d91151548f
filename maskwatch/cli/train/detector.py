"""`maskwatch train detector`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.terminal import Classes, out, stages
from maskwatch.cli.train.shown import callbacks


def detector(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Pictures with boxes: COCO, YOLO, Pascal VOC; with --teacher also folders by label. "
            "May be given several times."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="The weights; the card and the folder of the training stand beside them."
        ),
    ] = Path("detector.safetensors"),
    start: Annotated[str, typer.Option(help="The weights to start from: a file, or stock.")] = "stock",
    precision: Annotated[float, typer.Option(min=0.5, max=1, help="What the thresholds are to keep.")] = 0.95,
    min_face: Annotated[float, typer.Option(min=8, help="The smallest face to look for, in pixels.")] = 12,
    effort: Annotated[float, typer.Option(min=0.001, max=10, help="So many times the usual steps.")] = 1.0,
    seed: Annotated[
        int, typer.Option(min=0, help="Of all that is random: with the same one, the same weights.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that make pictures; else one a core.")
    ] = None,
    teacher: Annotated[
        bool,
        typer.Option(
            "--teacher",
            help="Let CenterFace box what has a label alone, and mark the faces that nobody labelled. "
            "Needs the extra train.",
        ),
    ] = False,
    classes: Classes = None,
) -> None:
    """Fine-tune P-, R- and O-Net, choose the thresholds, and test.

    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.models.loading import pick_device
    from maskwatch.training import train_detector
    from maskwatch.training.detector import DetectorRecipe
    from maskwatch.training.fine_tune import TuningTarget
    from maskwatch.training.teacher import CenterFace

    meanings = parse_classes(classes or ())
    with stages() as stage:
        train_detector(
            data,
            output,
            start=start,
            target=TuningTarget(precision, min_face),
            recipe=DetectorRecipe(seed=seed).scaled(effort),
            teacher=CenterFace() if teacher else None,
            device=pick_device(device),
            callbacks=callbacks(stage),
            classes=meanings,
            workers=threads,
        )
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
