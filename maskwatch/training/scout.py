"""Training the scout (see `detect/scout.py`) on what a cascade makes of pictures; no labels are needed.

The cascade looks through every picture once, carefully. A view is then a positive where P-Net would have
answered for one of the faces that were found in the end, and a negative where nothing is near a face.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d

from maskwatch.core.errors import DataError
from maskwatch.core.records import Rgb
from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.backends.folded import folded_stage
from maskwatch.detect.boxes import STRIDE, WINDOW_PX
from maskwatch.detect.networks import normalise
from maskwatch.detect.scout import Scout
from maskwatch.detect.weights import Weights
from maskwatch.platform.threads import in_threads
from maskwatch.training import targets
from maskwatch.training.augmentation import level_view
from maskwatch.training.checkpoint import load_checkpoint, save_checkpoint
from maskwatch.training.schedule import warm_then_cosine

SIDE_PX = 190  # of a training picture: 90 x 90 cells of P-Net, 45 x 45 views
CELLS = 90
AIMED_PX = (11, 19)  # the size of the face that a view is about
SEEN_PX = (7, 24)  # faces of these sides may lie in a 12 px window
FACE_IOU, NEAR_IOU = 0.5, 0.25
UNSURE = float("nan")  # in the place of how near a cell is to a face, where nobody knows
TOLD = 500  # steps between two lines about the progress

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoutRecipe:
    """`keep` is the share of the validation part's positive views that stay above the bound; a face has several."""

    steps: int = 30_000
    batch: int = 8
    width: int = 24
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    positive_weight: float = 50
    keep: float = 0.98
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ScoutProgress:
    """The step, counted from 1, and the mean training loss since the last report."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class ScoutFigures:
    """On the validation part: the share of views with a face, and without one, that pass the bound."""

    kept: float
    passed: float


def train(
    images: Sequence[SeenImage],
    validation: Sequence[SeenImage],
    weights: Weights,
    recipe: ScoutRecipe,
    on_progress: Callable[[ScoutProgress], None],
    *,
    device: torch.device,
    checkpoint: Path | None = None,
) -> tuple[Scout, ScoutFigures]:
    """A scout for these weights' P-Net and its threshold, ready to predict, its bound chosen on the validation pictures.

    It is trained on `device` and comes back on the processor. `checkpoint` is a file from which a training that was stopped goes on. Raises `DataError` when a part
    shows no face.
    """
    for name, part in (("training", images), ("validation", validation)):
        if not any(image.faces for image in part):
            raise DataError(f"no picture of the {name} part shows a face")
    torch.manual_seed(recipe.seed)
    teacher = _Teacher(weights, device)
    scout = Scout(recipe.width).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        scout.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    state = load_checkpoint(checkpoint, scout, optimizer) if checkpoint else None
    done = state["step"] if state else 0
    loss_sum = 0.0
    for step, (rgb, near) in enumerate(
        _batches(images, recipe, range(done, recipe.steps), recipe.seed, device), done + 1
    ):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm_then_cosine(step - 1, recipe.steps)
        sure, maybe = _truth(teacher, rgb, near)
        weight = torch.where(sure > 0, recipe.positive_weight, 1 - maybe)
        logits = scout(normalise(rgb.permute(0, 3, 1, 2)))
        loss = (binary_cross_entropy_with_logits(logits, sure, reduction="none") * weight).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss_sum += loss.item()
        if step % TOLD == 0:
            on_progress(ScoutProgress(step, loss_sum / TOLD))
            loss_sum = 0.0
            if checkpoint:
                save_checkpoint(checkpoint, scout, optimizer, {"step": step})
    scout.eval().requires_grad_(requires_grad=False)
    figures = _choose_bound(scout, teacher, validation, recipe, device)
    return scout.cpu(), figures


class _Teacher:
    """The P-Net that the scout serves."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        pnet = nn.Sequential(*folded_stage(weights.pnet)).to(device)
        self._pnet = pnet.to(memory_format=torch.channels_last)
        self._log_odds = math.log(weights.point.scout_from / (1 - weights.point.scout_from))

    @torch.no_grad()
    def proposes(self, rgb: Tensor) -> Tensor:
        """For each cell `(N, 90, 90)` of views `(N, 190, 190, 3)`."""
        maps: Tensor = self._pnet(rgb.permute(0, 3, 1, 2).float())
        return maps[:, 0, :CELLS, :CELLS] >= self._log_odds


