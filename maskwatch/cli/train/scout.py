"""`maskwatch train scout`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import Classes, out, progress, tracked
from maskwatch.cli.measuring import sets_together


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
    from dataclasses import replace

    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.faces import gather_images
    from maskwatch.datasets.records import Split
    from maskwatch.detect.backends.choice import choose
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.detect.weights import load_weights
    from maskwatch.models.loading import pick_device
    from maskwatch.training.cards.scout import write_scout, write_with_scout
    from maskwatch.training.fine_tune import TuningTarget, scouts_teacher
    from maskwatch.training.scout import ScoutProgress, ScoutRecipe, train

    meanings = parse_classes(classes or ())
    weights = replace(load_weights(detector), scout=None)
    stock, chosen = detector == "stock", pick_device(device)
    if stock:
        careful = Settings(min_face_px=15, thresholds=(0.5, 0.5, 0.5), scout=False)
        teacher = Mtcnn(choose("auto", weights, chosen), careful, weights.version, weights.point)
    else:
        teacher = scouts_teacher(weights, TuningTarget().min_face_px, chosen)
    training, validation, counts = [], [], {}
    for name, labelled in sets_together(data, meanings).items():
        parts, notes = gather_images(labelled.images, teacher, tracked(f"finding faces in {name}"))
        training += parts[Split.TRAIN]
        validation += parts[Split.VALIDATION]
        counts[name] = {str(part): len(images) for part, images in parts.items()}
        out.print(f"{name}: {counts[name]} pictures, {len(notes)} cannot be read")
    recipe = ScoutRecipe(steps=steps, keep=keep, seed=seed)

    with progress("training", recipe.steps) as advance:

        def tell(state: ScoutProgress) -> None:
            for _ in range(500):
                advance()
            out.print(f"step {state.step:6d}  loss {state.loss:.4f}")

        network, figures = train(training, validation, weights, recipe, tell, device=chosen)
    out.print(f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others")
    if stock:
        write_scout(network, output, made_for=weights.version, recipe=recipe, images=counts, figures=figures)
        out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
        return
    whole = replace(weights, scout=network)
    write_with_scout(whole, Path(detector), output, recipe=recipe, images=counts, figures=figures)
    out.print(f"wrote {output}: {detector} with the scout", soft_wrap=True)
