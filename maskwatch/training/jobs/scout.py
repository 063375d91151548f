"""A scout, from pictures to its file or into a detector's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.faces import SeenImage, gather_images
from maskwatch.datasets.records import Split
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.scout import Scout
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights, load_weights
from maskwatch.training.cards.scout import write_scout, write_with_scout
from maskwatch.training.fine_tune import TuningTarget, scouts_teacher
from maskwatch.training.jobs.callbacks import Callbacks
from maskwatch.training.jobs.sets import read_sets
from maskwatch.training.scout import ScoutFigures, ScoutProgress, ScoutRecipe, train


@dataclass(frozen=True, slots=True, eq=False)
class TrainedScout:
    """The network, its figures on the validation split, and the file that was written."""

    scout: Scout
    figures: ScoutFigures
    output: Path


def train_scout(
    data: Sequence[Path],
    output: Path,
    *,
    detector: str = "stock",
    recipe: ScoutRecipe | None = None,
    device: torch.device | None = None,
    callbacks: Callbacks | None = None,
    classes: ClassNames = USUAL_NAMES,
) -> TrainedScout:
    """Teach a scout where a detector's P-Net is worth asking, from what the detector finds, and write it.

    `detector` is whose scout it is: `stock`, for which the scout's own file is written, or a file of weights,
    which is written to `output` anew with it. Raises `DataError` or `ModelError`.
    """
    recipe, callbacks = recipe or ScoutRecipe(), callbacks or Callbacks()
    device = device or torch.device("cpu")
    weights = replace(load_weights(detector), scout=None)
    stock = detector == "stock"
    teacher = _stock_teacher(weights, device) if stock else _teacher(weights, device)
    training: list[SeenImage] = []
    validation: list[SeenImage] = []
    counts = {}
    for name, labelled in read_sets(data, classes, callbacks).items():
        bar = callbacks.bar(f"finding faces in {name}")
        by_split, notes = gather_images(labelled.images, teacher, bar)
        training += by_split[Split.TRAIN]
        validation += by_split[Split.VALIDATION]
        counts[name] = {str(split): len(images) for split, images in by_split.items()}
        callbacks.say(f"{name}: {counts[name]} pictures, {len(notes)} cannot be read")

    def tell(state: ScoutProgress) -> None:
        callbacks.stage("training", state.step, recipe.steps)
        callbacks.say(f"step {state.step:6d}  loss {state.loss:.4f}")
        callbacks.epoch(state)

    network, figures = train(training, validation, weights, recipe, tell, device=device)
    callbacks.say(
        f"keeps {figures.kept:.1%} of the views with a face, passes {figures.passed:.1%} of the others"
    )
    if stock:
        write_scout(network, output, made_for=weights.version, recipe=recipe, images=counts, figures=figures)
    else:
        whole = replace(weights, scout=network)
        write_with_scout(whole, Path(detector), output, recipe=recipe, images=counts, figures=figures)
    return TrainedScout(network, figures, output)


def _stock_teacher(weights: Weights, device: torch.device) -> Mtcnn:
    careful = Settings(min_face_px=15, thresholds=(0.5, 0.5, 0.5), scout=False)
    return Mtcnn(choose("auto", weights, device), careful, weights.version, weights.point)


def _teacher(weights: Weights, device: torch.device) -> Mtcnn:
    return scouts_teacher(weights, TuningTarget().min_face_px, device)
