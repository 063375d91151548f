"""Training the scout (see `detect/scout.py`) on what a cascade makes of pictures; no labels are needed.

The cascade looks through every picture once, carefully. A view is then a positive where P-Net would have
answered for one of the faces that were found in the end, and a negative where nothing is near a face.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d

from maskwatch.core.errors import DataError
from maskwatch.core.records import Rgb
from maskwatch.detect.backends.folded import folded_stage
from maskwatch.detect.boxes import STRIDE, WINDOW_PX
from maskwatch.detect.networks import PNet, normalise
from maskwatch.detect.scout import Scout
from maskwatch.learn.faces import SeenPicture

SIDE_PX = 190  # of a training picture: 90 x 90 cells of P-Net, 45 x 45 views
CELLS = 90
SEEN_PX = (7, 24)  # faces of these sides may lie in a 12 px window
FACE_IOU, NEAR_IOU = 0.5, 0.25

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`keep` is the share of the validation part's positive views that stay above the bound; a face has several."""

    steps: int = 30_000
    batch: int = 8
    width: int = 24
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    positive_weight: float = 50
    keep: float = 0.85
    seed: int = 0
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Progress:
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class Figures:
    """On the validation part: the share of views with a face, and without one, that pass the bound."""

    kept: float
    passed: float


def train(
    pictures: Sequence[SeenPicture],
    validation: Sequence[SeenPicture],
    pnet: PNet,
    recipe: Recipe,
    on_progress: Callable[[Progress], None],
) -> tuple[Scout, Figures]:
    """A scout for this P-Net, ready to predict, its bound chosen on the validation pictures.

    Raises `DataError` when a part shows no face.
    """
    for name, part in (("training", pictures), ("validation", validation)):
        if not any(picture.faces for picture in part):
            raise DataError(f"no picture of the {name} part shows a face")
    torch.manual_seed(recipe.seed)
    teacher = nn.Sequential(*folded_stage(pnet)).to(memory_format=torch.channels_last)
    scout = Scout(recipe.width).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        scout.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1
    )
    loss_sum = 0.0
    for step, (rgb, near) in enumerate(_batches(pictures, recipe, recipe.steps, recipe.seed), 1):
        sure, maybe = _truth(teacher, rgb, near)
        weight = torch.where(sure > 0, recipe.positive_weight, 1 - maybe)
        logits = scout(normalise(rgb.permute(0, 3, 1, 2)))
        loss = (binary_cross_entropy_with_logits(logits, sure, reduction="none") * weight).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        loss_sum += loss.item()
        if step % 500 == 0:
            on_progress(Progress(step, loss_sum / 500))
            loss_sum = 0.0
    scout.eval().requires_grad_(requires_grad=False)
    return scout, _choose_bound(scout, teacher, validation, recipe)


def _choose_bound(
    scout: Scout, teacher: nn.Module, pictures: Sequence[SeenPicture], recipe: Recipe
) -> Figures:
    """Move the scout's bias so that a view is worth a look from 0 on."""
    positives, negatives = [], []
    for rgb, near in _batches(pictures, recipe, max(40, len(pictures)), recipe.seed + 1):
        sure, maybe = _truth(teacher, rgb, near)
        with torch.inference_mode():
            logits = scout(normalise(rgb.permute(0, 3, 1, 2)))
        positives.append(logits[sure > 0])
        negatives.append(logits[(sure == 0) & (maybe == 0)])
    face, rest = torch.cat(positives), torch.cat(negatives)
    if not len(face):
        raise DataError("no picture of the validation part shows a face that P-Net proposes")
    bound = float(np.quantile(face.numpy(), 1 - recipe.keep))
    assert scout.conv3.bias is not None
    scout.conv3.bias -= bound
    return Figures((face >= bound).float().mean().item(), (rest >= bound).float().mean().item())


