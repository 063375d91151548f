"""`maskwatch train scout`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.terminal import Classes, out, stages
from maskwatch.cli.train.shown import callbacks


def scout(
    data: Annotated[
        list[Path], typer.Option(help="Pictures, laid out as for the classifier. May be given several times.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The weights; the card stands beside them.")
    ] = Path("scout.safetensors"),
    detector: Annotated[
        str,
        typer.Option(
            help="Whose scout it is: stock, or a detector's file, which is then written anew with it."
        ),
    ] = "stock",
    keep: Annotated[
        float,
        typer.Option(min=0.5, max=1, help="Of the views with a face, so many are to pass. Less is quicker."),
    ] = 0.98,
    steps: Annotated[int, typer.Option(min=1)] = 30_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    classes: Classes = None,
) -> None:
    """Teach a scout where a detector's P-Net is worth asking, from what the detector finds."""
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.models.loading import pick_device
    from maskwatch.training import train_scout
    from maskwatch.training.scout import ScoutRecipe

    recipe = ScoutRecipe(steps=steps, keep=keep, seed=seed)
    meanings, chosen = parse_classes(classes or ()), pick_device(device)
    with stages() as stage:
        train_scout(
            data,
            output,
            detector=detector,
            recipe=recipe,
            device=chosen,
            callbacks=callbacks(stage),
            classes=meanings,
        )
    if detector == "stock":
        out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
    else:
        out.print(f"wrote {output}: {detector} with the scout", soft_wrap=True)
