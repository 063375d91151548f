"""A scout, from pictures to its file or into a detector's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maskwatch.datasets.faces import SeenImage, gather_images
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.records import DataSet, Split
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.scout import Scout
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights, load_weights
from maskwatch.training.cards.scout import write_scout, write_with_scout
from maskwatch.training.fine_tune import TuningTarget, scouts_teacher
from maskwatch.training.jobs.callbacks import Callbacks
from maskwatch.training.scout import ScoutFigures, ScoutProgress, ScoutRecipe, train


@dataclass(frozen=True, slots=True, eq=False)
class TrainedScout:
    scout: Scout
    figures: ScoutFigures
    output: Path


def train_scout(
    data: Sequence[Path],
    output: Path,
    *,
    detector: str = "stock",
    recipe: ScoutRecipe | None = None,
    callbacks: Callbacks | None = None,
    read_set: Callable[[Path], DataSet] = read,
) -> TrainedScout:
    """Teach a scout where a detector's P-Net is worth asking, from what the detector finds, and write it.

    `detector` is whose scout it is: `stock`, for which the scout's own file is written, or a file of weights,
    which is written to `output` anew with it. Raises `DataError` or `ModelError`.
    """
    recipe, callbacks = recipe or ScoutRecipe(), callbacks or Callbacks()
    weights = replace(load_weights(detector), scout=None)
    stock = detector == "stock"
    teacher = _stock_teacher(weights) if stock else _teacher(weights)
    training: list[SeenImage] = []
    validation: list[SeenImage] = []
    counts = {}
    for folder in map(Path, data):
        labelled = read_set(folder)
        callbacks.problems(labelled.problems)
        bar = callbacks.bar(f"finding faces in {folder.name}")
        parts, notes = gather_images(labelled.images, teacher, bar)
        training += parts[Split.TRAIN]
        validation += parts[Split.VALIDATION]
        counts[folder.resolve().name] = {str(part): len(images) for part, images in parts.items()}
        callbacks.say(f"{folder}: {counts[folder.resolve().name]} pictures, {len(notes)} cannot be read")

    def tell(state: ScoutProgress) -> None:
        callbacks.stage("training", state.step, recipe.steps)
        callbacks.say(f"step {state.step:6d}  loss {state.loss:.4f}")
        callbacks.epoch(state)

    network, figures = train(training, validation, weights, recipe, tell)
    callbacks.say(
        f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others"
    )
    if stock:
        write_scout(network, output, made_for=weights.version, recipe=recipe, images=counts, figures=figures)
    else:
        whole = replace(weights, scout=network)
        write_with_scout(whole, Path(detector), output, recipe=recipe, images=counts, figures=figures)
    return TrainedScout(network, figures, output)


def _stock_teacher(weights: Weights) -> Mtcnn:
    careful = Settings(min_face_px=15, thresholds=(0.5, 0.5, 0.5), scout=False)
    return Mtcnn(choose("auto", weights, torch.device("cpu")), careful, weights.version, weights.point)


def _teacher(weights: Weights) -> Mtcnn:
    return scouts_teacher(weights, TuningTarget().min_face_px, torch.device("cpu"))
