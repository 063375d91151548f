"""A detector for a place: the cascade fine-tuned, its operating point chosen, and a scout to go with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from maskwatch.datasets.faces import SeenImage
from maskwatch.datasets.records import Split
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights
from maskwatch.training import scout as train_scout
from maskwatch.training.detector import Run, train
from maskwatch.training.thresholds import Choice, Runs, choose_point

CAREFUL = (0.2, 0.2)  # for the scout's teacher R-Net and O-Net let through more than live


@dataclass(frozen=True, slots=True)
class TuningTarget:
    """What the detector is for: the precision to keep, and the smallest faces that it will be asked for.

    Faces that nobody labelled count as false alarms, so the true precision is higher than what is measured.
    """

    precision: float = 0.95
    min_face_px: float = 12


@dataclass(frozen=True, slots=True)
class TunedDetector:
    """The weights, with operating point and scout; how the point was chosen, and how well the scout does."""

    weights: Weights
    choice: Choice
    scout: train_scout.ScoutFigures | None


def fine_tune(
    parts: Mapping[Split, Sequence[SeenImage]],
    start: Weights,
    target: TuningTarget,
    run: Run,
    scout_recipe: train_scout.ScoutRecipe | None,
    *,
    through: Runs = iter,
    on_scout: Callable[[train_scout.ScoutProgress], None] = lambda _: None,
) -> TunedDetector:
    """Uses the training and the validation part alone. Raises `DataError` when one of them shows no face."""
    training, validation = parts[Split.TRAIN], parts[Split.VALIDATION]
    weights = train(training, validation, start, run)
    choice = choose_point(
        weights,
        validation,
        precision=target.precision,
        min_face_px=target.min_face_px,
        device=run.device,
        through=through,
    )
    weights = replace(weights, point=choice.point)
    if scout_recipe is None:
        return TunedDetector(weights, choice, None)
    teacher = scouts_teacher(weights, target.min_face_px, run.device)
    seen, held = ([_with_found(teacher, image) for image in part] for part in (training, validation))
    scout, figures = train_scout.train(
        seen,
        held,
        weights,
        scout_recipe,
        on_scout,
        device=run.device,
        checkpoint=run.folder / "scout.safetensors",
    )
    return TunedDetector(replace(weights, scout=scout), choice, figures)


def scouts_teacher(weights: Weights, min_face_px: float, device: torch.device) -> Mtcnn:
    """The detector itself, letting more through than live, and looking everywhere."""
    thresholds = (weights.point.scout_from, *CAREFUL)
    settings = Settings(min_face_px=min_face_px, thresholds=thresholds, scout=False)
    return Mtcnn(choose("auto", weights, device), settings, "teacher", weights.point)


def _with_found(detector: Mtcnn, image: SeenImage) -> SeenImage:
    found = (face.box for face in detector.detect([image.rgb])[0])
    return SeenImage(image.rgb, (*image.faces, *found))
