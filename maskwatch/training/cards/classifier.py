"""The classifier's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from maskwatch.classify.network import MaskNet, Shape, save_network
from maskwatch.datasets.faces import LabelledFace
from maskwatch.evaluation.classification import Confusion
from maskwatch.platform.files import write_atomically
from maskwatch.training.cards.listing import listed
from maskwatch.training.classifier import ClassifierRecipe


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierTraining:
    """A network and where it comes from; `sets` are the faces of each data set by its name.

    `start` is the version of the weights that the training went on from; None where it began from nothing.
    """

    network: MaskNet
    shape: Shape
    recipe: ClassifierRecipe
    detector: str
    sets: Mapping[str, Sequence[LabelledFace]]
    start: str | None = None


def write_model(trained: ClassifierTraining, path: Path, results: Mapping[str, Confusion]) -> None:
    """Write the weights to `path` (safetensors) and the card beside it (Markdown)."""
    figures = {name: counts.as_dict() for name, counts in results.items()}
    about: dict[str, object] = {
        "recipe": asdict(trained.recipe),
        "detector": trained.detector,
        "data": {name: _counted(faces) for name, faces in trained.sets.items()},
        "test": figures,
        "start": trained.start,
    }
    digest = save_network(trained.network, trained.shape, path, about)
    write_atomically(path.with_suffix(".md"), _card(trained, path.name, digest, results).encode())


def _counted(faces: Sequence[LabelledFace]) -> dict[str, int]:
    counts = Counter(f"{f.split} {f.label}" for f in faces)
    return dict(sorted(counts.items()))


def _card(trained: ClassifierTraining, name: str, digest: str, results: Mapping[str, Confusion]) -> str:
    shape, recipe = trained.shape, trained.recipe
    parameters = sum(p.numel() for p in trained.network.parameters())
    lines = [
        f"# {name}",
        "",
        "Gives the probability that a mask covers nose **and** mouth.",
        f"Two convolutions, {parameters:,} parameters.",
        f"Input {shape.side_px} x {shape.side_px} px RGB, crop margin {shape.margin}.",
        "",
        f"SHA-256 `{digest}`",
        "",
        "## Data",
        "",
        f"Faces found by the detector `{trained.detector}`; in training also the true boxes.",
        "Pictures are split by a hash of their names, near duplicates together.",
        "",
    ]
    lines += [
        f"- `{data}`: " + ", ".join(f"{count} {key}" for key, count in _counted(faces).items())
        for data, faces in trained.sets.items()
    ]
    lines += ["", "## Training", ""]
    if trained.start:
        lines += [f"Went on from `{trained.start}`.", ""]
    lines += listed(asdict(recipe))
    lines += [
        "",
        "The epoch with the lowest loss on the validation part was kept, and its probabilities calibrated there.",
        "",
        "## Figures",
        "",
    ]
    lines += ["On the test parts, which no training and no choice ever saw. Positive means protected.", ""]
    lines += [
        "| data | faces | TP | FP | TN | FN | accuracy | precision | recall |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for data, counts in results.items():
        shares = " | ".join(
            "-" if v is None else f"{v:.4f}" for v in (counts.accuracy, counts.precision, counts.recall)
        )
        cells = f"{counts.total} | {counts.tp} | {counts.fp} | {counts.tn} | {counts.fn}"
        lines.append(f"| `{data}` | {cells} | {shares} |")
    return "\n".join(lines) + "\n"
