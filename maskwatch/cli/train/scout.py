"""`maskwatch train scout`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import out, progress, tell_problems, tracked


def scout(
    data: Annotated[
        list[Path], typer.Option(help="Images, laid out as for the classifier. May be given several times.")
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
) -> None:
    """Teach a scout where a detector's P-Net is worth asking, from what the detector finds."""
    from dataclasses import replace

    import torch

    from maskwatch.datasets.faces import gather_images
    from maskwatch.datasets.formats.registry import read
    from maskwatch.datasets.records import Split
    from maskwatch.detect.backends.choice import choose
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.detect.weights import load_weights
    from maskwatch.training.cards.scout import write_scout, write_with_scout
    from maskwatch.training.fine_tune import TuningTarget, scouts_teacher
    from maskwatch.training.scout import ScoutProgress, ScoutRecipe, train

    weights = replace(load_weights(detector), scout=None)
    stock, cpu = detector == "stock", torch.device("cpu")
    if stock:
        careful = Settings(min_face_px=15, thresholds=(0.5, 0.5, 0.5), scout=False)
        teacher = Mtcnn(choose("auto", weights, cpu), careful, weights.version, weights.point)
    else:
        teacher = scouts_teacher(weights, TuningTarget().min_face_px, cpu)
    training, validation, counts = [], [], {}
    for folder in data:
        labelled = read(folder)
        tell_problems(labelled.problems)
        parts, notes = gather_images(labelled.images, teacher, tracked(f"finding faces in {folder.name}"))
        training += parts[Split.TRAIN]
        validation += parts[Split.VALIDATION]
        counts[folder.resolve().name] = {str(part): len(images) for part, images in parts.items()}
        out.print(f"{folder}: {counts[folder.resolve().name]} pictures, {len(notes)} cannot be read")
    recipe = ScoutRecipe(steps=steps, keep=keep, seed=seed)

    with progress("training", recipe.steps) as advance:

        def tell(state: ScoutProgress) -> None:
            for _ in range(500):
                advance()
            out.print(f"step {state.step:6d}  loss {state.loss:.4f}")

        network, figures = train(training, validation, weights, recipe, tell)
    out.print(f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others")
    if stock:
        write_scout(network, output, made_for=weights.version, recipe=recipe, images=counts, figures=figures)
        out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
        return
    whole = replace(weights, scout=network)
    write_with_scout(whole, Path(detector), output, recipe=recipe, images=counts, figures=figures)
    out.print(f"wrote {output}: {detector} with the scout", soft_wrap=True)
