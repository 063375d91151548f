"""A detector for a place: the cascade fine-tuned, and its operating point chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from maskwatch.datasets.faces import SeenImage
from maskwatch.datasets.records import Split
from maskwatch.detect.weights import Weights
from maskwatch.training.detector import Run, train
from maskwatch.training.thresholds import Choice, Runs, choose_point


@dataclass(frozen=True, slots=True)
class TuningTarget:
    """What the detector is for: the precision to keep, and the smallest faces that it will be asked for.

    Faces that nobody labelled count as false alarms, so the true precision is higher than what is measured.
    """

    precision: float = 0.95
    min_face_px: float = 12


@dataclass(frozen=True, slots=True)
class TunedDetector:
    """The weights with their operating point, and how that was chosen."""

    weights: Weights
    choice: Choice


def fine_tune(
    parts: Mapping[Split, Sequence[SeenImage]],
    start: Weights,
    target: TuningTarget,
    run: Run,
    *,
    through: Runs = iter,
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
    return TunedDetector(replace(weights, point=choice.point), choice)
