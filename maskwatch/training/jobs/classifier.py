"""The classifier, from labelled folders to its file."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.classify.network import MaskNet, Shape, load_network
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.ports import Detector
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.faces import LabelledFace, gather
from maskwatch.datasets.records import DataSet, Split
from maskwatch.detect.loading import ready_detector
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.evaluation.classification import Confusion, evaluate
from maskwatch.parallel.settings import WorkerSettings
from maskwatch.platform.files import parents_of
from maskwatch.training.cards.classifier import ClassifierTraining, write_model
from maskwatch.training.classifier import ClassifierRecipe, Epoch, train
from maskwatch.training.jobs.callbacks import Callbacks
from maskwatch.training.jobs.sets import read_sets
from maskwatch.training.run_folder import Journal, fingerprint, training_folder
from maskwatch.training.search import CLASSIFIER_SPACE, Report, Searched, Trial, TrialWork, search, tuned


@dataclass(frozen=True, slots=True, eq=False)
class TrainedClassifier:
    """`output` has its card beside it; `tested` is how each data set's test part is judged, by the set's name.

    `searched` is what came of the search before the training, None where there was none.
    """

    network: MaskNet
    output: Path
    tested: Mapping[str, Confusion]
    searched: Searched | None = None


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """Try so many `trials` of `epochs` each before the training, and train by the best.

    `storage` is the SQLAlchemy URL of a database for the study, None for a file beside the output (`.study.sqlite`).
    `worker_settings` say which workers make the trials, each on one core; they have to reach it. None is this process.
    """

    trials: int
    epochs: int = 10
    storage: str | None = None
    worker_settings: WorkerSettings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ShortTraining:
    """A trial of a search: its figure is the lowest balanced loss of the validation part."""

    faces: Sequence[LabelledFace]
    shape: Shape
    device: torch.device
    start: MaskNet | None = None

    def __call__(self, recipe: ClassifierRecipe, report: Report) -> float:
        """Train by the recipe; an epoch is a step."""
        lowest = math.inf

        def note(epoch: Epoch) -> None:
            nonlocal lowest
            lowest = min(lowest, epoch.balanced_loss)
            report(epoch.number, lowest)

        train(self.faces, self.shape, recipe, self.device, note, start=self.start)
        return lowest


class Start(NamedTuple):
    """What a training goes on from: the network, and its version (see `load_network`)."""

    network: MaskNet
    version: str


def train_classifier(
    data: Sequence[Path],
    output: Path,
    *,
    recipe: ClassifierRecipe | None = None,
    shape: Shape | None = None,
    start: Path | None = None,
    detect: DetectSettings | None = None,
    protected_at: float | None = None,
    device: torch.device | None = None,
    callbacks: Callbacks | None = None,
    classes: ClassNames = USUAL_NAMES,
    plan: SearchPlan | None = None,
    workers: int | None = None,
) -> TrainedClassifier:
    """Find the faces, train on the training part, keep the best epoch by the validation part, test, and write.

    `start` is a weight file to go on from, whose shape the network has then. With a `plan` the recipe is searched
    first, and is what it was where no trial is better.

    `data` are folders of any layout that `maskwatch.datasets` reads, and `classes` tells what their class names mean;
    `detect` tells which detector finds the
    faces, and from `protected_at` (0..1) on a face counts as protected in the test. None is what the service has.
    So many threads as `workers` make the training's pictures, None for one a core.
    Stopped, the same call goes on where it was (from `output` with the suffix `.training`). Raises `DataError` or `ModelError`.
    """
    recipe, shape, device = recipe or ClassifierRecipe(), shape or Shape(), device or torch.device("cpu")
    callbacks = callbacks or Callbacks()
    begun = None
    if start is not None:
        network, shape, version = load_network(start, device)
        begun = Start(network, version)
    detector = ready_detector(detect or DetectSettings(), device)
    sets = {
        name: _faces(name, labelled, detector, callbacks)
        for name, labelled in read_sets(data, classes, callbacks).items()
    }
    searched = None
    if plan is not None:
        searched = _search(
            sets, output, plan, recipe=recipe, shape=shape, start=begun, device=device, callbacks=callbacks
        )
        recipe = tuned(recipe, searched.best.parameters)
    network = _train(
        sets,
        output,
        recipe=recipe,
        shape=shape,
        start=begun,
        device=device,
        callbacks=callbacks,
        workers=workers,
    )
    judge = MaskClassifier(network, shape, device, output.stem)
    bound = ClassifySettings().protected_at if protected_at is None else protected_at
    tested = {
        name: evaluate(judge, [face for face in faces if face.split is Split.TEST], protected_at=bound)
        for name, faces in sets.items()
    }
    write_model(
        ClassifierTraining(network, shape, recipe, detector.version, sets, begun and begun.version),
        output,
        tested,
    )
    return TrainedClassifier(network, output, tested, searched)


def _faces(name: str, labelled: DataSet, detector: Detector, callbacks: Callbacks) -> list[LabelledFace]:
    faces, notes = gather(labelled.images, detector, callbacks.bar(f"finding faces in {name}"))
    callbacks.say(f"{name}: {len(faces)} faces, {len(notes)} pictures without one")
    return faces


def _search(
    sets: Mapping[str, Sequence[LabelledFace]],
    output: Path,
    plan: SearchPlan,
    *,
    recipe: ClassifierRecipe,
    shape: Shape,
    start: Start | None,
    device: torch.device,
    callbacks: Callbacks,
) -> Searched:
    every = [face for faces in sets.values() for face in faces]
    short = replace(recipe, epochs=plan.epochs)
    task = _task(every, short, shape, start)
    ended = 0

    def tell(trial: Trial) -> None:
        nonlocal ended
        ended += 1
        callbacks.stage("search", ended, plan.trials)
        values = ", ".join(f"{name} {value:.4g}" for name, value in trial.parameters.items())
        figure = "ended early" if trial.figure is None else f"balanced loss {trial.figure:.4f}"
        callbacks.say(f"trial {trial.number + 1:3d}  {figure}  {values}")

    file = output.with_suffix(".study.sqlite").absolute()
    work = TrialWork(
        ShortTraining(
            every, shape, torch.device("cpu") if plan.worker_settings else device, start and start.network
        ),
        short,
        CLASSIFIER_SPACE,
        name=f"classifier {sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()[:16]}",
        storage=plan.storage or f"sqlite:///{file}",
    )
    with parents_of(file):
        return search(work, trials=plan.trials, worker_settings=plan.worker_settings, on_trial=tell)


def _task(
    faces: Sequence[LabelledFace], recipe: ClassifierRecipe, shape: Shape, start: Start | None
) -> dict[str, object]:
    """What a training was asked to do, by which it is known again."""
    task: dict[str, object] = {
        "recipe": asdict(recipe),
        "shape": asdict(shape),
        "data": fingerprint((face.patch, (face.box,)) for face in faces),
    }
    return task if start is None else task | {"start": start.version}


def _train(
    sets: Mapping[str, Sequence[LabelledFace]],
    output: Path,
    *,
    recipe: ClassifierRecipe,
    shape: Shape,
    start: Start | None,
    device: torch.device,
    callbacks: Callbacks,
    workers: int | None,
) -> MaskNet:
    folder = output.with_suffix(".training")
    every = [face for faces in sets.values() for face in faces]
    task = _task(every, recipe, shape, start)
    with training_folder(folder, task) as goes_on, Journal(folder) as journal:
        if goes_on:
            callbacks.say(f"{folder}: goes on where it was")

        def tell(epoch: Epoch) -> None:
            figures = {"loss": epoch.loss, "validation loss": epoch.validation_loss}
            journal.note("classifier", epoch.number, {**figures, "accuracy": epoch.validation_accuracy})
            callbacks.say(
                f"epoch {epoch.number:3d}  loss {epoch.loss:.4f}  validation loss {epoch.validation_loss:.4f}  "
                f"accuracy {epoch.validation_accuracy:.4f}  {epoch.images_per_s:.0f} pictures/s{'  best' if epoch.best else ''}"
            )
            callbacks.epoch(epoch)

        return train(
            every,
            shape,
            recipe,
            device,
            tell,
            start=start and start.network,
            workers=workers,
            checkpoint=folder / "classifier.safetensors",
        )