def _choose_bound(
    scout: Scout,
    teacher: "_Teacher",
    images: Sequence[SeenImage],
    recipe: ScoutRecipe,
    device: torch.device,
) -> ScoutFigures:
    """Move the scout's bias so that a view is worth a look from 0 on."""
    positives, negatives = [], []
    steps = range(max(40, len(images)))
    for rgb, near in _batches(images, recipe, steps, recipe.seed + 1, device):
        sure, maybe = _truth(teacher, rgb, near)
        with torch.inference_mode():
            logits = scout(normalise(rgb.permute(0, 3, 1, 2)))
        positives.append(logits[sure > 0].cpu())
        negatives.append(logits[(sure == 0) & (maybe == 0)].cpu())
    face, rest = torch.cat(positives), torch.cat(negatives)
    if not len(face):
        raise DataError("no picture of the validation part shows a face that P-Net proposes")
    bound = float(np.quantile(face.numpy(), 1 - recipe.keep))
    assert scout.conv3.bias is not None
    scout.conv3.bias -= bound
    return ScoutFigures((face >= bound).float().mean().item(), (rest >= bound).float().mean().item())


@torch.no_grad()
def _truth(teacher: "_Teacher", rgb: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """For each view `(N, 45, 45)` 0 or 1: it holds a face that P-Net proposes; it may hold one."""
    proposed = teacher.proposes(rgb)
    sure = proposed & (near >= FACE_IOU)
    maybe = (proposed & (near >= NEAR_IOU)) | (near >= FACE_IOU) | near.isnan()
    return tuple(max_pool2d(each.float()[:, None], 2)[:, 0].clone() for each in (sure, maybe))  # type: ignore[return-value]


def _batches(
    images: Sequence[SeenImage], recipe: ScoutRecipe, steps: range, seed: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each step, training pictures `(N, 190, 190, 3)` uint8 and how near each cell is to a face `(N, 90, 90)`.

    The same seed gives the same batches, whatever the device.
    """

    def one(number: int) -> tuple[Rgb, Floats]:
        random = np.random.default_rng((seed, number))
        image = images[int(random.integers(len(images)))]
        rgb, faces, unclear = level_view(image, SIDE_PX, AIMED_PX, random)
        near = _nearness(faces)
        near[_is_unsure(unclear) & (near < FACE_IOU)] = UNSURE
        return rgb, near

    size = recipe.batch
    made = in_threads(one, range(steps.start * size, steps.stop * size), ahead=8 * size)
    for _ in steps:
        rgb, near = zip(*islice(made, size), strict=True)
        yield torch.from_numpy(np.stack(rgb)).to(device), torch.from_numpy(np.stack(near)).to(device)


def _is_unsure(unclear: Floats) -> NDArray[np.bool_]:
    """Which cells' windows lie in an unclear place."""
    return targets.unsure(_windows(), unclear).reshape(CELLS, CELLS)


def _windows() -> Floats:
    """The window of each cell, `(90 * 90, 4)`."""
    row, column = np.mgrid[0:CELLS, 0:CELLS].reshape(2, -1).astype(np.float32) * STRIDE + 0.5
    return np.stack([column, row, column + WINDOW_PX, row + WINDOW_PX], axis=1)


def _nearness(faces: Floats) -> Floats:
    """The largest IoU of each cell's window with the square about a face `(N, 4)` of a size that it may hold."""
    sides = (faces[:, 2:] - faces[:, :2]).max(axis=1)
    fitting = faces[(sides > SEEN_PX[0]) & (sides < SEEN_PX[1])]
    near = targets.iou(_windows(), targets.squares(fitting)).max(axis=1, initial=0)
    return np.asarray(near.reshape(CELLS, CELLS), np.float32)
