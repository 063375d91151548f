"""`maskwatch train`: new weights from labelled pictures."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import out, progress, tell_problems, tracked
from maskwatch.cli.evaluate import table

app = typer.Typer(help="Train the models.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A group even while it has one command."""


@app.command()
def classifier(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Labelled pictures: {train,test}/{protected,unprotected}, {protected,unprotected}, "
            "or a COCO folder. May be given several times."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The weights; the card stands beside them.")
    ] = Path("classifier.safetensors"),
    epochs: Annotated[int, typer.Option(min=1)] = 40,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Find the faces, train on the training part, keep the best epoch by the validation part, and test."""
    from maskwatch import config as configuration
    from maskwatch.app import Models, pick_device
    from maskwatch.classify.classifier import MaskClassifier
    from maskwatch.classify.network import Shape
    from maskwatch.learn.card import Trained, write_model
    from maskwatch.learn.dataset import Part
    from maskwatch.learn.evaluation.classification import evaluate
    from maskwatch.learn.faces import gather
    from maskwatch.learn.formats.registry import read
    from maskwatch.learn.train_classifier import Epoch, Recipe, train

    settings = configuration.default().defaults
    chosen = pick_device(device)
    models = Models(chosen)
    detector = models.detector(settings.detect)
    sets = {}
    for folder in data:
        labelled = read(folder)
        tell_problems(labelled.problems)
        faces, notes = gather(labelled.pictures, detector, tracked(f"finding faces in {folder.name}"))
        sets[folder.resolve().name] = faces
        out.print(f"{folder}: {len(faces)} faces, {len(notes)} pictures without one", soft_wrap=True)

    def tell(epoch: Epoch) -> None:
        out.print(
            f"epoch {epoch.number:3d}  loss {epoch.loss:.4f}  validation loss {epoch.validation_loss:.4f}  "
            f"accuracy {epoch.validation_accuracy:.4f}{'  best' if epoch.best else ''}"
        )

    recipe, shape = Recipe(epochs=epochs, seed=seed), Shape()
    network = train([face for faces in sets.values() for face in faces], shape, recipe, chosen, tell)
    judge = MaskClassifier(network, shape, chosen, output.stem)
    results = {}
    for name, faces in sets.items():
        test = [face for face in faces if face.part is Part.TEST]
        results[name] = evaluate(judge, test, protected_at=settings.classify.protected_at)
        out.print(table(results[name], f"test part of {name}"))
    write_model(Trained(network, shape, recipe, detector.version, sets), output, results)
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)


@app.command()
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
    """Teach the scout where the detector's P-Net is worth asking, from what the detector finds."""
    import torch

    from maskwatch.detect.backends.pytorch import TorchBackend
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.detect.weights import load_stock
    from maskwatch.learn.card import write_scout
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

        network, figures = train(training, validation, weights.pnet, recipe, tell)
    out.print(f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others")
    write_scout(network, output, made_for=weights.version, recipe=recipe, pictures=counts, figures=figures)
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
