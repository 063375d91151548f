"""The scout's: of the published weights, with a card; or put into a detector's own file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from maskwatch.detect.scout import Scout, save_scout
from maskwatch.detect.weights import ARCHITECTURE, Weights, save_detector
from maskwatch.platform.files import write_atomically
from maskwatch.platform.tensor_files import opened
from maskwatch.training.cards.listing import listed
from maskwatch.training.scout import ScoutFigures, ScoutRecipe


def write_scout(
    scout: Scout,
    path: Path,
    *,
    made_for: str,
    recipe: ScoutRecipe,
    images: Mapping[str, Mapping[str, int]],
    figures: ScoutFigures,
) -> None:
    """Write the scout's weights to `path` and the card beside it; `pictures` counts each data set's parts."""
    about: dict[str, object] = {"recipe": asdict(recipe), "data": images, "validation": asdict(figures)}
    digest = save_scout(scout, path, made_for=made_for, about=about)
    lines = [
        f"# {path.name}",
        "",
        f"Tells the detector `{made_for}` where its P-Net is worth asking; of no use to other weights.",
        f"Three convolutions, {sum(p.numel() for p in scout.parameters()):,} parameters.",
        "",
        f"SHA-256 `{digest}`",
        "",
        "## Data",
        "",
        "Pictures, with the faces that this detector finds in them and those that people marked.",
        "Split by a hash of their names, near duplicates together; the test part was not used.",
        "",
    ]
    lines += [
        f"- `{name}`: " + ", ".join(f"{count} {part}" for part, count in parts.items())
        for name, parts in images.items()
    ]
    lines += ["", "## Training", ""]
    lines += listed(asdict(recipe))
    lines += [
        "",
        "## Figures",
        "",
        f"On the validation part {figures.kept:.1%} of the views with a face are kept (the bound was chosen so),",
        f"and {figures.passed:.1%} of those without one pass. What it costs in faces stands in the README.",
    ]
    write_atomically(path.with_suffix(".md"), ("\n".join(lines) + "\n").encode())


def write_with_scout(
    weights: Weights,
    source: Path,
    path: Path,
    *,
    recipe: ScoutRecipe,
    images: Mapping[str, Mapping[str, int]],
    figures: ScoutFigures,
) -> str:
    """Write the detector of the file `source`, whose `weights` have their scout now; returns the SHA-256.

    What `source` tells of its training is kept, and the scout's is added.
    """
    with opened(source, ARCHITECTURE, "detector") as file:
        about: dict[str, object] = file.fact("about")
    about["scout"] = {"recipe": asdict(recipe), "data": images, "validation": asdict(figures)}
    return save_detector(weights, path, about)
