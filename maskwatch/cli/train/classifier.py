"""`maskwatch train classifier`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.cli.evaluate import table


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
