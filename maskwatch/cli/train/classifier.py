"""`maskwatch train classifier`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import Classes, out, tracked
from maskwatch.cli.evaluate import table
from maskwatch.cli.measuring import sets_together


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
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    classes: Classes = None,
) -> None:
    """Find the faces, train on the training part, keep the best epoch by the validation part, and test.

    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from dataclasses import asdict

    from maskwatch.classify.classifier import MaskClassifier
    from maskwatch.classify.network import Shape
    from maskwatch.config import load as configuration
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.faces import gather
    from maskwatch.datasets.records import Split
    from maskwatch.evaluation.classification import evaluate
    from maskwatch.models.loading import Models, pick_device
    from maskwatch.training.cards.classifier import ClassifierTraining, write_model
    from maskwatch.training.classifier import ClassifierRecipe, Epoch, train
    from maskwatch.training.run_folder import Journal, fingerprint, training_folder

    meanings = parse_classes(classes or ())
    settings = configuration.default().defaults
    chosen = pick_device(device)
    models = Models(chosen)
    detector = models.detector(settings.detect)
    sets = {}
    for name, labelled in sets_together(data, meanings).items():
        sets[name], notes = gather(labelled.images, detector, tracked(f"finding faces in {name}"))
        out.print(f"{name}: {len(sets[name])} faces, {len(notes)} pictures without one", soft_wrap=True)

    recipe, shape, folder = (
        ClassifierRecipe(epochs=epochs, seed=seed),
        Shape(),
        output.with_suffix(".training"),
    )
    every = [face for faces in sets.values() for face in faces]
    task = {
        "recipe": asdict(recipe),
        "shape": asdict(shape),
        "data": fingerprint((face.patch, (face.box,)) for face in every),
    }
    with training_folder(folder, task) as goes_on, Journal(folder) as journal:
        if goes_on:
            out.print(f"{folder}: goes on where it was", soft_wrap=True)

        def tell(epoch: Epoch) -> None:
            figures = {"loss": epoch.loss, "validation loss": epoch.validation_loss}
            journal.note("classifier", epoch.number, {**figures, "accuracy": epoch.validation_accuracy})
            out.print(
                f"epoch {epoch.number:3d}  loss {epoch.loss:.4f}  validation loss {epoch.validation_loss:.4f}  "
                f"accuracy {epoch.validation_accuracy:.4f}{'  best' if epoch.best else ''}",
                soft_wrap=True,
            )

        network = train(every, shape, recipe, chosen, tell, checkpoint=folder / "classifier.safetensors")
    judge = MaskClassifier(network, shape, chosen, output.stem)
    results = {}
    for name, faces in sets.items():
        test = [face for face in faces if face.split is Split.TEST]
        results[name] = evaluate(judge, test, protected_at=settings.classify.protected_at)
        out.print(table(results[name], f"test part of {name}"))
    write_model(ClassifierTraining(network, shape, recipe, detector.version, sets), output, results)
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)
