"""`maskwatch train detector`."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.console import out, tell_problems, tracked


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
) -> None:
    """Fine-tune P-, R- and O-Net, choose the thresholds, teach a scout, and test.

    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from dataclasses import asdict

    from maskwatch.detect.weights import load_weights
    from maskwatch.learn import train_detector, train_scout
    from maskwatch.learn.dataset import Part
    from maskwatch.learn.faces import open_marked
    from maskwatch.learn.fine_tune import Wish
    from maskwatch.learn.formats.registry import read
    from maskwatch.learn.journal import claim, fingerprint

    weights, wish = load_weights(start), Wish(precision, min_face)
    parts = {part: [] for part in Part}
    counts = {}
    for folder in data:
        labelled = read(folder)
        opened, notes = open_marked(labelled.pictures, tracked(f"reading {folder.name}"))
        tell_problems([*labelled.problems, *notes])
        counts[folder.resolve().name] = {str(part): len(pictures) for part, pictures in opened.items()}
        for part, pictures in opened.items():
            parts[part] += pictures
    recipe = train_detector.Recipe(seed=seed).scaled(effort)
    scout_recipe = train_scout.Recipe(steps=max(1, round(12_000 * effort)), seed=seed)
    folder = output.with_suffix(".training")
    task = {
        "recipe": asdict(recipe),
        "scout": asdict(scout_recipe),
        "wish": asdict(wish),
        "start": weights.version,
        "data": {str(part): fingerprint(pictures) for part, pictures in parts.items()},
    }
    if claim(folder, task):
        out.print(f"{folder}: goes on where it was", soft_wrap=True)
