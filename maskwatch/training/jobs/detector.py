"""The detector, from labelled folders to its file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from maskwatch.core.ports import Detector
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.faces import SeenImage, open_annotated
from maskwatch.datasets.records import Split
from maskwatch.detect.loading import ready_detector
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights, load_weights
from maskwatch.evaluation.detection import Detection, search_lowered
from maskwatch.evaluation.images import EvaluationImages, choose, without_faults
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.training.cards.detector import DetectorTraining, write_detector, write_detector_card
from maskwatch.training.detector import DetectorRecipe, Epoch, Run
from maskwatch.training.fine_tune import TunedDetector, TuningTarget, fine_tune
from maskwatch.training.jobs.callbacks import Callbacks
from maskwatch.training.jobs.sets import read_sets
from maskwatch.training.run_folder import Journal, fingerprint, training_folder

Parts = dict[Split, list[SeenImage]]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedDetector:
    """`output` has its card beside it; `tested` is what the start and it find in each data set's test part."""

    tuned: TunedDetector
    output: Path
    tested: Mapping[str, tuple[Detection, Detection]]


def train_detector(
    data: Sequence[Path],
    output: Path,
    *,
    start: str = "stock",
    target: TuningTarget | None = None,
    recipe: DetectorRecipe | None = None,
    teacher: Detector | None = None,
    device: torch.device | None = None,
    callbacks: Callbacks | None = None,
    classes: ClassNames = USUAL_NAMES,
    workers: int | None = None,
) -> TrainedDetector:
    """Fine-tune P-, R- and O-Net, choose the thresholds, test, and write.

    `data` are folders with boxes, of any layout that `maskwatch.datasets` reads, and `classes` tells what their class
    names mean; with a `teacher` (see `datasets.faces.open_annotated`) also folders whose labels are of whole pictures.
    `start` is the weights to start from, a file or `stock`. Stopped, the same call goes on where it was (from `output`
    with the suffix `.training`). So many threads as `workers` make its pictures, None for one a core. Raises `DataError`
    or `ModelError`.
    """
    weights, target, device = load_weights(start), target or TuningTarget(), device or torch.device("cpu")
    recipe, callbacks = recipe or DetectorRecipe(), callbacks or Callbacks()
    by_split: Parts = {split: [] for split in Split}
    counts, sets = {}, read_sets(data, classes, callbacks)
    for name, labelled in sets.items():
        bar = callbacks.bar(f"reading {name}")
        opened, notes = open_annotated(labelled.images, bar, teacher=teacher, source=name)
        callbacks.problems(notes)
        counts[name] = {str(split): len(images) for split, images in opened.items()}
        for split, images in opened.items():
            by_split[split] += images
    # before the training: a data set that cannot be tested on is refused at once
    tests = {
        name: without_faults(choose(name, each, SplitChoice.TEST, list))
        for name, each in sets.items()
        if teacher is None or any(truth.box for image in each.images for truth in image.truths)
    }
    making = DetectorTraining(weights.version, target, recipe, counts)
    tuned = _tune(by_split, weights, making, output, device=device, callbacks=callbacks, workers=workers)
    point = tuned.choice.point
    callbacks.say(
        f"thresholds {', '.join(f'{t:g}' for t in point.thresholds)}, powers {', '.join(f'{p:g}' for p in point.powers)}: "
        f"recall {tuned.choice.recall:.3f} at precision {tuned.choice.precision:.3f} on the validation part"
    )
    digest = write_detector(tuned, making, output)
    tested = {
        name: _tested(
            each, (start, str(output)), min_face_px=target.min_face_px, device=device, callbacks=callbacks
        )
        for name, each in tests.items()
    }
    write_detector_card(tuned, making, output, digest, tested)
    return TrainedDetector(tuned, output, tested)


def _tune(
    by_split: Parts,
    start: Weights,
    making: DetectorTraining,
    output: Path,
    *,
    device: torch.device,
    callbacks: Callbacks,
    workers: int | None,
) -> TunedDetector:
    folder = output.with_suffix(".training")
    task = {
        "recipe": asdict(making.recipe),
        "wish": asdict(making.target),  # the name in the folders of earlier trainings
        "start": start.version,
        "data": {
            str(split): fingerprint((p.rgb, p.faces, p.unclear) for p in images)
            for split, images in by_split.items()
        },
    }
    with training_folder(folder, task) as goes_on, Journal(folder) as journal:
        if goes_on:
            callbacks.say(f"{folder}: goes on where it was")

        def tell(epoch: Epoch) -> None:
            figures = {"loss": epoch.loss, "validation loss": epoch.validation_loss}
            figures |= {"recall": epoch.recall, "precision": epoch.precision}
            journal.note(epoch.stage, epoch.step, figures)
            callbacks.say(
                f"{epoch.stage}  step {epoch.step:5d}  loss {epoch.loss:.3f}  validation: "
                f"loss {epoch.validation_loss:.3f}  recall {epoch.recall:.3f}  precision {epoch.precision:.3f}"
                f"  {epoch.images_per_s:.0f} pictures/s"
                f"{'  best' if epoch.best else ''}"
            )
            callbacks.epoch(epoch)

        run = Run(making.recipe, device, folder, tell, callbacks.stage, workers)
        return fine_tune(by_split, start, making.target, run, through=callbacks.bar("thresholds"))


def _tested(
    material: EvaluationImages,
    weights: tuple[str, str],
    *,
    min_face_px: float,
    device: torch.device,
    callbacks: Callbacks,
) -> tuple[Detection, Detection]:
    """What each of the two finds in the test part."""
    before, after = (
        search_lowered(
            lambda settings: ready_detector(settings, device),
            Settings(weights=each, min_face_px=min_face_px),
            material,
            callbacks.bar("finding faces"),
        )
        for each in weights
    )
    return before, after
