"""The detector's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from maskwatch.detect.weights import save_detector
from maskwatch.evaluation.detection import Detection
from maskwatch.evaluation.matching import BUCKETS, SIZE
from maskwatch.platform.files import write_atomically
from maskwatch.training.cards.listing import listed
from maskwatch.training.detector import DetectorRecipe
from maskwatch.training.fine_tune import TunedDetector, TuningTarget

MIRRORED = (
    "O-Net is asked once more about each box that it gave, mirrored, and the mean of the",
    "log-odds counts.",
)
OLD_ONET = ("O-Net as it was before the training is asked about the same box, too.",)


@dataclass(frozen=True, slots=True)
class DetectorTraining:
    """How a detector came to be; `sets` counts the pictures of each data set's parts."""

    start: str
    target: TuningTarget
    recipe: DetectorRecipe
    sets: Mapping[str, Mapping[str, int]]


def write_detector(tuned: TunedDetector, making: DetectorTraining, path: Path) -> str:
    """Write the weights to `path`; returns the SHA-256, which the card tells."""
    about = {
        **asdict(making),
        "validation": {"recall": tuned.choice.recall, "precision": tuned.choice.precision},
    }
    return save_detector(tuned.weights, path, about)


def write_detector_card(
    tuned: TunedDetector,
    making: DetectorTraining,
    path: Path,
    digest: str,
    tested: Mapping[str, tuple[Detection, Detection]],
) -> None:
    """`tested`: what the weights that it started from, and it, find in each data set's test part."""
    weights, point = tuned.weights, tuned.weights.point
    networks = [weights.pnet, weights.rnet, weights.onet]
    if weights.old_onet is not None:
        networks.append(weights.old_onet)
    lines = [
        f"# {path.name}",
        "",
        "Finds faces, masked or bare: MTCNN's P-, R- and O-Net fine-tuned.",
        f"{sum(p.numel() for network in networks for p in network.parameters()):,} parameters.",
        f"Thresholds {_numbers(point.thresholds)}; a face's score is the product of the three",
        f"networks' probabilities to the powers {_numbers(point.powers)}.",
        *(MIRRORED if point.mirrored else ()),
        *(OLD_ONET if point.mirrored and weights.old_onet is not None else ()),
        "",
        f"SHA-256 `{digest}`",
        "",
        "## Data",
        "",
        "Pictures with boxes, split by a hash of their names, near duplicates together.",
        "",
    ]
    lines += [
        f"- `{name}`: " + ", ".join(f"{count} {split}" for split, count in counts.items())
        for name, counts in making.sets.items()
    ]
    lines += ["", "## Training", "", f"From `{making.start}`.", ""]
    lines += listed(asdict(making.recipe))
    lines += [
        "",
        f"The thresholds and powers were chosen on the validation part, for precision {making.target.precision:g}",
        f"with `min_face_px: {making.target.min_face_px:g}`, where they give",
        f"recall {tuned.choice.recall:.3f} at precision {tuned.choice.precision:.3f}.",
        "",
        "## Figures",
        "",
        f"On the test parts, which no training and no choice ever saw, with `min_face_px: {making.target.min_face_px:g}`.",
        f"A face is found when a box overlaps it with an IoU of at least 0.4; its size is {SIZE}.",
        "",
        "| data | weights | faces | recall | precision | "
        + " | ".join(f"recall {b.name}" for b in BUCKETS)
        + " |",
        "|---" * (5 + len(BUCKETS)) + "|",
    ]
    for name, (before, after) in tested.items():
        lines += [_row(name, f"`{making.start}`", before), _row(name, "these", after)]
    write_atomically(path.with_suffix(".md"), ("\n".join(lines) + "\n").encode())


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _row(data: str, weights: str, detection: Detection) -> str:
    every = detection.counts()
    answers = every.found + every.false_alarms
    shares = [every.recall, every.found / answers if answers else None]
    shares += [detection.counts(bucket).recall for bucket in BUCKETS]
    cells = " | ".join("-" if share is None else f"{share:.3f}" for share in shares)
    return f"| `{data}` | {weights} | {every.truths} | {cells} |"