@torch.no_grad()
def _truth(teacher: nn.Module, rgb: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """For each view `(N, 45, 45)` 0 or 1: it holds a face that P-Net proposes; it may hold one."""
    proposed = teacher(rgb.permute(0, 3, 1, 2).float())[:, 0, :CELLS, :CELLS] >= 0
    sure = proposed & (near >= FACE_IOU)
    maybe = (proposed & (near >= NEAR_IOU)) | (near >= FACE_IOU)
    return tuple(max_pool2d(each.float()[:, None], 2)[:, 0].clone() for each in (sure, maybe))  # type: ignore[return-value]


def _batches(
    pictures: Sequence[SeenPicture], recipe: Recipe, count: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """`count` times training pictures `(N, 190, 190, 3)` uint8 and how near each cell is to a face `(N, 90, 90)`.

    The same seed gives the same batches. Threads make them: OpenCV hangs in forked processes.
    """

    def one(number: int) -> tuple[Rgb, Floats]:
        random = np.random.default_rng((seed, number))
        rgb, faces = _view(pictures[int(random.integers(len(pictures)))], random)
        return rgb, _nearness(faces)

    with ThreadPoolExecutor(recipe.workers) as pool:
        for first in range(0, count * recipe.batch, 64 * recipe.batch):
            last = min(first + 64 * recipe.batch, count * recipe.batch)
            made = pool.map(one, range(first, last))
            for _ in range((last - first) // recipe.batch):
                rgb, near = zip(*(next(made) for _ in range(recipe.batch)), strict=True)
                yield torch.from_numpy(np.stack(rgb)), torch.from_numpy(np.stack(near))


def _view(picture: SeenPicture, random: np.random.Generator) -> tuple[Rgb, NDArray[Any]]:
    """A part of a picture at some scale, as a level of a pyramid shows it, and its faces `(N, 4)`."""
    height, width = picture.rgb.shape[:2]
    smallest = 24 / min(height, width)
    faces: NDArray[Any] = np.array(picture.faces, np.float32).reshape(-1, 4)
    face = faces[random.integers(len(faces))] if len(faces) and random.random() < 0.6 else None
    if face is None:
        scale = max(smallest, math.exp(random.uniform(math.log(0.2), math.log(1.3))))
        reach = int(SIDE_PX / scale) + 1
        left = int(random.integers(max(1, width - reach + 1)))
        top = int(random.integers(max(1, height - reach + 1)))
    else:  # at the size that P-Net sees
        side = max(float(face[2] - face[0]), float(face[3] - face[1]), 1.0)
        scale = min(max(random.uniform(11, 19) / side, smallest), 2.5)
        reach = int(SIDE_PX / scale) + 1
        centre = (face[:2] + face[2:]) / 2 - random.random(2) * reach
        left = int(np.clip(centre[0], 0, max(0, width - reach)))
        top = int(np.clip(centre[1], 0, max(0, height - reach)))
    part = picture.rgb[top : top + reach, left : left + reach]
    size = tuple(min(SIDE_PX, max(12, round(length * scale))) for length in part.shape[1::-1])
    shrunk = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA)
    ratio = np.array([size[0] / part.shape[1], size[1] / part.shape[0]] * 2, np.float32)
    faces = (faces - np.array([left, top, left, top], np.float32)) * ratio
    if random.random() < 0.5:
        shrunk = shrunk[:, ::-1]
        faces = np.stack([size[0] - faces[:, 2], faces[:, 1], size[0] - faces[:, 0], faces[:, 3]], axis=1)
    field = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    field[: size[1], : size[0]] = _in_other_light(shrunk, random)
    return field, faces


def _in_other_light(rgb: NDArray[Any], random: np.random.Generator) -> Floats:
    values: NDArray[Any] = rgb.astype(np.float32)
    if random.random() < 0.6:
        values = (values - 128) * random.uniform(0.5, 1.3) + 128 + random.uniform(-50, 40)
        values = values + random.uniform(-12, 12, 3)
    if random.random() < 0.3:
        values = values + random.normal(0, random.uniform(1, 8), values.shape)
    return np.asarray(np.clip(values, 0, 255), np.float32)


def _nearness(faces: NDArray[Any]) -> Floats:
    """The largest IoU of each cell's window with the square about a face of a size that it may hold."""
    row, column = np.mgrid[0:CELLS, 0:CELLS].astype(np.float32) * STRIDE + 0.5
    best = np.zeros((CELLS, CELLS), np.float32)
    for x1, y1, x2, y2 in faces:
        side = max(x2 - x1, y2 - y1)
        if not SEEN_PX[0] < side < SEEN_PX[1]:
            continue
        left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
        across = np.minimum(column + WINDOW_PX, left + side) - np.maximum(column, left)
        down = np.minimum(row + WINDOW_PX, top + side) - np.maximum(row, top)
        overlap = np.maximum(across, 0) * np.maximum(down, 0)
        best = np.maximum(best, overlap / (WINDOW_PX**2 + side**2 - overlap))
    return best
