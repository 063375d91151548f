"""`maskwatch train scout`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import out, progress, tell_problems, tracked


def scout(
    data: Annotated[
        list[Path], typer.Option(help="Pictures, laid out as for the classifier. May be given several times.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The weights; the card stands beside them.")
    ] = Path("scout.safetensors"),
    steps: Annotated[int, typer.Option(min=1)] = 30_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Teach the scout where the published P-Net is worth asking, from what the detector finds."""
    import torch

    from maskwatch.detect.backends.pytorch import TorchBackend
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.detect.weights import load_stock
    from maskwatch.learn.cards.scout import write_scout
    from maskwatch.learn.dataset import Part
    from maskwatch.learn.faces import gather_pictures
    from maskwatch.learn.formats.registry import read
    from maskwatch.learn.train_scout import Progress, Recipe, train

    weights = load_stock()
    careful = Settings(min_face_px=15, thresholds=(0.5, 0.5, 0.5), scout=False)
    detector = Mtcnn(TorchBackend(weights, torch.device("cpu")), careful, weights.version)
    training, validation, counts = [], [], {}
    for folder in data:
        labelled = read(folder)
        tell_problems(labelled.problems)
        parts, notes = gather_pictures(
            labelled.pictures, detector, tracked(f"finding faces in {folder.name}")
        )
        training += parts[Part.TRAIN]
        validation += parts[Part.VALIDATION]
        counts[folder.resolve().name] = {str(part): len(pictures) for part, pictures in parts.items()}
        out.print(f"{folder}: {counts[folder.resolve().name]} pictures, {len(notes)} cannot be read")
    recipe = Recipe(steps=steps, seed=seed)

    with progress("training", recipe.steps) as advance:

        def tell(state: Progress) -> None:
            for _ in range(500):
                advance()
            out.print(f"step {state.step:6d}  loss {state.loss:.4f}")

        network, figures = train(training, validation, weights, recipe, tell)
    out.print(f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others")
    write_scout(network, output, made_for=weights.version, recipe=recipe, pictures=counts, figures=figures)
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
