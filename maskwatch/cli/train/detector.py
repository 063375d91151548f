"""`maskwatch train detector`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.console import Classes, out, stages, tell_problems, tracked
from maskwatch.cli.measuring import searched, sets_together

if TYPE_CHECKING:
    from maskwatch.evaluation.detection import Detection
    from maskwatch.evaluation.images import Material
    from maskwatch.models.loading import Models


def detector(
    data: Annotated[
        list[Path],
        typer.Option(help="Pictures with boxes: COCO, YOLO, Pascal VOC. May be given several times."),
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
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    classes: Classes = None,
) -> None:
    """Fine-tune P-, R- and O-Net, choose the thresholds, teach a scout, and test.

    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from dataclasses import asdict

    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.datasets.faces import SeenImage, open_annotated
    from maskwatch.datasets.records import Split
    from maskwatch.detect.weights import load_weights
    from maskwatch.evaluation.chosen import SplitChoice
    from maskwatch.evaluation.images import choose, without_faults
    from maskwatch.models.loading import Models, pick_device
    from maskwatch.training import detector as train_detector
    from maskwatch.training import scout as train_scout
    from maskwatch.training.cards.detector import DetectorTraining, write_detector, write_detector_card
    from maskwatch.training.fine_tune import TuningTarget, fine_tune
    from maskwatch.training.run_folder import Journal, fingerprint, training_folder

    meanings = parse_classes(classes or ())
    chosen, weights, target = pick_device(device), load_weights(start), TuningTarget(precision, min_face)
    parts: dict[Split, list[SeenImage]] = {part: [] for part in Split}
    counts, sets = {}, sets_together(data, meanings)
    for name, labelled in sets.items():
        opened, notes = open_annotated(labelled.images, tracked(f"reading {name}"))
        tell_problems(notes)
        counts[name] = {str(part): len(images) for part, images in opened.items()}
        for part, images in opened.items():
            parts[part] += images
    recipe = train_detector.DetectorRecipe(seed=seed).scaled(effort)
    scout_recipe = train_scout.ScoutRecipe(steps=max(1, round(12_000 * effort)), seed=seed)
    folder = output.with_suffix(".training")
    task = {
        "recipe": asdict(recipe),
        "scout": asdict(scout_recipe),
        "wish": asdict(target),
        "start": weights.version,
        "data": {
            str(part): fingerprint((p.rgb, p.faces, p.unclear) for p in images)
            for part, images in parts.items()
        },
    }
    # before the training: a data set that cannot be tested on is refused at once
    tests = {name: without_faults(choose(name, each, SplitChoice.TEST, list)) for name, each in sets.items()}
    with training_folder(folder, task) as goes_on, Journal(folder) as journal, stages() as show:
        if goes_on:
            out.print(f"{folder}: goes on where it was", soft_wrap=True)

        def tell(epoch: train_detector.Epoch) -> None:
            figures = {"loss": epoch.loss, "validation loss": epoch.validation_loss}
            figures |= {"recall": epoch.recall, "precision": epoch.precision}
            journal.note(epoch.stage, epoch.step, figures)
            out.print(
                f"{epoch.stage}  step {epoch.step:5d}  loss {epoch.loss:.3f}  validation: "
                f"loss {epoch.validation_loss:.3f}  recall {epoch.recall:.3f}  precision {epoch.precision:.3f}"
                f"{'  best' if epoch.best else ''}",
                soft_wrap=True,
            )

        def tell_scout(state: train_scout.ScoutProgress) -> None:
            journal.note("scout", state.step, {"loss": state.loss})
            show("scout", state.step, scout_recipe.steps)

        run = train_detector.Run(recipe, chosen, folder, tell, show)
        tuned = fine_tune(
            parts, weights, target, run, scout_recipe, through=tracked("thresholds"), on_scout=tell_scout
        )
    point = tuned.choice.point
    out.print(
        f"thresholds {', '.join(f'{t:g}' for t in point.thresholds)}, powers {', '.join(f'{p:g}' for p in point.powers)}: "
        f"recall {tuned.choice.recall:.3f} at precision {tuned.choice.precision:.3f} on the validation part",
        soft_wrap=True,
    )
    making = DetectorTraining(weights.version, target, recipe, scout_recipe, counts)
    digest = write_detector(tuned, making, output)
    models = Models(chosen)
    tested = {name: _tested(models, each, (start, str(output)), min_face) for name, each in tests.items()}
    write_detector_card(tuned, making, output, digest, tested)
    out.print(f"wrote {output} and {output.with_suffix('.md')}", soft_wrap=True)


def _tested(
    models: "Models", material: "Material", weights: tuple[str, str], min_face: float
) -> "tuple[Detection, Detection]":
    """What each of the two finds in the test part."""
    from maskwatch.detect.settings import Settings

    before, after = (
        searched(models, Settings(weights=each, min_face_px=min_face), material) for each in weights
    )
    return before, after
